// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/common/pure/correlation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using Sample = std::pair<__s32, __s32>;
using Series = std::function<Sample(int)>;

constexpr __s32 kSmallest = std::numeric_limits<__s32>::min();
constexpr __s32 kLargest = std::numeric_limits<__s32>::max();

// The same weighted coefficient in long double.
class Reference {
 public:
  void Add(Sample s) {
    const long double x = Cut(s.first), y = Cut(s.second);
    if (samples_ == 0) {
      mean_x_ = x;
      mean_y_ = y;
      samples_ = 1;
      return;
    }
    const int shift = std::min(static_cast<int>(std::bit_width(samples_)), 5);
    const long double a = std::ldexp(1.0L, -shift);
    const long double dx = x - mean_x_, dy = y - mean_y_;
    mean_x_ += a * dx;
    mean_y_ += a * dy;
    var_x_ += a * ((1 - a) * dx * dx - var_x_);
    var_y_ += a * ((1 - a) * dy * dy - var_y_);
    cov_ += a * ((1 - a) * dx * dy - cov_);
    if (samples_ < 32) samples_++;
  }

  // Is there so much variation that rounding does not matter?
  bool IsPlain() const { return samples_ >= 16 && var_x_ > 100 && var_y_ > 100; }
  long double r() const { return cov_ / std::sqrt(var_x_ * var_y_); }

 private:
  static long double Cut(__s32 q8) { return std::min(std::max(q8, -4096), 4096); }

  unsigned samples_ = 0;
  long double mean_x_ = 0, mean_y_ = 0, var_x_ = 0, var_y_ = 0, cov_ = 0;
};

correlation After(int samples, const Series &series) {
  correlation c = {};
  for (int i = 0; i < samples; i++) {
    const auto [x, y] = series(i);
    correlation_add(&c, x, y);
  }
  return c;
}

TEST(CorrelationTest, IsNotKnownBeforeThereAreEnoughSamples) {
  const Series line = [](int i) { return Sample{i * 100, i * 100}; };
  const correlation few = After(CORRELATION_MIN_SAMPLES - 1, line);
  EXPECT_FALSE(correlation_is_known(&few));
  EXPECT_FALSE(correlation_at_least(&few, 1));
  const correlation enough = After(CORRELATION_MIN_SAMPLES, line);
  EXPECT_TRUE(correlation_at_least(&enough, 999));
}

TEST(CorrelationTest, IsNotKnownWhileEitherStandsStill) {
  for (__s32 still : {0, 1, -4096, kLargest}) {
    const correlation x = After(1000, [=](int i) { return Sample{still, i * 7}; });
    const correlation y = After(1000, [=](int i) { return Sample{i * 7, still}; });
    EXPECT_FALSE(correlation_is_known(&x)) << still;
    EXPECT_FALSE(correlation_is_known(&y)) << still;
    EXPECT_EQ(correlation_permille(&x), 0u);
  }
}

TEST(CorrelationTest, DoesNotTakeTheRoundingOfItsInputsForVariation) {
  const correlation c = After(1000, [](int i) { return Sample{4000 + i % 2, 4000 + i % 2}; });
  EXPECT_FALSE(correlation_is_known(&c));
}

// The series on which the incumbent's sums wrap, and r falls below its threshold.
TEST(CorrelationTest, StaysCompleteOnAPerfectlyCorrelatedRamp) {
  for (int n = CORRELATION_MIN_SAMPLES; n < 500; n++) {
    const correlation c = After(n, [](int i) { return Sample{i * 8, i * 8}; });
    ASSERT_TRUE(correlation_at_least(&c, 999)) << "after " << n << " samples";
  }
}

TEST(CorrelationTest, IsNeverPositiveForOppositeMovement) {
  const correlation c = After(100, [](int i) { return Sample{i * 8, -i * 8}; });
  EXPECT_TRUE(correlation_is_known(&c));
  EXPECT_FALSE(correlation_at_least(&c, 1));
}

TEST(CorrelationTest, RefusesThresholdsThatMeanNothing) {
  const correlation c = After(100, [](int i) { return Sample{i, i}; });
  EXPECT_TRUE(correlation_at_least(&c, 999));
  EXPECT_FALSE(correlation_at_least(&c, 0));
  EXPECT_FALSE(correlation_at_least(&c, 1001));
  EXPECT_FALSE(correlation_at_least(&c, 0xffffffff));
}

TEST(CorrelationTest, RecoversWithinSeventySamplesWhenLatencyNoLongerFollows) {
  std::mt19937 random(1);
  auto noise = [&] { return static_cast<__s32>(random() % 512) - 256; };
  correlation c = {};
  for (int i = 0; i < 1000; i++) {
    const __s32 both = noise();
    correlation_add(&c, both, both);
  }
  EXPECT_TRUE(correlation_at_least(&c, 990));
  for (int i = 0; i < 70; i++) correlation_add(&c, noise(), noise());
  EXPECT_FALSE(correlation_at_least(&c, 700));
}

