// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/tcp_buffer_trial_logic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 1000 * kSecond;
constexpr uint64_t kCap = 1'000'000;
constexpr uint64_t kNeed = 8'000'000;
constexpr uint32_t kRttUs = 100'000;
constexpr uint32_t kSweep = 7;
constexpr uint16_t kStrategy = 1;

trial RaisedAt(uint64_t now) {
  trial t = {};
  trial_raise(&t, now, kSweep, kCap, kNeed, kRttUs, kStrategy);
  return t;
}

// Of one witness that delivered 8 MB/s, which is more than its maximum carried by itself.
testimony Heard(uint64_t now_rate, bool uses_raise = true) {
  witness w = {};
  witness_ask(&w, kSweep, 8'000'000, kCap, 179, kRttUs);
  testimony out = {};
  testify(&out, &w, now_rate, uses_raise);
  return out;
}

uint64_t Settled(const trial& t) { return kStart + trial_settle_ns(&t); }
uint64_t Late(const trial& t) { return kStart + trial_patience_ns(&t); }

TEST(TrialOutcomeTest, MoreIsHelpAsSoonAsItHasSettled) {
  const trial t = RaisedAt(kStart);
  const testimony heard = Heard(10'100'000);
  EXPECT_EQ(TRIAL_RUNS, trial_outcome(&t, &heard, Settled(t) - 1, 2 * kCap));
  EXPECT_EQ(RAISE_HELPED, trial_outcome(&t, &heard, Settled(t), 2 * kCap));
}

TEST(TrialOutcomeTest, TheSameIsInVainOnlyAfterAllTheTimeTheyCouldWant) {
  const trial t = RaisedAt(kStart);
  const testimony heard = Heard(8'100'000);
  EXPECT_EQ(TRIAL_RUNS, trial_outcome(&t, &heard, Late(t) - 1, 2 * kCap));
  EXPECT_EQ(RAISE_IN_VAIN, trial_outcome(&t, &heard, Late(t), 2 * kCap));
}

struct Row {
  const char* what;
  testimony heard;
  uint64_t cap;
  outcome expected;
};

class LateTable : public ::testing::TestWithParam<Row> {};

TEST_P(LateTable, IsInVainOnlyWhenNothingElseExplainsIt) {
  const trial t = RaisedAt(kStart);
  EXPECT_EQ(GetParam().expected, trial_outcome(&t, &GetParam().heard, Late(t), GetParam().cap))
      << GetParam().what;
}

testimony WithNeedOfOthers(uint64_t need) {
  testimony out = Heard(8'000'000);
  out.need_of_others = need;
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    Situations, LateTable,
    ::testing::Values(
        Row{"uses more, delivers the same", Heard(8'000'000), 2 * kCap, RAISE_IN_VAIN},
        Row{"a gain within what can be measured", Heard(8'900'000), 2 * kCap, RAISE_IN_VAIN},
        Row{"a burst before", Heard(6'100'000), 2 * kCap, RAISE_IN_VAIN},
        Row{"much less: the path is another now", Heard(5'900'000), 2 * kCap, RAISE_UNKNOWN},
        Row{"a gain that may be a burst", Heard(9'900'000), 2 * kCap, RAISE_UNKNOWN},
        Row{"does not use it", Heard(8'000'000, false), 2 * kCap, RAISE_UNKNOWN},
        Row{"nobody is left", {}, 2 * kCap, RAISE_UNKNOWN},
        Row{"somebody who had not asked needs it", WithNeedOfOthers(kCap + 1), 2 * kCap,
            RAISE_UNKNOWN},
        Row{"others are content with what was", WithNeedOfOthers(kCap), 2 * kCap, RAISE_IN_VAIN},
        Row{"it was never raised, or lowered since", Heard(20'000'000), kCap, TRIAL_VOID}));

// A connection in slow start has not shown yet what its maximum carries. To reach that is no help.
TEST(WitnessTest, GainUpToWhatTheOldMaximumCarriedIsNoHelp) {
  const trial t = RaisedAt(kStart);
  witness w = {};
  witness_ask(&w, kSweep, 4'000'000, kCap, 179, kRttUs);
  testimony heard = {};
  testify(&heard, &w, 7'000'000, 1);  // 0.7 of 1 MB each 100 ms
  EXPECT_EQ(RAISE_IN_VAIN, trial_outcome(&t, &heard, Late(t), 2 * kCap));
}

