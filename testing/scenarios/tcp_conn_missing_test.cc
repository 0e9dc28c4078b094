// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Where no socket-ops program can be attached the tuner stands down, and the others go on.

#include <gtest/gtest.h>

#include <chrono>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/conn_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

TEST(MissingTest, WithoutItsHookTheTunerStandsDownAndTheOthersGoOn) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(LossyPath path,
                       LossyPath::Create({.rate_mbit = 20, .delay_ms = 10, .loss_percent = 5}));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()},
                                                  {"--without-hook", "conn__sockops"}));
  EXPECT_TRUE(daemon.WaitForLine(
      "tuner 'tcp_conn', hook 'conn': none of its programs works on this kernel \\(conn__sockops: "
      "switched off with --without-hook\\); no connection is seen",
      10s));

  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));
  // Many times the losses that would switch it.
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        auto now = flow.Sender();
        return now && now->segments_retransmitted > 60;
      },
      60s));

  EXPECT_EQ(AlgorithmOf(flow), path.algorithm);
  EXPECT_TRUE(WaitForLooks(daemon)) << "tcp_buffer looks at connections";
}

}  // namespace
}  // namespace bpftune::testing
