// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/limits.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "controller/fakes/sample_tuner.h"

namespace bpftune {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = 500 * kSecond;

SysctlPlace Place(uint64_t netns) { return {NetnsId{netns}, "net.ipv4.tcp_rmem"}; }

TEST(ChangeLimitsTest, OnePlaceGetsSoManyAMinuteAndThenWaits) {
  ChangeLimits limits;
  for (uint32_t i = 0; i < kMostChangesPerMinute; ++i) {
    EXPECT_FALSE(limits.Take(Place(1), kNow + i));
  }
  const auto refused = limits.Take(Place(1), kNow + 59 * kSecond);
  ASSERT_TRUE(refused);
  EXPECT_EQ("it was changed 30 times within a minute already", *refused);
  EXPECT_FALSE(limits.Take(Place(2), kNow + 59 * kSecond)) << "another place";
  EXPECT_FALSE(limits.Take(Place(1), kNow + 60 * kSecond)) << "another minute";
}

TEST(ChangeLimitsTest, AllTogetherGetSoManyAMinute) {
  ChangeLimits limits;
  for (uint64_t i = 0; i < uint64_t{kMostChangesPerMinute} * kMostPlacesAtTheirLimit; ++i) {
    EXPECT_FALSE(limits.Take(Place(i), kNow));
  }
  const auto refused = limits.Take(Place(UINT64_MAX), kNow);
  ASSERT_TRUE(refused);
  EXPECT_EQ("there were 3000 changes within a minute already", *refused);
  EXPECT_FALSE(limits.Take(Place(1), kNow + 60 * kSecond));
}

struct Drift {
  const char* what;
  int64_t baseline;
  int64_t wanted;
  bool is_too_far;

  friend void PrintTo(const Drift& row, std::ostream* out) { *out << row.what; }
};

class DriftTest : public ::testing::TestWithParam<Drift> {};

TEST_P(DriftTest, IsBounded) {
  const Drift& row = GetParam();
  EXPECT_EQ(row.is_too_far, TooFar(One(row.baseline), One(row.wanted)).has_value());
}

INSTANTIATE_TEST_SUITE_P(Directions, DriftTest,
                         ::testing::Values(Drift{"the same", 4096, 4096, false},
                                           Drift{"the highest", 4096, 4096 * kMostDrift, false},
                                           Drift{"one above it", 4096, 4096 * kMostDrift + 1, true},
                                           Drift{"the lowest", 4096, 4, false},
                                           Drift{"one below it", 4096, 3, true},
                                           Drift{"0 is no measure", 0, INT64_MAX, false},
                                           Drift{"-1 (unlimited) is none", -1, 1, false},
                                           Drift{"no wrap", INT64_MAX / 2, INT64_MAX, false},
                                           Drift{"no wrap downwards", INT64_MAX, 1, true}));

TEST(DriftTest, SaysFromWhereAndLooksAtEachNumber) {
  const auto far = TooFar(Three(4096, 131072, 1310720), Three(4096, 131072, int64_t{1} << 40));
  ASSERT_TRUE(far);
  EXPECT_EQ(
      "that is more than 1024 times away from (4096 131072 1310720), which was there before "
      "bpftune",
      *far);
}

}  // namespace
}  // namespace bpftune
