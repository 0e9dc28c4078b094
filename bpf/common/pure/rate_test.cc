// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/common/pure/rate.h"

#include <gtest/gtest.h>

#include <random>

namespace {

constexpr __u64 kMs = 1'000'000;
constexpr __u64 kSecond = 1000 * kMs;
constexpr __u64 kWindow = 40 * kMs;
constexpr __u64 kMax = PURE_U64_MAX;

TEST(RateTest, KnowsNothingFromTheFirstSample) {
  rate r = {};
  EXPECT_EQ(rate_update(&r, kSecond, 123'456'789, kWindow), 0u);
}

TEST(RateTest, MeasuresAFullWindow) {
  rate r = {};
  rate_update(&r, kSecond, 1'000'000, kWindow);
  EXPECT_EQ(rate_update(&r, kSecond + 100 * kMs, 13'500'000, kWindow), 125'000'000u);
}

TEST(RateTest, WaitsForTheWindowToBeFull) {
  rate r = {};
  rate_update(&r, kSecond, 0, kWindow);
  EXPECT_EQ(rate_update(&r, kSecond + kWindow - 1, 1'000'000, kWindow), 0u);
  EXPECT_EQ(rate_update(&r, kSecond + kWindow, 4'000'000, kWindow), 100'000'000u);
}

TEST(RateTest, LosesAThirtySecondOfTheMaximumWithEachSlowerWindow) {
  rate r = {};
  rate_update(&r, kSecond, 0, kWindow);
  rate_update(&r, 2 * kSecond, 3200, kWindow);
  EXPECT_EQ(rate_update(&r, 3 * kSecond, 3200, kWindow), 3100u);
  EXPECT_EQ(rate_update(&r, 4 * kSecond, 3200 + 50'000, kWindow), 50'000u);
}

TEST(RateTest, FadesOnceInALongPause) {
  rate r = {};
  rate_update(&r, kSecond, 0, kWindow);
  rate_update(&r, 2 * kSecond, 3200, kWindow);
  EXPECT_EQ(rate_update(&r, 3600 * kSecond, 3200, kWindow), 3100u);
}

TEST(RateTest, StartsAWindowAnewWhenTheCounterOrTheClockGoesBack) {
  rate r = {};
  rate_update(&r, kSecond, 1'000'000, kWindow);
  EXPECT_EQ(rate_update(&r, 2 * kSecond, 5, kWindow), 0u);
  EXPECT_EQ(rate_update(&r, 3 * kSecond, 1005, kWindow), 1000u);
  EXPECT_EQ(rate_update(&r, 2 * kSecond, kMax, kWindow), 1000u) << "no time, no sample";
}

TEST(RateTest, SurvivesNoWindowAndNoTime) {
  rate r = {};
  rate_update(&r, 1, 0, 0);
  EXPECT_EQ(rate_update(&r, 1, 100, 0), 0u);
  EXPECT_EQ(rate_update(&r, 2, 100, 0), 100 * kSecond);
}

TEST(RateTest, StopsAtTheLargestRateInsteadOfWrapping) {
  rate r = {};
  rate_update(&r, 1, 0, 0);
  EXPECT_EQ(rate_update(&r, 2, kMax, 0), kMax);
}

TEST(RateOfSegmentsTest, GoesOnOverTheWrapOfTheCounter) {
  rate r = {};
  rate_update_segments(&r, kSecond, 0xffffff00, 1000, kWindow);
  EXPECT_EQ(rate_update_segments(&r, 2 * kSecond, 0x100, 1000, kWindow), 512'000u);
}

TEST(RateOfSegmentsTest, HoldsTheLargestCounterAndSegment) {
  rate r = {};
  rate_update_segments(&r, kSecond, 0, 0xffffffff, kWindow);
  const __u64 bytes = 0xffffffffULL * 0xffffffffULL;
  const __u64 got = rate_update_segments(&r, 2 * kSecond, 0xffffffff, 0xffffffff, kWindow);
  EXPECT_LE(got, bytes);
  EXPECT_GE(got, bytes - (bytes >> 28)) << "mul_div's error bound";
}

// A steady sender, a beat that is early and late: the rate is right within the beat's error,
// and no product wraps in a counter that passes 2^32 segments ten times.
TEST(RateOfSegmentsTest, FollowsASteadySenderThroughAMillionBeats) {
  std::mt19937_64 random(1);
  rate r = {};
  __u64 now = kSecond;
  const __u64 per_ms = 43'000;  // segments of 1448 bytes: 62 GB/s
  for (int i = 0; i < 1'000'000; i++) {
    now += kMs / 2 + random() % kMs;
    const __u64 segments = now / 1000 * per_ms / 1000;
    const __u64 got = rate_update_segments(&r, now, static_cast<__u32>(segments), 1448, kWindow);
    if (r.max_bytes_per_s == 0) continue;
    ASSERT_NEAR(static_cast<double>(got), per_ms * 1000.0 * 1448, per_ms * 1000.0 * 1448 * 0.001);
  }
}

TEST(BdpTest, IsWhatThePathHolds) {
  EXPECT_EQ(bdp_bytes(125'000'000, 100'000), 12'500'000u) << "1 Gbit/s x 100 ms";
  EXPECT_EQ(bdp_bytes(0, 100'000), 0u);
  EXPECT_EQ(bdp_bytes(kMax, kMax), kMax);
}

TEST(NeedTest, AddsHeadroomAndTheShareThatIsNotPayload) {
  EXPECT_EQ(need_bytes(12'500'000, 24, 164), 12'500'000ull * 24 / 16 * 256 / 164);
  EXPECT_EQ(need_bytes(1000, 16, 256), 1000u);
  EXPECT_EQ(need_bytes(1000, 16, 0), 1000u) << "no share is all of it";
  EXPECT_EQ(need_bytes(kMax, 32, 128), kMax);
}

}  // namespace
