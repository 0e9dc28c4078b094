// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/common/pure/limits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace {

constexpr __u64 kMax = PURE_U64_MAX;
__extension__ typedef unsigned __int128 Wide;  // on the host there is one: the oracle

// Zero, the neighbours of every power of two, the largest: where wrapping starts.
std::vector<__u64> Edges() {
  std::vector<__u64> edges = {0, kMax};
  for (int bit = 0; bit < 64; bit++)
    for (int off = -1; off <= 1; off++) edges.push_back((1ULL << bit) + off);
  return edges;
}

// Random numbers of random length, so that small ones are as frequent as large ones.
class AnyNumber {
 public:
  __u64 operator()() { return random_() >> (random_() & 63); }

 private:
  std::mt19937_64 random_{1};
};

TEST(SaturatingTest, AgreesWithWideArithmeticAtEveryEdge) {
  for (__u64 a : Edges()) {
    for (__u64 b : Edges()) {
      const Wide sum = Wide{a} + b;
      const Wide product = Wide{a} * b;
      EXPECT_EQ(sat_add(a, b), sum > kMax ? Wide{kMax} : sum) << a << " + " << b;
      EXPECT_EQ(sat_sub(a, b), a > b ? a - b : 0) << a << " - " << b;
      EXPECT_EQ(sat_mul(a, b), product > kMax ? Wide{kMax} : product) << a << " * " << b;
    }
  }
}

TEST(ClampTest, LetsTheHighestWinWhenTheBoundsContradict) {
  EXPECT_EQ(clamp_u64(5, 1, 9), 5u);
  EXPECT_EQ(clamp_u64(0, 1, 9), 1u);
  EXPECT_EQ(clamp_u64(kMax, 1, 9), 9u);
  EXPECT_EQ(clamp_u64(5, 9, 1), 1u);
}

TEST(GrowByShiftTest, AddsTheFraction) {
  EXPECT_EQ(grow_by_shift(1000, 2, kMax), 1250u);
  EXPECT_EQ(grow_by_shift(1000, 0, kMax), 2000u);
}

TEST(GrowByShiftTest, StopsAtTheCapInsteadOfWrapping) {
  EXPECT_EQ(grow_by_shift(kMax - 1, 0, kMax), kMax);
  EXPECT_EQ(grow_by_shift(1000, 2, 1100), 1100u);
  EXPECT_EQ(grow_by_shift(2000, 2, 1100), 1100u);
}

TEST(GrowByShiftTest, MovesSmallValuesByOne) {
  EXPECT_EQ(grow_by_shift(0, 2, kMax), 1u);
  EXPECT_EQ(grow_by_shift(3, 2, kMax), 4u);
  EXPECT_EQ(grow_by_shift(3, 64, kMax), 4u) << "a shift of 64 is undefined in C";
}

TEST(ShrinkByShiftTest, TakesTheFractionAndStopsAtTheFloor) {
  EXPECT_EQ(shrink_by_shift(1000, 2, 0), 750u);
  EXPECT_EQ(shrink_by_shift(1000, 2, 900), 900u);
  EXPECT_EQ(shrink_by_shift(1000, 0, 10), 10u);
  EXPECT_EQ(shrink_by_shift(3, 2, 0), 2u);
  EXPECT_EQ(shrink_by_shift(0, 2, 0), 0u);
}

TEST(BitLengthTest, CountsTheBitsOfEveryPowerOfTwo) {
  EXPECT_EQ(bit_length(0), 0u);
  for (__u32 bit = 0; bit < 64; bit++) {
    EXPECT_EQ(bit_length(1ULL << bit), bit + 1);
    EXPECT_EQ(bit_length((1ULL << bit) - 1), bit);
  }
}

// What mul_div() promises: exact where a * b fits, else from above by its error bound.
void ExpectMulDiv(__u64 a, __u64 b, __u64 c) {
  const __u64 got = mul_div(a, b, c);
  if (c == 0) {
    ASSERT_EQ(got, kMax);
    return;
  }
  const Wide product = Wide{a} * b;
  const Wide exact = product / c > kMax ? Wide{kMax} : product / c;
  if (product <= kMax) {
    ASSERT_EQ(got, exact) << a << " * " << b << " / " << c;
  } else {
    ASSERT_LE(got, exact) << a << " * " << b << " / " << c;
    ASSERT_GE(Wide{got} + 1 + (exact >> 28), exact) << a << " * " << b << " / " << c;
  }
}

TEST(MulDivTest, KeepsItsErrorBoundAtEveryEdge) {
  for (__u64 a : Edges())
    for (__u64 b : Edges())
      for (__u64 c : Edges()) ExpectMulDiv(a, b, c);
}

TEST(MulDivTest, KeepsItsErrorBoundOnAMillionRandomNumbers) {
  AnyNumber any;
  for (int i = 0; i < 1'000'000; i++) ExpectMulDiv(any(), any(), any());
}

TEST(PermilleTest, KnowsNoPartOfNothing) {
  EXPECT_EQ(permille(1, 0), 0u);
  EXPECT_EQ(permille(15, 16), 937u);
  EXPECT_EQ(permille(kMax, kMax), 999u) << "beyond 64 bits rounded down";
  EXPECT_EQ(permille_of(2000, 937), 1874u);
}

TEST(Ilog2Test, IsWithinOneUnitBelowTheLogarithm) {
  AnyNumber any;
  std::vector<__u64> numbers = Edges();
  for (int i = 0; i < 1'000'000; i++) numbers.push_back(any());
  for (__u64 v : numbers) {
    const long double exact = v ? 256 * std::log2(static_cast<long double>(v)) : 0;
    ASSERT_LE(ilog2_q8(v), exact + 1e-12L) << v;
    ASSERT_GT(ilog2_q8(v), exact - 1.001L) << v;
  }
}

TEST(Ilog2Test, NeverFallsWhenTheNumberRises) {
  for (__u64 v = 0; v < 1'000'000; v++) ASSERT_LE(ilog2_q8(v), ilog2_q8(v + 1)) << v;
  AnyNumber any;
  for (int i = 0; i < 1'000'000; i++) {
    const __u64 a = any(), b = any();
    ASSERT_LE(ilog2_q8(min_u64(a, b)), ilog2_q8(max_u64(a, b))) << a << " and " << b;
  }
  EXPECT_EQ(ilog2_q8(kMax), 16383u);
}

TEST(Log2RatioTest, IsZeroForEqualAndOddInItsArguments) {
  EXPECT_EQ(log2_ratio_q8(12345, 12345), 0);
  EXPECT_EQ(log2_ratio_q8(8192, 1024), 3 * 256);
  EXPECT_EQ(log2_ratio_q8(1024, 8192), -3 * 256);
  EXPECT_EQ(log2_ratio_q8(kMax, 0), 16383);
  EXPECT_EQ(log2_ratio_q8(0, kMax), -16383);
}

}  // namespace
