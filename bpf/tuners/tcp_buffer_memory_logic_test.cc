// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/tcp_buffer_memory_logic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 10'000 * kSecond;
constexpr uint64_t kHigh = 92'000;

// A machine of 4 GiB as the kernel sets it up; pages of 4 KiB.
memory Machine(uint64_t used, uint64_t available) {
  return {.used = used, .available = available, .limit = {46'000, 61'000, kHigh}};
}

TEST(MemoryIsKnownTest, OnlyWhenEverythingCouldBeRead) {
  memory m = Machine(0, 500'000);
  EXPECT_TRUE(memory_is_known(&m)) << "TCP may well use nothing";
  m.limit[2] = 0;
  EXPECT_FALSE(memory_is_known(&m));
  m = Machine(0, 0);
  EXPECT_FALSE(memory_is_known(&m));
}

TEST(MemoryIsNearTest, FromThreeQuartersOfPressureOnAndBackAtOneHalf) {
  const memory plenty = Machine(30'500, 500'000), between = Machine(40'000, 500'000),
               near = Machine(45'750, 500'000);
  EXPECT_TRUE(memory_is_back(&plenty));
  EXPECT_FALSE(memory_is_near(&plenty));
  EXPECT_FALSE(memory_is_back(&between));
  EXPECT_FALSE(memory_is_near(&between));
  EXPECT_TRUE(memory_is_near(&near));
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

TEST(MemoryLoweredHighTest, GoesStepByStepToWhereItWasFound) {
  memory m = Machine(0, 500'000);
  m.limit[2] = 100'000;
  EXPECT_EQ(kHigh, memory_lowered_high(&m, kHigh));
  m.limit[2] = 200'000;
  EXPECT_EQ(150'000u, memory_lowered_high(&m, kHigh));
  m.limit[2] = kHigh;
  EXPECT_EQ(0u, memory_lowered_high(&m, kHigh));
}

// Whatever TCP demands: tcp_mem stops growing before the machine has nothing left.
TEST(MemoryTest, GrowsNoFurtherThanHalfOfWhatTheMachineHas) {
  constexpr uint64_t kAll = 900'000;
  memory m = Machine(60'000, kAll - 60'000);
  for (int step = 0; step < 100; ++step) {
    const uint64_t high = memory_raised_high(&m);
    if (high == 0) break;
    __u64 wanted[3];
    memory_scale(&m, high, wanted);
    for (int i = 0; i < 3; ++i) m.limit[i] = wanted[i];
    m.used = m.limit[1];  // TCP takes what it may before the kernel takes measures
    m.available = kAll - m.used;
  }
  EXPECT_EQ(0u, memory_raised_high(&m));
  EXPECT_LE(m.limit[2], 3 * kAll / 4);
  EXPECT_FALSE(memory_is_overdrawn(&m));
}

TEST(MemoryIsOverdrawnTest, WhenTcpMayTakeMoreThanThereIs) {
  const memory enough = Machine(50'000, 42'000), short_of = Machine(50'000, 41'999);
  EXPECT_FALSE(memory_is_overdrawn(&enough));
  EXPECT_TRUE(memory_is_overdrawn(&short_of));
}

TEST(SqueezedTest, HalvesButNotBelowTheLeastAndNeverRaises) {
  EXPECT_EQ(2'000'000u, squeezed(4'000'000, SQUEEZED_LEAST_MAXIMUM));
  EXPECT_EQ(65'536u, squeezed(100'000, SQUEEZED_LEAST_MAXIMUM));
  EXPECT_EQ(20'000u, squeezed(20'000, SQUEEZED_LEAST_MAXIMUM));
}

TEST(UnsqueezedTest, DoublesTowardsWhatItWasAndLeavesWhatHasGrownMore) {
  EXPECT_EQ(2'000'000u, unsqueezed(1'000'000, 6'000'000));
  EXPECT_EQ(6'000'000u, unsqueezed(4'000'000, 6'000'000));
  EXPECT_EQ(8'000'000u, unsqueezed(8'000'000, 6'000'000));
}

TEST(SqueezeHoldTest, DoublesWithEachSqueezeThatFollowsOne) {
  EXPECT_EQ(30 * kSecond, squeeze_hold_ns(1));
  EXPECT_EQ(60 * kSecond, squeeze_hold_ns(2));
  EXPECT_EQ(3600 * kSecond, squeeze_hold_ns(UINT32_MAX));
}

TEST(MemoryTest, ExtremesDoNotWrap) {
  memory m = {
      .used = UINT64_MAX, .available = UINT64_MAX, .limit = {UINT64_MAX, UINT64_MAX, UINT64_MAX}};
  __u64 wanted[3];
  EXPECT_TRUE(memory_is_near(&m));
  EXPECT_FALSE(memory_is_overdrawn(&m));
  EXPECT_EQ(0u, memory_raised_high(&m));
  memory_scale(&m, UINT64_MAX, wanted);
  EXPECT_EQ(UINT64_MAX, wanted[2]);
}

// TCP fills whatever it may, for hours: buffers that go back up run into the same shortage.
TEST(SqueezeTest, BuffersAreTriedMoreAndMoreRarelyWhileMemoryStaysShort) {
  constexpr uint64_t kFound = 4 << 20;
  constexpr uint64_t kConnections = 45;  // too many at the full size, few at half
  uint64_t cap = kFound, squeezed_ns = 0;
  uint32_t squeezes = 0;
  bool is_squeezed = false;
  memory m = {.used = 0, .available = 1000, .limit = {37'500, 50'000, 75'000}};
  for (uint64_t now = kStart; now < kStart + uint64_t{4} * 3600 * kSecond; now += 5 * kSecond) {
    m.used = std::min<uint64_t>(cap * kConnections / 4096, m.limit[2]);
    if (memory_is_near(&m) && memory_raised_high(&m) == 0) {
      squeezes += !is_squeezed;
      is_squeezed = true;
      squeezed_ns = now;
      cap = squeezed(cap, SQUEEZED_LEAST_MAXIMUM);
    } else if (is_squeezed && memory_is_back(&m) && now % (30 * kSecond) == 0 &&
               now - squeezed_ns >= squeeze_hold_ns(squeezes)) {
      cap = unsqueezed(cap, kFound);
      is_squeezed = cap != kFound;
    }
    EXPECT_GE(cap, uint64_t{SQUEEZED_LEAST_MAXIMUM});
  }
  EXPECT_GE(squeezes, 2u) << "it is tried again";
  EXPECT_LE(squeezes, 12u);
}

}  // namespace