TEST(TrialTest, KnowsHowManyRaisesItTookAndWhichStrategyMadeThemAll) {
  trial t = RaisedAt(kStart);
  EXPECT_EQ(1, t.raises);
  EXPECT_EQ(kStrategy, t.strategy);
  trial_raise(&t, kStart, kSweep, 2 * kCap, kNeed, kRttUs, kStrategy);
  EXPECT_EQ(2, t.raises);
  EXPECT_EQ(kStrategy, t.strategy);
  trial_raise(&t, kStart, kSweep, 2 * kCap, kNeed, kRttUs, kStrategy - 1);
  trial_raise(&t, kStart, kSweep, 2 * kCap, kNeed, kRttUs, kStrategy);
  EXPECT_EQ(SEVERAL_STRATEGIES, t.strategy);
  t.raises = UINT16_MAX;
  trial_raise(&t, kStart, kSweep, 2 * kCap, kNeed, kRttUs, kStrategy);
  EXPECT_EQ(UINT16_MAX, t.raises);
}

TEST(WitnessTest, OnlyWhoAskedForTheFirstRaiseIsOne) {
  trial t = RaisedAt(kStart);
  witness first = {}, later = {}, never = {};
  witness_ask(&first, kSweep, 1, kCap, 179, kRttUs);
  witness_ask(&later, kSweep + 3, 1, kCap, 179, kRttUs);
  EXPECT_EQ(0, trial_raise(&t, kStart + kSecond, kSweep + 3, 2 * kCap, kNeed, kRttUs, kStrategy))
      << "one series";
  EXPECT_EQ(kCap, t.cap_before);
  EXPECT_TRUE(is_witness(&t, &first));
  EXPECT_FALSE(is_witness(&t, &later));
  EXPECT_FALSE(is_witness(&t, &never));
  t.cap_before = 0;
  EXPECT_FALSE(is_witness(&t, &first)) << "judged";
}

TEST(TestimonyTest, WhatOneGainsAnotherMayLose) {
  const trial t = RaisedAt(kStart);
  witness w = {};
  witness_ask(&w, kSweep, 8'000'000, kCap, 179, kRttUs);
  testimony heard = {};
  testify(&heard, &w, 12'000'000, 1);
  testify(&heard, &w, 4'500'000, 1);
  EXPECT_EQ(RAISE_IN_VAIN, trial_outcome(&t, &heard, Late(t), 2 * kCap));
  EXPECT_EQ(2u, heard.witnesses);
}

TEST(InVainHoldTest, DoublesUntilAnHourAndOthersWaitASixteenth) {
  EXPECT_EQ(0u, in_vain_hold_ns(0, 1));
  EXPECT_EQ(60 * kSecond, in_vain_hold_ns(1, 1));
  EXPECT_EQ(120 * kSecond, in_vain_hold_ns(2, 1));
  EXPECT_EQ(3600 * kSecond, in_vain_hold_ns(7, 1));
  EXPECT_EQ(3600 * kSecond, in_vain_hold_ns(UINT32_MAX, 1));
  EXPECT_EQ(60 * kSecond / 16, in_vain_hold_ns(1, 0));
}

TEST(InVainTest, LargerNeedIsAnotherMatter) {
  trial t = RaisedAt(kStart);
  in_vain v = {};
  in_vain_note(&v, &t, kStart);
  t.need = 7'000'000;
  in_vain_note(&v, &t, kStart);
  EXPECT_EQ(2u, v.in_row);
  EXPECT_FALSE(is_new_need(&v, 12'000'000)) << "may be a burst";
  EXPECT_TRUE(is_new_need(&v, 12'000'001));
  t.need = 12'000'001;
  in_vain_note(&v, &t, kStart);
  EXPECT_EQ(1u, v.in_row);
  in_vain_forget(&v);
  EXPECT_EQ(0u, in_vain_hold_ns(v.in_row, 1));
}

TEST(InVainTest, LargestNeedOfASeriesCounts) {
  trial t = RaisedAt(kStart);
  trial_raise(&t, kStart, kSweep, 2 * kCap, 2 * kNeed, kRttUs, kStrategy);
  in_vain v = {};
  in_vain_note(&v, &t, kStart);
  EXPECT_EQ(2 * kNeed, v.need);
}

TEST(TrialTest, ExtremesDoNotWrap) {
  trial t = {};
  trial_raise(&t, 0, 0, 1, UINT64_MAX, UINT32_MAX, kStrategy);
  EXPECT_GT(trial_patience_ns(&t), trial_settle_ns(&t));
  witness w = {};
  witness_ask(&w, 0, UINT64_MAX, UINT64_MAX, 256, 0);
  EXPECT_EQ(UINT64_MAX, w.carried);
  testimony heard = {};
  testify(&heard, &w, UINT64_MAX, 1);
  testify(&heard, &w, UINT64_MAX, 1);
  EXPECT_EQ(RAISE_IN_VAIN, trial_outcome(&t, &heard, UINT64_MAX, 2));
}

}  // namespace
