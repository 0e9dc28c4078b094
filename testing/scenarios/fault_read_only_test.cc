// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// The daemon may only read /proc/sys, as in a container.

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

TEST(FaultReadOnlyTest, AValueThatCannotBeWrittenIsSaidOnceAndCounted) {
  BPFTUNE_NEEDS_PRIVILEGE();
  const BulkCase c = {.side = Side::kSend, .cap = 131072, .rtt_ms = 40, .rate_mbit = 100};
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
  ASSERT_OK_AND_ASSIGN(
      Daemon daemon, Daemon::Start(kWithinPath, Apart({"read-only-sysctls", kDaemonPath, "-s", "-l",
                                                       kTunersPath, "-n", path.a->netns_path()})));
  ASSERT_TRUE(daemon.WaitForLine("per-netns policy", 30s));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));

  const std::string refusal =
      "'net.ipv4.tcp_wmem' in netns of pid [0-9]+ 'sender' .* was not changed to "
      "\\(4096 16384 [0-9]+\\): .*Read-only file system\\. Let bpftune write below /proc/sys/net";
  ASSERT_TRUE(daemon.WaitForLine(refusal, 20s));
  // The next attempt, ten seconds later, is only counted.
  EXPECT_TRUE(WaitForSummary(
      daemon, "Summary: 2 changes of 'net.ipv4.tcp_wmem' were not made: .*Read-only file system",
      30s));
  EXPECT_EQ(daemon.CountLines(refusal), 1U);
  EXPECT_EQ(CountChanges(daemon), 0U);
  ASSERT_OK_AND_ASSIGN(int64_t cap, path.Cap(c.side));
  EXPECT_EQ(cap, c.cap);
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
}

}  // namespace
}  // namespace bpftune::testing
