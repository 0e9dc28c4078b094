// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// A path that begins to lose, on any kernel: the connection is given bbr, in words. How soon, and
// what it delivers then, is for //testing/scenarios:tcp_conn_loss_test: nothing here depends on how
// long something takes, so it runs in emulation.

#include <gtest/gtest.h>

#include <chrono>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/conn_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 120s;
constexpr LinkParameters kSound = {.rate_mbit = 20, .delay_ms = 20};
constexpr LinkParameters kLossy = {.rate_mbit = 20, .delay_ms = 20, .loss_percent = 3};

TEST(LossSmokeTest, ConnectionOverAPathThatBeginsToLoseIsGivenBbr) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kSound));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));
  flow.WaitUntil(2);
  ASSERT_EQ(AlgorithmOf(flow), path.algorithm);

  path.link->Set(Direction::kAToB, kLossy);

  EXPECT_TRUE(EventuallyTrue([&] { return HasBbr(flow); }, kPatience)) << AlgorithmOf(flow);
  EXPECT_TRUE(daemon.WaitForLine(
      "^due to loss events for [0-9.]+, specify 'bbr' congestion control algorithm: of [1-9]",
      kPatience));
  EXPECT_EQ(CountOf(daemon, "connections switched to bbr because of loss"), 1U);
}

}  // namespace
}  // namespace bpftune::testing
