// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What every loop that a tuner's decision closes must do: bounded overshoot, and nothing that goes
// on swinging. A loop is a class with
//   Look(second, wanted)   what is wanted then meets the value; the decision, in the order of the
//                          tuner's *.bpf.h, may move it
//   trace                  a Trace of the value, which begins where it was found
//   Meets(wanted)          the value is enough for that
//   kHigh                  a demand far above what was found (where all else is quiet, 1 is wanted)
//   kMostPercent           bound of the overshoot: of the largest demand, in percent
// INSTANTIATE_TYPED_TEST_SUITE_P(Name, LoopSuite, Loop) tries it.

#include <gtest/gtest.h>

#include <cstdio>

#include "testing/simulation/demand.h"

namespace bpftune::simulation {

// Of a demand that goes up and down at the worst of all periods: moves that follow it on the first
// day, and those a day when it is known to come back.
inline constexpr int kMostMovesOnTheFirstDay = 120;
inline constexpr int kMostMovesADay = 20;

template <typename Loop>
class LoopSuite : public ::testing::Test {
 protected:
  static constexpr uint64_t kHigh = Loop::kHigh;
  static constexpr uint64_t kLow = 1;

  void Run(uint64_t seconds, const Demand& demand) {
    for (const uint64_t end = second_ + seconds; second_ < end; ++second_) {
      const uint64_t wanted = demand(second_);
      most_ = std::max(most_, wanted);
      loop.Look(second_, wanted);
    }
    EXPECT_LE(loop.trace.highest(), std::max(found_, most_ * Loop::kMostPercent / 100));
    EXPECT_GE(loop.trace.value(), found_) << "it never goes below what was found";
  }

  int moves() const { return loop.trace.moves(); }

  Loop loop;
  const uint64_t found_ = loop.trace.value();

 private:
  uint64_t second_ = 1;
  uint64_t most_ = 0;
};

TYPED_TEST_SUITE_P(LoopSuite);

TYPED_TEST_P(LoopSuite, StepIsReachedWithoutGoingBack) {
  this->Run(60, Steady(this->kHigh));
  EXPECT_TRUE(this->loop.Meets(this->kHigh)) << this->loop.trace.value();
  EXPECT_EQ(0, this->loop.trace.reversals());
  EXPECT_LE(this->moves(), 20);
}

TYPED_TEST_P(LoopSuite, RampIsFollowedUpAndDown) {
  this->Run(600, UpAndDown(this->kLow, this->kHigh, 600));
  EXPECT_TRUE(this->loop.Meets(this->kHigh * 9 / 10)) << this->loop.trace.value();
  EXPECT_LE(this->loop.trace.reversals(), 1);
  this->Run(kDay, Steady(this->kLow));
  EXPECT_EQ(this->found_, this->loop.trace.value());
  EXPECT_LE(this->loop.trace.reversals(), 3);
}

// What does not change asks for no change. (A need that shows only where it is not met is tried for
// anew, at the longest wait: once a day.)
TYPED_TEST_P(LoopSuite, SteadyDemandComesToRest) {
  for (uint64_t wanted = this->kHigh; wanted > this->found_; wanted -= wanted / 5) {
    this->loop = TypeParam();
    this->Run(2 * kDay, Steady(wanted));
    const int moves = this->moves();
    this->Run(kDay, Steady(wanted));
    EXPECT_LE(this->moves() - moves, 6) << wanted;
    EXPECT_TRUE(this->loop.Meets(wanted)) << wanted;
  }
}

TYPED_TEST_P(LoopSuite, NoiseComesToRest) {
  for (const unsigned percent : {10, 30, 60, 90}) {
    this->loop = TypeParam();
    this->Run(2 * kDay, Noise(this->kHigh / 2, percent));
    const int moves = this->moves();
    this->Run(kDay, Noise(this->kHigh / 2, percent));
    EXPECT_LE(this->moves() - moves, 6) << percent << " percent";
  }
}

// The worst period is found, not guessed: all from two seconds to eight hours.
TYPED_TEST_P(LoopSuite, OscillatingDemandIsFollowedLessAndLessAtAnyPeriod) {
  constexpr int kDays = 4;
  int worst = 0, worst_later = 0;
  uint64_t worst_period = 0;
  for (const uint64_t period : Periods(2, 8 * kHour)) {
    for (const Demand& demand :
         {Square(this->kLow, this->kHigh, period), Bursts(this->kLow, this->kHigh, period)}) {
      this->loop = TypeParam();
      this->Run(kDay, demand);
      const int first = this->moves();
      this->Run((kDays - 1) * kDay, demand);
      worst_later = std::max(worst_later, (this->moves() - first) / (kDays - 1));
      if (first <= worst) continue;
      worst = first;
      worst_period = period;
    }
  }
  std::printf("worst: %d moves on the first day (period %llu s), %d a day later\n", worst,
              static_cast<unsigned long long>(worst_period), worst_later);
  EXPECT_GT(worst, 0) << "or the demand was never followed";
  EXPECT_LE(worst, kMostMovesOnTheFirstDay);
  EXPECT_LE(worst_later, kMostMovesADay);
}

// Two hosts in a row: what one lets through the other has to take, and what that refuses is tried
// again a second later. So each moves what the other has to do.
TYPED_TEST_P(LoopSuite, TwoHostsTuningTowardsEachOtherComeToRest) {
  constexpr uint64_t kMost = 2 * TypeParam::kHigh;
  TypeParam first, second;
  uint64_t again = 0;
  int moves = 0;
  for (uint64_t now = 1; now <= 3 * kDay; ++now) {
    const uint64_t wanted = std::min(TypeParam::kHigh + again, kMost);
    first.Look(now, wanted);
    const uint64_t through = std::min(wanted, first.trace.value());
    second.Look(now, through);
    again = through - std::min(through, second.trace.value());
    if (now == 2 * kDay) moves = first.trace.moves() + second.trace.moves();
  }
  EXPECT_LE(first.trace.highest(), kMost * TypeParam::kMostPercent / 100);
  EXPECT_LE(second.trace.highest(), kMost * TypeParam::kMostPercent / 100);
  EXPECT_LE(first.trace.moves() + second.trace.moves() - moves, 12);
  EXPECT_TRUE(second.Meets(TypeParam::kHigh));
}

REGISTER_TYPED_TEST_SUITE_P(LoopSuite, StepIsReachedWithoutGoingBack, RampIsFollowedUpAndDown,
                            SteadyDemandComesToRest, NoiseComesToRest,
                            OscillatingDemandIsFollowedLessAndLessAtAnyPeriod,
                            TwoHostsTuningTowardsEachOtherComeToRest);

}  // namespace bpftune::simulation
