// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/common/pure/reward.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace {

constexpr __u64 kSecond = 1'000'000'000;
constexpr __u32 kRttUs = 40'000;

struct Path {
  double mbit, loss, srtt_ms;
};

// Ten seconds on this path, looked at once a second.
reward_run RunOn(const Path& path, __u32 limited = 0) {
  reward_run run = {};
  for (int second = 0; second <= 10; second++) {
    const double bytes = path.mbit * 125'000 * second, segments = bytes / 1448;
    const reward_look look = {.now_ns = (5 + second) * kSecond,
                              .bytes_acked = static_cast<__u64>(bytes),
                              .sent = static_cast<__u32>(segments),
                              .retransmitted = static_cast<__u32>(segments * path.loss),
                              .spurious = 0,
                              .srtt_us = static_cast<__u32>(path.srtt_ms * 1000),
                              .limited = limited};
    reward_run_add(&run, &look);
  }
  return run;
}

long double Reference(const Path& path) {
  const long double loss = std::min(path.loss, 0.2);
  const long double queue = std::min((path.srtt_ms - 40) / 40, 16.0);
  return 256 * (std::log2(path.mbit * 125'000.0L) + std::log2(1 - 4 * loss) -
                (queue > 1 ? std::log2(1 + (queue - 1) / 8) : 0));
}

TEST(RewardTest, AgreesWithLongDoubleToWithinTwoPercent) {
  for (const double mbit : {0.5, 3.0, 96.0, 960.0})
    for (const double loss : {0.0, 0.001, 0.01, 0.05, 0.15, 0.5})
      for (const double srtt : {40.0, 60.0, 80.0, 120.0, 400.0, 2000.0}) {
        const reward_run run = RunOn({mbit, loss, srtt});
        ASSERT_TRUE(reward_is_known(&run, kRttUs));
        EXPECT_NEAR(reward_q8(&run, kRttUs), Reference({mbit, loss, srtt}), 7.4)
            << mbit << " Mbit/s, loss " << loss << ", srtt " << srtt;  // 256 * log2(1.02)
      }
}

double Worth(const Path& path) {
  const reward_run run = RunOn(path);
  return reward_q8(&run, kRttUs);
}

TEST(RewardTest, AQueueOfOneMinimumRttIsFree) {
  EXPECT_EQ(Worth({96, 0, 40}), Worth({96, 0, 80}));
  EXPECT_GT(Worth({96, 0, 40}), Worth({96, 0, 100}));
}

// Row a2 of the issue: a little more rate does not pay for what it breaks.
TEST(RewardTest, AGreedyAlgorithmDoesNotWinAFewPercentByRetransmitting) {
  EXPECT_GT(Worth({22, 0.002, 43}), Worth({24, 0.08, 43}));
}

TEST(RewardTest, AFullDeepQueueIsWorthLessThanAShallowOneAtTheSameRate) {
  EXPECT_GT(Worth({24, 0.0, 60}), Worth({24, 0.0, 400}) + 150);
}

// Row a: where the path loses segments, what all lose does not hide who gets the rate.
TEST(RewardTest, NoiseDoesNotHideTheRate) {
  EXPECT_GT(Worth({88, 0.05, 44}), Worth({0.9, 0.05, 40}) + 6 * 256);
}

TEST(RewardTest, TimeLimitedBySomethingElseDoesNotCount) {
  const reward_run run = RunOn({96, 0, 40}, /*limited=*/1);
  EXPECT_EQ(run.bytes, 0u);
  EXPECT_FALSE(reward_is_known(&run, kRttUs));
}

TEST(RewardTest, TheFirstLookOnlyTakesTheCounters) {
  reward_run run = {};
  const reward_look look = {.now_ns = 0,
                            .bytes_acked = 1 << 30,
                            .sent = 1 << 20,
                            .retransmitted = 1 << 10,
                            .spurious = 0,
                            .srtt_us = kRttUs,
                            .limited = 0};
  reward_run_add(&run, &look);
  EXPECT_EQ(run.bytes, 0u);
  EXPECT_EQ(run.lost, 0u);
}

TEST(RewardTest, TooFewBytesOrRoundTripsSayNothing) {
  reward_run run = {};
  run.bytes = REWARD_MIN_BYTES - 1;
  run.busy_us = kSecond;
  EXPECT_FALSE(reward_is_known(&run, kRttUs));
  run.bytes++;
  EXPECT_TRUE(reward_is_known(&run, kRttUs));
  run.busy_us = kRttUs * REWARD_MIN_RTTS - 1;
  EXPECT_FALSE(reward_is_known(&run, kRttUs));
  EXPECT_FALSE(reward_is_known(&run, 0)) << "without a minimum RTT";
}

TEST(RewardTest, DuplicatesReportedLateAreTakenOffAgain) {
  reward_run run = {};
  reward_look look = {.now_ns = kSecond,
                      .bytes_acked = 0,
                      .sent = 0,
                      .retransmitted = 0,
                      .spurious = 0,
                      .srtt_us = kRttUs,
                      .limited = 0};
  const auto next = [&](__u32 retransmitted, __u32 spurious) {
    look.now_ns += kSecond;
    look.bytes_acked += 1'000'000;
    look.sent += 1000;
    look.retransmitted += retransmitted;
    look.spurious += spurious;
    reward_run_add(&run, &look);
  };
  next(0, 0);
  next(10, 0);
  EXPECT_EQ(run.lost, 10u);
  next(0, 10);
  EXPECT_EQ(run.lost, 0u);
  next(0, 10);
  EXPECT_EQ(run.lost, 0u) << "never negative";
}

TEST(RewardTest, RestartKeepsTheCountersAndForgetsTheRun) {
  reward_run run = RunOn({96, 0.01, 40});
  reward_run_restart(&run);
  EXPECT_EQ(run.bytes, 0u);
  EXPECT_EQ(reward_loss_ppm(&run), 0u);
  EXPECT_EQ(run.bytes_then, 120'000'000u);
}

TEST(RewardTest, SurvivesAnyCountersAndFadesNothingBelowZero) {
  std::mt19937_64 random(1);
  reward_run run = {};
  for (int i = 0; i < 1'000'000; i++) {
    const auto any = [&] { return random() >> (random() % 64); };
    const auto any32 = [&] { return static_cast<__u32>(any()); };
    const reward_look look = {.now_ns = any(),
                              .bytes_acked = any(),
                              .sent = any32(),
                              .retransmitted = any32(),
                              .spurious = any32(),
                              .srtt_us = any32(),
                              .limited = any32() & 1};
    reward_run_add(&run, &look);
    ASSERT_LE(reward_q8(&run, any32()), 16383u);
    ASSERT_LE(reward_loss_ppm(&run), 1'000'000u);
    if (i % 100 == 0) run = {};
  }
}

}  // namespace
