// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/tcp_buffer_memory_logic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 10'000 * kSecond;

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
    if (memory_is_near(&m, m.limit[1]) && memory_raised_high(&m) == 0) {
      squeezes += !is_squeezed;
      is_squeezed = true;
      squeezed_ns = now;
      cap = squeezed(cap, SQUEEZED_LEAST_MAXIMUM);
    } else if (is_squeezed && memory_is_back(&m, m.limit[1]) && now % (30 * kSecond) == 0 &&
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
