// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// The bbr that tcp_conn gives from Linux 6.10 on. Connections that have it because their path lost
// segments, and then share it, when it loses none, with connections that take every loss for a full
// queue: these must not starve.

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
constexpr int kLearnedFrom = 6;
constexpr double kSettleSeconds = 5;
constexpr double kMeasuredSeconds = 12;

bool IsThere(const Daemon& daemon) { return daemon.CountLines("not loaded: .*tcp_bbr") == 0; }

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

// Connections that were given bbr, as the path lost segments. The first few are for the daemon to
// learn from, and so long that slow start is not most of them; some later ones keep the default,
// for comparison, and are not taken.
Result<std::vector<BulkFlow>> SwitchedFlows(const LossyPath& path, int count) {
  for (int i = 0; i < kLearnedFrom; ++i) {
    auto flow = StartFlow(path, {.congestion_control = "", .total_bytes = 3'000'000});
    if (!flow) return flow.error();
    if (auto done = flow->WaitForCompletion(60s); !done) return done.error();
  }
  std::vector<BulkFlow> out;
  for (int tries = 0; tries < 20 + count && std::ssize(out) < count; ++tries) {
    auto flow = StartFlow(path);
    if (!flow) return flow.error();
    if (AlgorithmOf(*flow) == kGentleBbr) out.push_back(std::move(*flow));
  }
  if (std::ssize(out) < count) return Error("too few connections were given bbr");
  return out;
}

TEST_P(Share, OfTheOthersIsKept) {
  const int each = GetParam();
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kLossy));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_TRUE(IsThere(daemon));
  ASSERT_OK_AND_ASSIGN(const std::vector<BulkFlow> switched, SwitchedFlows(path, each));
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
  EXPECT_GT(all, 40);
  EXPECT_GE(2 * mbit / all, kLeastOfFairShare);
}

class Bbr : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

TEST_F(Bbr, StaysWithConnectionsWhenTheDaemonIsKilledAndTheNextOneHasIt) {
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kLossy));
  ASSERT_OK_AND_ASSIGN(Daemon first, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_TRUE(IsThere(first));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));
  ASSERT_TRUE(EventuallyTrue([&] { return AlgorithmOf(flow) == kGentleBbr; }, 30s));

  ASSERT_OK(first.Kill());

  const uint64_t before = flow.bytes_received();
  EXPECT_TRUE(EventuallyTrue([&] { return flow.bytes_received() > before + 1'000'000; }, 20s));
  EXPECT_EQ(AlgorithmOf(flow), kGentleBbr);
  flow.Stop();
  ASSERT_OK_AND_ASSIGN(Daemon second, StartDaemon({path.a.get(), path.b.get()}));
  EXPECT_TRUE(IsThere(second));
  ASSERT_OK_AND_ASSIGN(BulkFlow next, StartFlow(path));
  EXPECT_TRUE(EventuallyTrue([&] { return AlgorithmOf(next) == kGentleBbr; }, 30s));
}

INSTANTIATE_TEST_SUITE_P(, Share, ::testing::Values(1, 4), [](const auto& tested) {
  return std::to_string(tested.param) + "Against" + std::to_string(tested.param);
});

}  // namespace
}  // namespace bpftune::testing
