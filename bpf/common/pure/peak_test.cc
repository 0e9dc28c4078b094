// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/common/pure/peak.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace {

constexpr __u64 kMinute = 60'000'000'000;
constexpr __u64 kMax = PURE_U64_MAX;

TEST(PeakTest, IsNothingBeforeAnythingWasNoted) {
  const peak empty = {};
  EXPECT_EQ(peak_now(&empty, 0, kMinute), 0u);
  EXPECT_EQ(peak_now(&empty, kMax, kMinute), 0u);
}

TEST(PeakTest, RisesAtOnceAndSinksByHalfInEveryHalfLife) {
  peak p = {};
  peak_note(&p, 5, 1'000'000, kMinute);
  EXPECT_EQ(peak_now(&p, 5, kMinute), 1'000'000u);
  EXPECT_EQ(peak_now(&p, 5 + kMinute, kMinute), 500'000u);
  EXPECT_EQ(peak_now(&p, 5 + 3 * kMinute, kMinute), 125'000u);
}

TEST(PeakTest, KeepsAPeakAgainstASmallerNeedUntilItHasDecayedToIt) {
  peak p = {};
  peak_note(&p, 0, 1000, kMinute);
  peak_note(&p, kMinute / 2, 600, kMinute);
  EXPECT_EQ(p.value, 1000u);
  peak_note(&p, kMinute, 600, kMinute);
  EXPECT_EQ(peak_now(&p, kMinute, kMinute), 600u);
}

TEST(PeakTest, TakesAClockThatGoesBackForOneThatStandsStill) {
  peak p = {};
  peak_note(&p, 1000, 77, kMinute);
  EXPECT_EQ(peak_now(&p, 1, kMinute), 77u);
}

TEST(PeakTest, ForgetsAtOnceWithoutAHalfLife) {
  peak p = {};
  peak_note(&p, 1000, 77, 0);
  EXPECT_EQ(peak_now(&p, 1000, 0), 77u);
  EXPECT_EQ(peak_now(&p, 1001, 0), 0u);
}

TEST(PeakTest, StaysWithinFourPermilleAndTwoUnitsOfTheExponential) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1'000'000; i++) {
    const peak p = {.value = random() >> (random() & 63), .noted_ns = random() >> 2};
    const __u64 half_life = 1 + (random() >> (random() & 63));
    const __u64 elapsed = mul_div(half_life, random() % 70000, 1000);
    if (elapsed > kMax - p.noted_ns) continue;
    const long double exact = p.value * std::exp2(-static_cast<long double>(elapsed) / half_life);
    const long double now = peak_now(&p, p.noted_ns + elapsed, half_life);
    ASSERT_NEAR(now, exact, 0.004L * exact + 2)
        << p.value << " after " << elapsed << " of " << half_life;
  }
}

TEST(PeakTest, IsExactAfterHalfAHalfLife) {
  const peak p = {.value = 1ULL << 40, .noted_ns = 0};
  EXPECT_EQ(peak_now(&p, kMinute / 2, kMinute) >> 24, 46341u) << "65536 / sqrt(2)";
}

TEST(PeakTest, NeverRisesWithTime) {
  for (__u64 half_life : {__u64{1}, __u64{7}, __u64{1000}, kMinute, kMax / 3}) {
    const peak p = {.value = kMax, .noted_ns = 0};
    __u64 before = kMax;
    for (__u64 i = 0; i < 200'000; i++) {
      const __u64 left = peak_now(&p, sat_mul(half_life / 1000 + 1, i), half_life);
      ASSERT_LE(left, before) << "half-life " << half_life << ", step " << i;
      before = left;
    }
  }
}

TEST(PeakTest, LosesNothingByBeingAskedOrToldAMillionTimes) {
  peak asked = {};
  peak_note(&asked, 0, kMax, kMinute);
  for (__u64 t = 0; t < kMinute; t += kMinute / 1'000'000) peak_note(&asked, t, 1, kMinute);
  EXPECT_EQ(peak_now(&asked, kMinute, kMinute), kMax >> 1);
}

}  // namespace
