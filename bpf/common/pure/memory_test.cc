// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/common/pure/memory.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace {

constexpr uint64_t kHigh = 92'000;

// A machine of 4 GiB as the kernel sets it up; pages of 4 KiB.
memory Machine(uint64_t used, uint64_t available) {
  return {.used = used, .available = available, .limit = {46'000, 61'000, kHigh}};
}

TEST(MemoryIsKnownTest, OnlyWhenEverythingCouldBeRead) {
  memory m = Machine(0, 500'000);
  EXPECT_TRUE(memory_is_known(&m)) << "it may well use nothing";
  m.limit[2] = 0;
  EXPECT_FALSE(memory_is_known(&m));
  m = Machine(0, 0);
  EXPECT_FALSE(memory_is_known(&m));
}

TEST(MemoryIsNearTest, FromThreeQuartersOfTheLimitOnAndBackAtOneHalf) {
  const memory plenty = Machine(30'500, 500'000), between = Machine(40'000, 500'000),
               near = Machine(45'750, 500'000);
  EXPECT_TRUE(memory_is_back(&plenty, plenty.limit[1]));
  EXPECT_FALSE(memory_is_near(&plenty, plenty.limit[1]));
  EXPECT_FALSE(memory_is_back(&between, between.limit[1]));
  EXPECT_FALSE(memory_is_near(&between, between.limit[1]));
  EXPECT_TRUE(memory_is_near(&near, near.limit[1]));
}

TEST(MemoryRaisedHighTest, IsAQuarterMoreWhileTheMachineHasMemory) {
  const memory rich = Machine(50'000, 500'000);
  EXPECT_EQ(kHigh + kHigh / 4, memory_raised_high(&rich));
}

TEST(MemoryRaisedHighTest, IsNoMoreThanHalfOfWhatIsAvailableOnTop) {
  const memory tight = Machine(50'000, 100'000);
  EXPECT_EQ(100'000u, memory_raised_high(&tight));
  const memory poor = Machine(50'000, 95'000);
  EXPECT_EQ(0u, memory_raised_high(&poor)) << "too small a step to be worth it";
  const memory out = Machine(50'000, 1'000);
  EXPECT_EQ(0u, memory_raised_high(&out)) << "never down";
}

TEST(MemoryScaleTest, KeepsTheProportions) {
  const memory m = Machine(50'000, 500'000);
  __u64 wanted[3] = {};
  memory_scale(&m, 2 * kHigh, wanted);
  EXPECT_EQ(2 * 46'000u, wanted[0]);
  EXPECT_EQ(2 * 61'000u, wanted[1]);
  EXPECT_EQ(2 * kHigh, wanted[2]);
}

// Limits that somebody has set close to each other, of which nearly all is taken: each number
// grows, none is derived from what is free, so none can end at 0.
TEST(MemoryScaleTest, LimitsCloseToEachOtherKeepTheirOrderAndNoneFalls) {
  memory m = {.used = 49'900, .available = 450'000, .limit = {48'140, 49'140, 50'140}};
  const uint64_t high = memory_raised_high(&m);
  ASSERT_GT(high, m.limit[2]);
  __u64 wanted[3] = {};
  memory_scale(&m, high, wanted);
  EXPECT_LT(wanted[0], wanted[1]);
  EXPECT_LT(wanted[1], wanted[2]);
  for (int i = 0; i < 3; ++i) EXPECT_GT(wanted[i], m.limit[i]);
}

TEST(MemoryLoweredHighTest, GoesStepByStepToWhereItWasFound) {
  memory m = Machine(0, 500'000);
  m.limit[2] = 100'000;
  EXPECT_EQ(kHigh, memory_lowered_high(&m, kHigh));
  m.limit[2] = 200'000;
  EXPECT_EQ(150'000u, memory_lowered_high(&m, kHigh));
  m.limit[2] = kHigh;
  EXPECT_EQ(0u, memory_lowered_high(&m, kHigh));
}

// Whatever the protocol demands: its limit stops growing before the machine has nothing left.
TEST(MemoryTest, GrowsNoFurtherThanHalfOfWhatTheMachineHas) {
  constexpr uint64_t kAll = 900'000;
  memory m = Machine(60'000, kAll - 60'000);
  for (int step = 0; step < 100; ++step) {
    const uint64_t high = memory_raised_high(&m);
    if (high == 0) break;
    __u64 wanted[3];
    memory_scale(&m, high, wanted);
    for (int i = 0; i < 3; ++i) m.limit[i] = wanted[i];
    m.used = m.limit[1];  // it takes what it may before the kernel takes measures
    m.available = kAll - m.used;
  }
  EXPECT_EQ(0u, memory_raised_high(&m));
  EXPECT_LE(m.limit[2], 3 * kAll / 4);
  EXPECT_FALSE(memory_is_overdrawn(&m));
}

TEST(MemoryIsOverdrawnTest, WhenItMayTakeMoreThanThereIs) {
  const memory enough = Machine(50'000, 42'000), short_of = Machine(50'000, 41'999);
  EXPECT_FALSE(memory_is_overdrawn(&enough));
  EXPECT_TRUE(memory_is_overdrawn(&short_of));
}

TEST(MemoryTest, ExtremesDoNotWrap) {
  memory m = {
      .used = UINT64_MAX, .available = UINT64_MAX, .limit = {UINT64_MAX, UINT64_MAX, UINT64_MAX}};
  __u64 wanted[3];
  EXPECT_TRUE(memory_is_near(&m, m.limit[1]));
  EXPECT_FALSE(memory_is_overdrawn(&m));
  EXPECT_EQ(0u, memory_raised_high(&m));
  memory_scale(&m, UINT64_MAX, wanted);
  EXPECT_EQ(UINT64_MAX, wanted[2]);
}

}  // namespace
