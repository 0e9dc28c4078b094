// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "docs/examples/tcp_orphans/tcp_orphans_logic.h"

#include <gtest/gtest.h>

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kGiB = 1 << 20;  // in KiB

class OrphansTest : public ::testing::Test {
 protected:
  // A look, one second after the last.
  uint64_t Wanted(uint64_t orphans, uint64_t limit, uint64_t baseline = 0) {
    look_.now_ns += kSecond;
    look_.orphans = orphans;
    look_.limit = limit;
    return orphans_wanted(&state_, &look_, baseline);
  }

  orphans_look look_ = {.now_ns = kSecond, .orphans = 0, .limit = 0, .available_kb = 8 * kGiB};
  orphans_state state_ = {};
};

TEST_F(OrphansTest, LeavesALimitAloneThatIsFarAway) {
  EXPECT_EQ(Wanted(0, 8192), 8192U);
  EXPECT_EQ(Wanted(6143, 8192), 8192U);
}

TEST_F(OrphansTest, RaisesAQuarterFirstAndMoreWhenThatWasNotEnough) {
  EXPECT_EQ(Wanted(3072, 4096), 5120U);
  EXPECT_EQ(Wanted(5000, 5120), 7680U);
}

TEST_F(OrphansTest, NeverGoesWhereMemoryDoesNot) {
  EXPECT_EQ(Wanted(8192, 8192), 8192U) << "8 GiB / 64 KiB / 16";
  EXPECT_EQ(Wanted(8000, 8000), 8192U);
  look_.available_kb = 0;
  EXPECT_EQ(Wanted(4000, 4096), 4096U);
}

TEST_F(OrphansTest, ComesDownAfterTenMinutesToWhatItWasAndNoFurther) {
  EXPECT_EQ(Wanted(4000, 8000, 4096), 8000U);
  look_.now_ns += 599 * kSecond;
  EXPECT_EQ(Wanted(0, 8000, 4096), 4096U);
  look_.now_ns += 3600 * kSecond;
  EXPECT_EQ(Wanted(0, 4096, 4096), 4096U);
}

TEST_F(OrphansTest, StaysAsLongAsAQuarterIsInUse) {
  for (int i = 0; i < 3600; ++i) ASSERT_EQ(Wanted(2000, 8000, 4096), 8000U);
}

TEST_F(OrphansTest, NeverLowersWhatItHasNotRaised) {
  for (int i = 0; i < 3600; ++i) ASSERT_EQ(Wanted(0, 8192), 8192U);
}

TEST_F(OrphansTest, WantsNothingWhileTheLimitIsNotKnown) { EXPECT_EQ(Wanted(100, 0), 0U); }

}  // namespace