TEST(CorrelationTest, RarelyTakesChanceForCorrelation) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal(0, 256);
  int wrong = 0;
  for (int trial = 0; trial < 10'000; trial++) {
    correlation c = {};
    for (int i = 0; i < CORRELATION_MIN_SAMPLES; i++)
      correlation_add(&c, static_cast<__s32>(normal(random)), static_cast<__s32>(normal(random)));
    wrong += correlation_at_least(&c, 700);
  }
  EXPECT_LT(wrong, 100) << "of 10000";
}

struct NamedSeries {
  std::string name;
  Series series;
};

std::vector<NamedSeries> HostileSeries() {
  auto random = std::make_shared<std::mt19937>(1);
  auto any = [random] { return static_cast<__s32>((*random)()); };
  auto small = [random] { return static_cast<__s32>((*random)() % 600); };
  return {
      {"zeros",
       [](int) {
         return Sample{0, 0};
       }},
      {"largest",
       [](int) {
         return Sample{kLargest, kLargest};
       }},
      {"smallest",
       [](int) {
         return Sample{kSmallest, kSmallest};
       }},
      {"largest against smallest",
       [](int) {
         return Sample{kLargest, kSmallest};
       }},
      {"alternating",
       [](int i) {
         return i & 1 ? Sample{kLargest, kLargest} : Sample{kSmallest, kSmallest};
       }},
      {"alternating against",
       [](int i) {
         return i & 1 ? Sample{kLargest, kSmallest} : Sample{kSmallest, kLargest};
       }},
      {"alternating each second",
       [](int i) {
         return Sample{i & 1 ? kLargest : kSmallest, i & 2 ? kLargest : kSmallest};
       }},
      {"single spike",
       [](int i) {
         return i == 500'000 ? Sample{kLargest, kLargest} : Sample{3, -3};
       }},
      {"a spike among noise",
       [=](int i) {
         return i % 1000 ? Sample{small(), small()} : Sample{kLargest, kLargest};
       }},
      {"slow ramp",
       [](int i) {
         return Sample{i / 100, i / 100};
       }},
      {"saw teeth",
       [](int i) {
         return Sample{i * 37 % 8192 - 4096, i * 41 % 8192 - 4096};
       }},
      {"step",
       [](int i) {
         return i < 500'000 ? Sample{-4096, 4096} : Sample{4096, -4096};
       }},
      {"a large and a small variation",
       [=](int) {
         const __s32 s = small();
         return Sample{s * 13 - 4000, s / 16};
       }},
      {"any numbers",
       [=](int) {
         return Sample{any(), any()};
       }},
      {"small numbers",
       [=](int) {
         return Sample{small(), small()};
       }},
      {"small numbers at the edge",
       [=](int) {
         return Sample{4096 - small(), -4096 + small()};
       }},
      {"correlated with noise",
       [=](int i) {
         const __s32 s = small();
         return Sample{s, s + small() * (i >> 14) / 20};
       }},
  };
}

// The proof of the header, looked at: every state stays within its bounds; and every answer
// agrees with the reference outside 1/200 around the threshold.
TEST(CorrelationTest, NeverWrapsAndAgreesWithLongDoubleOnAMillionHostileSamples) {
  for (const NamedSeries &hostile : HostileSeries()) {
    SCOPED_TRACE(hostile.name);
    correlation c = {};
    Reference reference;
    for (int i = 0; i < 1'000'000; i++) {
      const Sample s = hostile.series(i);
      correlation_add(&c, s.first, s.second);
      reference.Add(s);
      ASSERT_LE(std::llabs(c.mean_x), 1LL << 28) << "sample " << i;
      ASSERT_LE(std::llabs(c.mean_y), 1LL << 28) << "sample " << i;
      ASSERT_LE(c.var_x, 1LL << 42) << "sample " << i;
      ASSERT_LE(c.var_y, 1LL << 42) << "sample " << i;
      ASSERT_GE(c.var_x, 0) << "sample " << i;
      ASSERT_GE(c.var_y, 0) << "sample " << i;
      ASSERT_LE(std::llabs(c.cov), 1LL << 42) << "sample " << i;
      if (!reference.IsPlain()) continue;
      for (__u32 threshold : {300u, 700u, 900u}) {
        if (std::fabs(reference.r() - threshold / 1000.0L) < 0.005L) continue;
        ASSERT_EQ(correlation_at_least(&c, threshold) != 0, reference.r() >= threshold / 1000.0L)
            << "sample " << i << ", r " << reference.r() << ", threshold " << threshold;
      }
    }
  }
}

TEST(CorrelationTest, IsTrueForEveryThresholdBelowOneThatIsReached) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 600; trial++) {
    const int noise = 1 + 4 * trial;
    const correlation c = After(40, [&](int) {
      const auto s = static_cast<__s32>(random() % 512);
      return Sample{s, s + static_cast<__s32>(random() % noise)};
    });
    for (__u32 r = 1; r < 1000; r++)
      ASSERT_GE(correlation_at_least(&c, r), correlation_at_least(&c, r + 1)) << r;
    const __u32 shown = correlation_permille(&c);
    if (shown) {
      ASSERT_TRUE(correlation_at_least(&c, shown));
    }
    if (shown < 1000) {
      ASSERT_FALSE(correlation_at_least(&c, shown + 1));
    }
  }
}

}  // namespace
