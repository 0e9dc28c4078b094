// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/common/pure/patience.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

constexpr __u64 kHour = 3600ULL * 1'000'000'000;
constexpr __u64 kFirst = kHour / 6;

TEST(PatienceTest, DoublesWithEachNeedThatComesBackUpToAnEnd) {
  patience p = {};
  __u64 now = kHour;
  for (__u32 times = 0; times < 20; ++times) {
    EXPECT_EQ(kFirst << std::min<__u32>(times, 7), patience_ns(&p, kFirst));
    patience_note_lowered(&p, now += kHour);
    patience_note_raised(&p, now += kHour);
  }
}

TEST(PatienceTest, RaisesWithNoStepDownInBetweenAreOneNeed) {
  patience p = {};
  patience_note_raised(&p, kHour);
  patience_note_lowered(&p, 2 * kHour);
  for (int raise = 0; raise < 5; ++raise) patience_note_raised(&p, 3 * kHour);
  EXPECT_EQ(2 * kFirst, patience_ns(&p, kFirst));
}

TEST(PatienceTest, NeedThatComesBackAfterADayIsANewOne) {
  patience p = {.lowered_ns = kHour, .comebacks = 5, .reserved = 0};
  patience_note_raised(&p, 24 * kHour);
  EXPECT_EQ(6U, p.comebacks);
  patience_note_lowered(&p, 30 * kHour);
  patience_note_raised(&p, 54 * kHour);
  EXPECT_EQ(0U, p.comebacks);
}

TEST(PatienceTest, AnyBytesGiveAWait) {
  const patience p = {.lowered_ns = ~0ULL, .comebacks = ~0U, .reserved = ~0U};
  EXPECT_EQ(~0ULL, patience_ns(&p, ~0ULL));
  EXPECT_EQ(128 * kFirst, patience_ns(&p, kFirst));
}

}  // namespace
