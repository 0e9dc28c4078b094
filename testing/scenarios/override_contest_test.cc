// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// All who have their own idea of the same tunables, in one namespace and at once, while traffic
// asks for more: two bpftunes, a tool like TuneD, sysctl(8) again and again, a program like
// kube-proxy. Nobody fights: a value is theirs who wrote it last, and nobody writes over it.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/client_case.h"
#include "testing/scenarios/listen_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kRounds = 30;
constexpr char kFoundOut[] = ".* where bpftune had written .*: somebody else changed it";
// Each way the path holds four times what the maximum allows.
const BulkCase kCase = {.side = Side::kSend, .cap = 1310720, .rtt_ms = 100, .rate_mbit = 400};

// Somebody who wants a value of a tunable, and when they write it.
struct Writer {
  const char* tunable;
  const char* value;
  enum { kAlways, kWhereItDiffers, kBySysctl } how;
};
constexpr Writer kWriters[] = {
    {"net.ipv4.tcp_wmem", "4096 16384 1000000", Writer::kAlways},    // TuneD
    {"net.ipv4.tcp_rmem", "4096 131072 900000", Writer::kBySysctl},  // a line in cron
    {kSomaxconn, "500", Writer::kWhereItDiffers},                    // kube-proxy
};

class OverrideContestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    auto path = Path::Create(kCase);
    ASSERT_OK(path);
    path_.push_back(std::move(*path));
    ASSERT_OK(host().SetSysctl("net.ipv4.tcp_rmem", "4096 131072 1310720"));
    ASSERT_OK(host().SetSysctl(kSomaxconn, "128"));
  }

  const Host& host() const { return *path_.front().a; }
  const Host& peer() const { return *path_.front().b; }

  std::string Value(const char* tunable) const {
    auto text = host().GetSysctl(tunable);
    return text ? *text : text.error().message();
  }
  Status Write(const Writer& writer) const {
    if (writer.how == Writer::kBySysctl) {
      const std::string file = ::testing::TempDir() + "99-contest.conf";
      std::ofstream(file) << writer.tunable << " = " << writer.value << "\n";
      auto applied = RunClient(kSysctl, {"-q", "-p", file}, host());
      return applied ? Ok() : Status(applied.error());
    }
    if (writer.how == Writer::kWhereItDiffers && Value(writer.tunable) == writer.value) return Ok();
    auto written = Administrate(host(), writer.tunable, writer.value);
    return written ? Ok() : Status(written.error());
  }

  // New connections each way, and a listener, that want more than there is.
  void AskForMore(int backlog) {
    const Link& link = *path_.front().link;
    for (const auto& [from, to] : {std::pair{link.a(), link.b()}, {link.b(), link.a()}}) {
      ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(from, to));
      flows_.push_back(std::move(flow));
    }
    ASSERT_OK_AND_ASSIGN(Listener listener, ListenFor(Loopback(host()), backlog));
    listeners_.push_back(std::move(listener));
  }

  // A line for the handover, not for each write; and no change of ours after it.
  bool IsLeftAloneFromTheOneLineOn(const Daemon& daemon, const std::string& tunable,
                                   const std::string& pattern) const {
    // A pulse on the socket of a connection is said too, but changes no sysctl.
    std::string changed = OccurredIn(host(), tunable);
    changed.insert(changed.find('.'), "(?!receive buffer of a connection)");
    const auto line = daemon.WaitForLine(pattern, 0ms);
    return line && daemon.CountLines(pattern) == 1 &&
           !daemon.WaitForLine(changed, 0ms, line->number + 1);
  }

  std::vector<Path> path_;  // one
  std::vector<BulkFlow> flows_;
  std::vector<Listener> listeners_;
};

TEST_F(OverrideContestTest, WhoeverWritesAllTheTimeHasItFromTheFirstTimeOnInOneLine) {
  ASSERT_OK(Installed(kSysctl));
  std::vector<Daemon> daemons;
  for (const auto& hosts : {std::vector{&host()}, {&host(), &peer()}}) {
    ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon(hosts));
    daemons.push_back(std::move(daemon));
  }
  ASSERT_NO_FATAL_FAILURE(AskForMore(1000));
  for (const Writer& writer : kWriters) {
    EXPECT_TRUE(EventuallyTrue(
        [&] {
          return std::ranges::any_of(daemons, [&](const Daemon& daemon) {
            return daemon.CountLines(OccurredIn(host(), writer.tunable)) != 0;
          });
        },
        30s))
        << writer.tunable;
  }
  for (const Writer& writer : kWriters) ASSERT_OK(Write(writer));
  for (const Writer& writer : kWriters) {
    for (const Daemon& daemon : daemons) {
      ASSERT_TRUE(daemon.WaitForLine(ModifiedIn(host(), writer.tunable), 20s)) << writer.tunable;
    }
  }

  ASSERT_NO_FATAL_FAILURE(AskForMore(2000));
  for (int round = 0; round < kRounds; ++round) {
    for (const Writer& writer : kWriters) {
      EXPECT_EQ(Value(writer.tunable), writer.value) << "round " << round;
      ASSERT_OK(Write(writer));
    }
  }
  for (Daemon& daemon : daemons) {
    for (const std::string tuner : {"tcp_buffer", "tcp_listen"}) {
      EXPECT_TRUE(
          WaitForSummary(daemon, "'" + tuner + "': [0-9]+ .* because the value is yours", 30s));
    }
    ASSERT_OK(daemon.Stop());
    for (const Writer& writer : kWriters) {
      EXPECT_TRUE(
          IsLeftAloneFromTheOneLineOn(daemon, writer.tunable, ModifiedIn(host(), writer.tunable)))
          << writer.tunable;
      EXPECT_EQ(Value(writer.tunable), writer.value);
    }
  }
}

// Two that tune the same namespace, which only different sets of namespaces let them do. They write
// through descriptors, from the machine's own namespace, so each finds the other by comparing.
TEST_F(OverrideContestTest, OfTwoInstancesOneLeavesTheOtherInPeace) {
  ASSERT_OK_AND_ASSIGN(Daemon one, StartDaemon({&host()}));
  ASSERT_OK_AND_ASSIGN(Daemon other, StartDaemon({&host(), &peer()}));
  ASSERT_NO_FATAL_FAILURE(AskForMore(1000));
  EXPECT_TRUE(EventuallyTrue(
      [&] { return one.CountLines(kFoundOut) + other.CountLines(kFoundOut) != 0; }, 60s));
  ASSERT_NO_FATAL_FAILURE(AskForMore(2000));
  for (Daemon* daemon : {&one, &other}) {
    for (int look = 0; look < 3; ++look) ASSERT_TRUE(WaitForLooks(*daemon));
  }
  for (Daemon* daemon : {&one, &other}) {
    ASSERT_OK(daemon->Stop());
    for (const std::string tunable : {"net.ipv4.tcp_wmem", "net.ipv4.tcp_rmem"}) {
      const std::string line = "'" + tunable + "' in netns of pid [0-9]+ 'sender'" + kFoundOut;
      if (daemon->CountLines(line) == 0) continue;
      EXPECT_TRUE(IsLeftAloneFromTheOneLineOn(*daemon, tunable, line)) << tunable;
    }
  }
}

}  // namespace
}  // namespace bpftune::testing
