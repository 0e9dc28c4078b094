// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Our link emulator against the kernel's own, netem on a veth pair: the same delay, rate and loss
// are asked of both, and what traffic sees must agree. For a machine that has sch_netem; in virtual
// time neither is disturbed by others.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/child_process.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/host.h"
#include "testing/netns_harness/link.h"
#include "testing/netns_harness/traffic.h"
#include "testing/privilege.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

// Sets what leaves by this device: the words of `tc qdisc replace dev DEVICE root netem`.
Status Shape(const Endpoint& end, const std::vector<std::string>& netem) {
  std::vector<std::string> words = {"tc", "qdisc", "replace", "dev", end.device, "root", "netem"};
  words.insert(words.end(), netem.begin(), netem.end());
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  auto child = end.host.Run([&] {
    return ChildProcess::Start([&] {
      execvp(arguments[0], arguments.data());
      return 127;
    });
  });
  if (!child) return child.error();
  const std::optional<int> status = child->Wait(10s);
  if (!status || !WIFEXITED(*status) || WEXITSTATUS(*status) != 0) {
    return Error("tc cannot set netem");
  }
  return Ok();
}

class NetemCrossCheck : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }

  // A path by each; netem shapes both ways alike.
  void Build(const LinkParameters& ours, const std::vector<std::string>& netem) {
    for (auto* host : {&a_, &b_, &c_, &d_}) {
      *host = Host::Create("host");
      ASSERT_OK(*host);
      ASSERT_OK((*host)->SetSysctl("net.ipv4.tcp_rmem", "4096 131072 67108864"));
      ASSERT_OK((*host)->SetSysctl("net.ipv4.tcp_wmem", "4096 131072 67108864"));
    }
    link_ = Link::Create(*a_, *b_, ours);
    ASSERT_OK(link_);
    pair_ = VethPair::Create(*c_, *d_);
    ASSERT_OK(pair_);
    ASSERT_OK(Shape(pair_->a, netem));
    ASSERT_OK(Shape(pair_->b, netem));
  }

  Result<Host> a_ = Error("not yet");
  Result<Host> b_ = Error("not yet");
  Result<Host> c_ = Error("not yet");
  Result<Host> d_ = Error("not yet");
  Result<Link> link_ = Error("not yet");
  Result<VethPair> pair_ = Error("not yet");
};

TEST_F(NetemCrossCheck, RoundTripsTakeTheSameToAMillisecond) {
  ASSERT_NO_FATAL_FAILURE(Build({.delay_ms = 20}, {"delay", "20ms"}));
  ASSERT_OK(Ping(pair_->a, pair_->b, {.count = 1}));  // what finding the neighbour takes
  ASSERT_OK_AND_ASSIGN(PingReport ours, Ping(link_->a(), link_->b()));
  ASSERT_OK_AND_ASSIGN(PingReport netems, Ping(pair_->a, pair_->b));

  std::printf("round trip of 40 ms: ours %.2f, netem's %.2f ms\n", ours.median_ms,
              netems.median_ms);
  EXPECT_NEAR(netems.median_ms, 40, 1);
  EXPECT_NEAR(ours.median_ms, netems.median_ms, 1);
}

TEST_F(NetemCrossCheck, RatesAgreeToATenth) {
  ASSERT_NO_FATAL_FAILURE(Build({.rate_mbit = 20, .delay_ms = 5, .queue_bdp = 4},
                                {"delay", "5ms", "rate", "20mbit", "limit", "1000"}));
  ASSERT_OK_AND_ASSIGN(BulkFlow over_ours, BulkFlow::Start(link_->a(), link_->b()));
  over_ours.WaitUntil(6);
  const double ours = over_ours.MbitPerSecond(2, 6);
  over_ours.Stop();
  ASSERT_OK_AND_ASSIGN(BulkFlow over_netem, BulkFlow::Start(pair_->a, pair_->b));
  over_netem.WaitUntil(6);
  const double netems = over_netem.MbitPerSecond(2, 6);

  std::printf("rate of 20 Mbit/s: ours %.2f, netem's %.2f Mbit/s of payload\n", ours, netems);
  EXPECT_NEAR(netems, 19, 2);
  EXPECT_NEAR(ours, netems, 2);
}

TEST_F(NetemCrossCheck, LossesAgreeAsFarAsChanceLetsThem) {
  // One way of 5 % each, 2000 requests: 9.75 % are lost there or back, with a standard deviation of
  // 0.66 %; four of them are the bound.
  constexpr double kLost = 9.75;
  constexpr double kBound = 2.7;
  ASSERT_NO_FATAL_FAILURE(Build({.loss_percent = 5}, {"loss", "5%"}));
  const PingOptions many = {.count = 2000, .interval_ms = 2};
  ASSERT_OK_AND_ASSIGN(PingReport ours, Ping(link_->a(), link_->b(), many));
  ASSERT_OK_AND_ASSIGN(PingReport netems, Ping(pair_->a, pair_->b, many));

  std::printf("loss of 5 %% each way: ours %.2f, netem's %.2f %% of requests\n",
              ours.loss_percent(), netems.loss_percent());
  EXPECT_NEAR(netems.loss_percent(), kLost, kBound);
  EXPECT_NEAR(ours.loss_percent(), kLost, kBound);
}

}  // namespace
}  // namespace bpftune::testing
