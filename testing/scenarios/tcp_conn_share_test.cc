// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Connections that were switched to bbr because their path lost segments, and then share it, when
// it loses none, with connections that take every loss for a full queue: these must not starve.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/conn_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr LinkParameters kClean = {.rate_mbit = 100, .delay_ms = 20};
constexpr LinkParameters kLossy = {.rate_mbit = 100, .delay_ms = 20, .loss_percent = 2};
constexpr double kLeastOfFairShare = 0.3;
constexpr double kSettleSeconds = 5;
constexpr double kMeasuredSeconds = 20;

class Share : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

double MbitOf(const std::vector<BulkFlow>& flows) {
  double mbit = 0;
  for (const BulkFlow& flow : flows) {
    mbit += flow.MbitPerSecond(flow.age_s() - kMeasuredSeconds, flow.age_s());
  }
  return mbit;
}

TEST_P(Share, OfTheOthersIsKept) {
  const int each = GetParam();
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kLossy));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  std::vector<BulkFlow> switched;
  for (int i = 0; i < each; ++i) {
    ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));
    ASSERT_TRUE(EventuallyTrue([&] { return AlgorithmOf(flow) == "bbr"; }, 30s));
    switched.push_back(std::move(flow));
  }
  path.link->Set(Direction::kAToB, kClean);
  std::vector<BulkFlow> others;
  for (int i = 0; i < each; ++i) {
    ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path, {.congestion_control = "cubic"}));
    others.push_back(std::move(flow));
  }
  others.back().WaitUntil(kSettleSeconds + kMeasuredSeconds);

  const double mbit = MbitOf(others);
  const double all = mbit + MbitOf(switched);
  std::printf("cubic has %.1f of %.1f Mbit/s: %.2f of its fair share\n", mbit, all, 2 * mbit / all);
  EXPECT_GT(all, 60);
  EXPECT_GE(2 * mbit / all, kLeastOfFairShare);
}

INSTANTIATE_TEST_SUITE_P(, Share, ::testing::Values(1, 4), [](const auto& tested) {
  return std::to_string(tested.param) + "Against" + std::to_string(tested.param);
});

}  // namespace
}  // namespace bpftune::testing
