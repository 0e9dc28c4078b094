// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/common/pure/learning.h"

#include <gtest/gtest.h>

#include <vector>

namespace {

constexpr __u64 kHorizon = 60'000'000'000;
constexpr __u64 kMax = PURE_U64_MAX;
constexpr __s32 kUp = 1, kDown = -1;

// The step's shift after each of these moves, a nanosecond apart.
std::vector<__u32> Shifts(const std::vector<__s32> &directions) {
  learning_step step = {};
  std::vector<__u32> shifts;
  __u64 now = 1000;
  for (__s32 direction : directions) {
    learning_step_move(&step, ++now, direction, kHorizon);
    shifts.push_back(step.step_shift);
  }
  return shifts;
}

using Expected = std::vector<__u32>;

TEST(LearningStepTest, StartsWithAQuarter) { EXPECT_EQ(Shifts({kUp}), (Expected{2})); }

TEST(LearningStepTest, DoublesTheStepWithEachMoveInTheSameDirectionUpToTheWholeValue) {
  EXPECT_EQ(Shifts({kUp, kUp, kUp, kUp}), (Expected{2, 1, 0, 0}));
  EXPECT_EQ(Shifts({kDown, kDown, kDown, kDown}), (Expected{2, 1, 0, 0}));
}

TEST(LearningStepTest, HalvesTheStepWithEachReversalDownToOne64th) {
  EXPECT_EQ(Shifts({kUp, kDown, kUp, kDown, kUp, kDown, kUp}), (Expected{2, 3, 4, 5, 6, 6, 6}));
}

TEST(LearningStepTest, GrowsAgainAfterAReversal) {
  EXPECT_EQ(Shifts({kUp, kUp, kDown, kDown, kDown}), (Expected{2, 1, 2, 1, 0}));
}

TEST(LearningStepTest, StartsAgainWhenTheLastMoveIsOlderThanTheHorizon) {
  learning_step step = {};
  learning_step_move(&step, 1, kUp, kHorizon);
  learning_step_move(&step, 1 + kHorizon, kUp, kHorizon);
  EXPECT_EQ(step.step_shift, 1u) << "exactly the horizon is within it";
  learning_step_move(&step, 2 + 2 * kHorizon, kUp, kHorizon);
  EXPECT_EQ(step.step_shift, 2u);
}

TEST(LearningStepTest, TakesAClockThatGoesBackForOneThatStandsStill) {
  learning_step step = {};
  learning_step_move(&step, kMax, kUp, kHorizon);
  learning_step_move(&step, 0, kUp, kHorizon);
  EXPECT_EQ(step.step_shift, 1u);
}

TEST(LearningStepTest, LoweringIsWorthAnEighthOrTheLastStep) {
  EXPECT_FALSE(learning_worth_lowering(800, 701, 100));
  EXPECT_TRUE(learning_worth_lowering(800, 700, 100));
  EXPECT_TRUE(learning_worth_lowering(800, 799, 799)) << "all that is left";
  EXPECT_FALSE(learning_worth_lowering(800, 800, 800));
  EXPECT_FALSE(learning_worth_lowering(800, 900, 900));
}

TEST(LearningStepTest, IgnoresNoMove) { EXPECT_EQ(Shifts({kUp, 0, kUp}), (Expected{2, 2, 1})); }

TEST(LearningStepTest, ComesBackIntoRangeFromAnyStoredState) {
  for (__s32 before : {kUp, kDown}) {
    learning_step step = {.moved_ns = 1, .direction = before, .step_shift = 0xffffffff};
    learning_step_move(&step, 2, kDown, kHorizon);
    learning_step_apply(&step, kMax, 0,
                        kMax);  // no undefined shift: the sanitizer looks
    learning_step_move(&step, 3, kUp, kHorizon);
    EXPECT_LE(step.step_shift, 6u);
  }
}

TEST(LearningStepApplyTest, MovesInTheDirectionOfTheLastMove) {
  learning_step step = {.moved_ns = 1, .direction = kUp, .step_shift = 2};
  EXPECT_EQ(learning_step_apply(&step, 1000, 0, kMax), 1250u);
  step.direction = kDown;
  EXPECT_EQ(learning_step_apply(&step, 1000, 0, kMax), 750u);
  step.direction = 0;
  EXPECT_EQ(learning_step_apply(&step, 1000, 0, kMax), 1000u);
}

TEST(LearningStepApplyTest, AtMostDoublesAndAtMostHalves) {
  learning_step step = {.moved_ns = 1, .direction = kUp, .step_shift = 0};
  EXPECT_EQ(learning_step_apply(&step, 1000, 0, kMax), 2000u);
  step.direction = kDown;
  EXPECT_EQ(learning_step_apply(&step, 2000, 0, kMax), 1000u);
}

TEST(LearningStepApplyTest, StaysWithinTheBoundsEvenFromOutside) {
  for (__s32 direction : {kUp, 0, kDown}) {
    for (__u32 shift = 0; shift <= 6; shift++) {
      const learning_step step = {.moved_ns = 1, .direction = direction, .step_shift = shift};
      for (__u64 value : {__u64{0}, __u64{99}, __u64{100}, __u64{150}, __u64{200}, kMax}) {
        const __u64 next = learning_step_apply(&step, value, 100, 200);
        EXPECT_GE(next, 100u);
        EXPECT_LE(next, 200u);
      }
    }
  }
}

// What the scheme is for: far away it takes few moves, near by small ones.
TEST(LearningStepApplyTest, ReachesATargetAThousandTimesAwayAndSettlesWithinOne32nd) {
  learning_step step = {};
  const __u64 target = 64'000'000;
  __u64 value = 64'000;
  int moves = 0;
  for (; moves < 40; moves++) {
    learning_step_move(&step, 1 + moves, value < target ? kUp : kDown, kHorizon);
    value = learning_step_apply(&step, value, 4096, 1ULL << 30);
    if (moves == 12) {
      EXPECT_GT(value, target / 2);
    }
  }
  const __u64 tolerance = target / 32;
  EXPECT_NEAR(static_cast<double>(value), target, tolerance);
}

}  // namespace
