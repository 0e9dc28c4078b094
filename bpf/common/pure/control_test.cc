// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/common/pure/control.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace {

constexpr control_group kHeld = CONTROL_GROUP_DEFAULT, kTuned = CONTROL_GROUP_TUNED;

// Rewards around these means, in octaves, with this spread; tuned runs first.
control After(int held_runs, double held, int tuned_runs, double tuned, double spread,
              unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, 1);
  control c = {};
  const auto note = [&](control_group group, double mean) {
    const auto q8 = static_cast<__u32>(256 * std::max(0.0, mean + spread * noise(random)));
    control_note(&c, group, q8, q8);
  };
  for (int i = 0; i < tuned_runs; i++) note(kTuned, tuned);
  for (int i = 0; i < held_runs; i++) note(kHeld, held);
  return c;
}

TEST(ControlTest, SaysNothingWithoutEnoughRuns) {
  const control few_held = After(CONTROL_MIN_HELD - 1, 23, 100, 20, 0);
  EXPECT_FALSE(control_says_worse(&few_held));
  const control few_tuned = After(100, 23, CONTROL_MIN_TUNED - 1, 20, 0);
  EXPECT_FALSE(control_says_worse(&few_tuned));
  const control enough = After(CONTROL_MIN_HELD, 23, CONTROL_MIN_TUNED, 20, 0);
  EXPECT_TRUE(control_says_worse(&enough));
}

TEST(ControlTest, SaysNothingWithinATenth) {
  const control within = After(100, 20.13, 100, 20, 0);
  EXPECT_FALSE(control_says_worse(&within));
  const control beyond = After(100, 20.15, 100, 20, 0);
  EXPECT_TRUE(control_says_worse(&beyond));
  const control better = After(100, 20, 100, 23, 0);
  EXPECT_FALSE(control_says_worse(&better));
}

TEST(ControlTest, RarelyTakesChanceForHarm) {
  int wrong = 0, right = 0;
  for (unsigned seed = 0; seed < 1000; seed++) {
    const control same = After(10, 20, 40, 20, 0.5, seed);
    wrong += control_says_worse(&same);
    const control half = After(10, 20, 40, 19, 0.5, seed);
    right += control_says_worse(&half);
  }
  EXPECT_LT(wrong, 100);  // two standard errors of ten, and of the tuned mean
  EXPECT_GT(right, 950);
}

TEST(ControlTest, MeansAndVarianceAreThoseOfTheRuns) {
  const control c = After(10'000, 20, 10'000, 22, 0.5);
  EXPECT_NEAR(c.groups[kHeld].reward_q8, 20 * 256, 100);
  EXPECT_NEAR(c.groups[kTuned].reward_q8, 22 * 256, 100);
  EXPECT_NEAR(c.difference - CONTROL_ZERO, -2 * 256, 150);
  EXPECT_NEAR(std::sqrt(c.variance), 128, 64);
  EXPECT_EQ(c.groups[kHeld].runs, 10'000u);
}

TEST(ControlTest, FollowsWhatChanges) {
  control c = After(40, 20, 40, 22, 0);
  for (int i = 0; i < 1000; i++) {
    control_note(&c, kTuned, 19 * 256, 0);
    if (i % 20 == 0) control_note(&c, kHeld, 20 * 256, 0);
  }
  EXPECT_TRUE(control_says_worse(&c));
}

// Control runs from when the path was good, and then only tuned ones on a path that is not.
TEST(ControlTest, APathThatGetsWorseIsNotHeldAgainstTuning) {
  control c = After(100, 23, 10, 23, 0);
  for (int i = 0; i < 100; i++) control_note(&c, kTuned, 20 * 256, 0);
  EXPECT_FALSE(control_says_worse(&c));
}

TEST(ControlTest, ShowsTheRatioOfTheRates) {
  const control none = After(0, 0, 10, 20, 0);
  EXPECT_EQ(control_rate_permille(&none), 0u);
  const control twice = After(10, 20, 10, 21, 0);
  EXPECT_EQ(control_rate_permille(&twice), 2000u);
  const control quarter = After(10, 20, 10, 18, 0);
  EXPECT_EQ(control_rate_permille(&quarter), 250u);
}

TEST(ControlTest, Exp2AgreesWithLongDouble) {
  for (__u32 q8 = 0; q8 < 8192; q8++) {
    const long double exact = 1000 * std::exp2(q8 / 256.0L);
    ASSERT_NEAR(exp2_permille(q8) / exact, 1, 0.004) << q8;
    ASSERT_LE(exp2_permille(q8), exp2_permille(q8 + 1)) << q8;
  }
}

TEST(ControlTest, StaysInRangeForAnyRuns) {
  std::mt19937 random(1);
  control c = {};
  for (int i = 0; i < 1'000'000; i++) {
    const __u32 reward = random() >> (random() % 32), rate = random() >> (random() % 32);
    control_note(&c, random() % 2 ? kHeld : kTuned, reward, rate);
    ASSERT_LT(c.variance, 1U << 30);
    ASSERT_LT(c.difference, 2 * CONTROL_ZERO);
    for (const control_mean& mean : c.groups) {
      ASSERT_LE(mean.reward_q8, CONTROL_MOST_Q8);
      ASSERT_LE(mean.weight, CONTROL_MOST_WEIGHT);
    }
    (void)control_says_worse(&c);
    (void)control_rate_permille(&c);
  }
}

}  // namespace
