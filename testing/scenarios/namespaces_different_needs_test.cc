// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Two namespaces whose paths differ.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <tuple>
#include <vector>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/link.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr char kWmem[] = "net.ipv4.tcp_wmem";
constexpr double kMbit = 200;
constexpr double kNearRttMs = 20;
constexpr double kFarRttMs = 100;

struct Network {
  Host sender;
  Host receiver;
  Link link;
};

Result<Network> Create(const std::string& name, double rtt_ms) {
  auto sender = Host::Create(name);
  if (!sender) return sender.error();
  auto receiver = Host::Create(name + "-peer");
  if (!receiver) return receiver.error();
  for (const auto& [host, tunable, value] :
       {std::tuple{*sender, kWmem, "4096 16384 131072"},
        {*receiver, "net.ipv4.tcp_rmem", "4096 131072 67108864"},
        {*sender, "net.ipv4.tcp_no_metrics_save", "1"}}) {
    auto set = host.SetSysctl(tunable, value);
    if (!set) return set.error();
  }
  auto link = Link::Create(*sender, *receiver, {.rate_mbit = kMbit, .delay_ms = rtt_ms / 2});
  if (!link) return link.error();
  return Network{*sender, *receiver, std::move(*link)};
}

int64_t Cap(const Host& host) {
  auto text = host.GetSysctl(kWmem);
  const auto values = text ? ParseVector(*text) : std::vector<int64_t>();
  return values.size() == 3 ? values[2] : 0;
}

TEST(NamespacesTest, EachGetsWhatItsOwnPathNeedsAndTheLogNamesIt) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Network near, Create("near", kNearRttMs));
  ASSERT_OK_AND_ASSIGN(Network far, Create("far", kFarRttMs));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&near.sender, &far.sender}));

  ASSERT_OK_AND_ASSIGN(BulkFlow short_way, BulkFlow::Start(near.link.a(), near.link.b()));
  ASSERT_OK_AND_ASSIGN(BulkFlow long_way, BulkFlow::Start(far.link.a(), far.link.b()));

  const auto bdp = [](double rtt_ms) { return kMbit * 1e6 / 8 * rtt_ms / 1e3; };
  EXPECT_TRUE(EventuallyTrue([&] { return Cap(near.sender) >= bdp(kNearRttMs); }, 20s));
  EXPECT_TRUE(EventuallyTrue([&] { return Cap(far.sender) >= bdp(kFarRttMs); }, 20s));
  long_way.WaitUntil(long_way.age_s() + 2);  // time to go too far
  EXPECT_LE(Cap(near.sender), 4 * bdp(kNearRttMs));
  EXPECT_LE(Cap(far.sender), 4 * bdp(kFarRttMs));
  EXPECT_GT(Cap(far.sender), Cap(near.sender));

  for (const Host& host : {near.sender, far.sender}) {
    const auto line = daemon.WaitForLine(OccurredIn(host, kWmem), 1s);
    ASSERT_TRUE(line) << host.name();
    EXPECT_EQ(line->captures[0], std::to_string(host.cookie() != 0 ? host.cookie() : host.inode()));
  }
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  for (const Host& host : {near.sender, far.sender}) {
    EXPECT_EQ(daemon.CountLines("^sysctl 'net.ipv4.tcp_wmem' in netns of pid [0-9]+ '" +
                                host.name() + "' .*changed from \\(4096 16384 131072\\) -> "),
              1U);
  }
}

}  // namespace
}  // namespace bpftune::testing
