// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// The daemon is killed in the middle of its work.

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/held_objects.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

class CrashTest : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

TEST_F(CrashTest, KilledWhileTuningItLeavesNothingInTheKernel) {
  const BulkCase c = {.side = Side::kSend, .cap = 1310720, .rtt_ms = 100, .rate_mbit = 400};
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  ASSERT_TRUE(daemon.WaitForLine(OccurredIn(*path.a, TunableOf(c.side)), 20s));
  ASSERT_OK_AND_ASSIGN(HeldObjects held, HeldObjects::Of(daemon.pid()));
  for (const char* hook : {"flow", "sweep", "watch"}) {
    ASSERT_OK(held.ProgramOf(hook));
  }
  ASSERT_GE(held.links.size(), 3U);
  ASSERT_EQ(held.StillThere().size(), held.programs.size() + held.links.size() + held.maps.size());

  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Kill());

  EXPECT_EQ(exit.signal, SIGKILL);
  EXPECT_TRUE(EventuallyTrue([&] { return held.StillThere().empty(); }, 1s))
      << ::testing::PrintToString(held.StillThere());
  // What it had raised stays raised, and nobody's connection has noticed.
  ASSERT_OK_AND_ASSIGN(int64_t cap, path.Cap(c.side));
  EXPECT_GT(cap, c.cap);
  const uint64_t before = flow.bytes_received();
  EXPECT_TRUE(EventuallyTrue([&] { return flow.bytes_received() > before; }, 5s));
}

TEST_F(CrashTest, TheNextDaemonTunesOnFromThere) {
  const BulkCase c = {.side = Side::kSend, .cap = 262144, .rtt_ms = 100, .rate_mbit = 400};
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  int64_t last = c.cap;
  for (int life = 0; life < 2; ++life) {
    ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get()}));
    ASSERT_OK_AND_ASSIGN(BulkFlow newer, BulkFlow::Start(path.link->a(), path.link->b()));
    ASSERT_TRUE(daemon.WaitForLine(OccurredIn(*path.a, TunableOf(c.side)), 20s)) << life;
    ASSERT_OK(daemon.Kill());
    ASSERT_OK_AND_ASSIGN(int64_t cap, path.Cap(c.side));
    EXPECT_GT(cap, last);
    last = cap;
    EXPECT_EQ(daemon.CountLines("somebody else changed it"), 0U);
  }
}

}  // namespace
}  // namespace bpftune::testing
