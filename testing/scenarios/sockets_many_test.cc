// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Very many connections: looking at all of them takes long, so it is done less often; what moves
// among them is seen all the same.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>

#include "testing/benchmarks/idle_crowd.h"
#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kConnections = 20000;  // both ends are ours
constexpr char kLooks[] = "'tcp_buffer': ([0-9]+) looks at all connections";

TEST(SocketsManyTest, LookingAtThemAllIsDoneLessOftenAndStillSeesTheOneThatMoves) {
  BPFTUNE_NEEDS_PRIVILEGE();
  const BulkCase c = {.side = Side::kSend, .cap = 131072, .rtt_ms = 40, .rate_mbit = 50};
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
  // So that each connection is remembered from its beginning, as before 6.16.
  ASSERT_OK_AND_ASSIGN(Daemon daemon,
                       StartDaemon({path.a.get()}, {"--without-hook", "grow__tp_btf"}));
  // The value is the administrator's: whatever the connection lacks, it goes on lacking, and is
  // looked at as often as may be.
  ASSERT_OK(path.a->SetSysctl("net.ipv4.tcp_wmem", "4096 16384 131000"));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  ASSERT_TRUE(WaitForSummary(daemon, "raises not made because the value is yours", 30s));

  // Looks while the flow gets on by five seconds.
  const auto looks = [&]() -> Result<uint64_t> {
    uint64_t counts[2] = {};
    for (uint64_t& count : counts) {
      if (&count != counts) flow.WaitUntil(flow.age_s() + 5);
      const size_t from = daemon.Lines().size();
      daemon.Signal(SIGUSR1);
      auto line = Found(daemon.WaitForLine(kLooks, 30s, from));
      if (!line) return line.error();
      count = std::stoull(line->captures[0]);
    }
    return counts[1] - counts[0];
  };
  ASSERT_OK_AND_ASSIGN(const uint64_t alone, looks());
  ASSERT_OK_AND_ASSIGN(const Host crowded, Host::Create("crowded"));
  ASSERT_OK_AND_ASSIGN(IdleCrowd crowd, IdleCrowd::Open(crowded, kConnections));
  ASSERT_OK_AND_ASSIGN(const uint64_t first, looks());  // the crowd is new: not at rest yet
  ASSERT_OK_AND_ASSIGN(const uint64_t in_the_crowd, looks());
  std::printf("%lu looks alone, %lu while the crowd came, %lu in the crowd\n", alone, first,
              in_the_crowd);
  EXPECT_GT(in_the_crowd, 0U);
  EXPECT_LT(4 * in_the_crowd, 3 * alone);

  // A connection that begins in the crowd is found.
  flow.Stop();
  ASSERT_OK_AND_ASSIGN(BulkFlow late, BulkFlow::Start(path.link->a(), path.link->b()));
  const auto held_back = [&]() -> uint64_t {
    const size_t from = daemon.Lines().size();
    daemon.Signal(SIGUSR1);
    const auto line =
        daemon.WaitForLine("([0-9]+) raises not made because the value is yours", 5s, from);
    return line ? std::stoull(line->captures[0]) : 0;
  };
  const uint64_t before = held_back();
  EXPECT_TRUE(EventuallyTrue([&] { return held_back() > before; }, 30s));
  ASSERT_OK(daemon.Stop());
}

}  // namespace
}  // namespace bpftune::testing
