// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/net_buffer_logic.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMs = 1'000'000;

// A CPU under test, seen once, and what the kernel has counted for it.
class CpuTest : public ::testing::Test {
 protected:
  CpuTest() {
    reading_.now_ns = 100 * kSecond;
    reading_.evidence = 1;
    cpu_observe(&cpu_, &reading_);
  }

  cpu_window Look(uint64_t after_ms, uint32_t processed, uint32_t dropped, uint32_t squeezed = 0) {
    reading_.now_ns += after_ms * kMs;
    reading_.processed += processed;
    reading_.dropped += dropped;
    reading_.squeezed += squeezed;
    return cpu_observe(&cpu_, &reading_);
  }

  cpu_reading reading_ = {};
  cpu cpu_ = {};
};

TEST_F(CpuTest, FirstLookOnlyBeginsTheCounting) {
  cpu fresh = {};
  reading_.dropped = 5000;
  EXPECT_EQ(cpu_observe(&fresh, &reading_).ns, 0U);
  EXPECT_FALSE(cpu_is_losing(&fresh));
}

TEST_F(CpuTest, CountersOf32BitsWrap) {
  reading_.processed = 0xfffffff0;
  reading_.dropped = 0xffffffff;
  cpu_observe(&cpu_, &reading_);
  reading_.evidence = 2;
  const cpu_window w = Look(1000, 0x20, 3);
  EXPECT_EQ(w.processed, 0x20U);
  EXPECT_EQ(w.lost, 3U);
  EXPECT_EQ(cpu_.arrived, 0x23U);
}

TEST_F(CpuTest, WhatFlowLimitDropsIsDroppedOnPurpose) {
  reading_.flow_limited = 90;
  EXPECT_EQ(Look(1000, 1000, 100).lost, 10U);
  reading_.flow_limited += 50;
  EXPECT_EQ(Look(1000, 1000, 40).lost, 0U) << "counted by one reading, dropped in the next";
}

TEST_F(CpuTest, EvidenceIsGatheredUntilItIsUsed) {
  Look(1000, 1000, 10);
  Look(200, 1000, 5);
  EXPECT_EQ(cpu_.lost, 15U);
  EXPECT_EQ(cpu_.arrived, 2015U);
  reading_.evidence = 2;
  Look(200, 100, 1);
  EXPECT_EQ(cpu_.lost, 1U);
}

struct LossRow {
  const char* what;
  uint32_t processed, dropped;
  bool losing;
};

TEST_F(CpuTest, LosesWhenOneInAThousandIsLostOrMany) {
  const LossRow rows[] = {
      {"nothing", 1000, 0, false},         {"one of many", 5000, 1, false},
      {"one in a thousand", 999, 1, true}, {"a burst among very many", 10'000'000, 32, true},
      {"everything", 0, 1, true},
  };
  for (const LossRow& row : rows) {
    reading_.evidence++;
    Look(1000, row.processed, row.dropped);
    EXPECT_EQ(cpu_is_losing(&cpu_), row.losing) << row.what;
  }
}

TEST_F(CpuTest, IsSqueezedFromTenTimesASecondOn) {
  cpu_window w = Look(1000, 100, 0, 9);
  EXPECT_FALSE(cpu_is_squeezed(&w));
  w = Look(1000, 100, 0, 10);
  EXPECT_TRUE(cpu_is_squeezed(&w));
  w = Look(200, 100, 0, 2);
  EXPECT_TRUE(cpu_is_squeezed(&w));
  w = Look(0, 100, 0, 0);
  EXPECT_FALSE(cpu_is_squeezed(&w)) << "no time has passed";
}

struct TimeRow {
  const char* what;
  uint64_t idle, softirq, other;  // ticks
  bool saturated, room;
};

TEST_F(CpuTest, TimesTellWhetherItDoesNothingElseOrHasRoom) {
  reading_.total = 1;
  cpu_observe(&cpu_, &reading_);
  const TimeRow rows[] = {
      {"idle", 19, 1, 0, false, true},
      {"receives half of the time", 10, 10, 0, false, true},
      {"receives most of the time", 2, 18, 0, false, false},
      {"does nothing but receive", 0, 20, 0, true, false},
      {"shares its time with tasks", 0, 8, 12, false, false},
  };
  for (const TimeRow& row : rows) {
    reading_.idle += row.idle;
    reading_.softirq += row.softirq;
    reading_.total += row.idle + row.softirq + row.other;
    const cpu_window w = Look(200, 0, 0);
    EXPECT_TRUE(w.timed);
    EXPECT_EQ(cpu_is_saturated(&w), row.saturated) << row.what;
    EXPECT_EQ(cpu_has_room(&w), row.room) << row.what;
  }
}

TEST_F(CpuTest, IsTimedOnlyIfWatchedAllTheTime) {
  reading_.total = 50;
  EXPECT_FALSE(Look(200, 0, 0).timed) << "not watched before";
  reading_.total = 70;
  EXPECT_TRUE(Look(200, 0, 0).timed);
  EXPECT_FALSE(Look(200, 0, 0).timed) << "no tick has passed";
  reading_.total = 0;
  EXPECT_FALSE(Look(200, 0, 0).timed);
}

TEST(RanOutOfTimeTest, WhenPassesTookAboutAsLongAsTheyMay) {
  cpu_window w = {};
  w.squeezed = 10;
  w.softirq_us = 80'000;
  EXPECT_TRUE(cpu_ran_out_of_time(&w, 8000));
  w.softirq_us = 30'000;
  EXPECT_FALSE(cpu_ran_out_of_time(&w, 8000));
  w.squeezed = 0;
  EXPECT_FALSE(cpu_ran_out_of_time(&w, 8000));
}

TEST(BacklogCeilingTest, IsAPartOfMemoryAndWhatACpuReceivesInTwentyMilliseconds) {
  constexpr uint64_t kGiB = 1ULL << 30;
  cpu_window w = {};
  w.processed = 100'000;
  w.softirq_us = 10'000;
  EXPECT_EQ(backlog_ceiling(&w, 8 * kGiB, 8), 8192U) << "too short a time to know its speed";
  w.softirq_us = 1'000'000;
  EXPECT_EQ(backlog_ceiling(&w, 8 * kGiB, 8), 2000U) << "100,000 a second";
  EXPECT_EQ(backlog_ceiling(&w, 0, 8), 0U) << "not known";
  EXPECT_EQ(backlog_ceiling(&w, kGiB, 0), 2000U);
}

struct RaiseRow {
  const char* what;
  uint64_t value, missing, ceiling, raised;
};

TEST(KnobRaisedTest, GoesByWhatWasMissingWithinAQuarterAndTheDouble) {
  const RaiseRow rows[] = {
      {"a little", 1000, 10, 100'000, 1250},  {"some", 1000, 500, 100'000, 1500},
      {"much", 1000, 50'000, 100'000, 2000},  {"near the ceiling", 1000, 500, 1100, 1100},
      {"at the ceiling", 1000, 500, 1000, 0}, {"above it", 1000, 500, 10, 0},
      {"the least", 1, 1, 100'000, 2},        {"no wrap", UINT64_MAX / 2, UINT64_MAX, 5, 0},
  };
  for (const RaiseRow& row : rows) {
    EXPECT_EQ(knob_raised(row.value, row.missing, row.ceiling), row.raised) << row.what;
  }
}

TEST(KnobTest, SeriesThatLeavesHalfOfTheLossIsInVain) {
  knob k = {};
  uint64_t value = 1000, now = 1000 * kSecond;
  for (int i = 0; i < RAISES_TO_JUDGE; ++i, value *= 2) {
    EXPECT_FALSE(knob_is_in_vain(&k, value, 100'000));
    knob_note_raise(&k, now, value, 100'000 + i);
  }
  EXPECT_EQ(k.from, 1000U);
  EXPECT_TRUE(knob_is_in_vain(&k, value, 50'001));
  EXPECT_FALSE(knob_is_in_vain(&k, value, 50'000)) << "it is half of it by now";
  EXPECT_FALSE(knob_is_in_vain(&k, 1000, 100'000)) << "no raise was carried out";
  k.before_ppm = 950'000;
  EXPECT_FALSE(knob_is_in_vain(&k, value, 600'000)) << "eight times as much gets through";
  EXPECT_TRUE(knob_is_in_vain(&k, value, 945'000));
  k.before_ppm = 100'000;
  knob_note_harm(&k, now);
  EXPECT_EQ(k.held_until_ns, now + QUIET_NS);
  EXPECT_FALSE(knob_is_in_vain(&k, value, 100'000)) << "a new series";
}

TEST(KnobTest, SeriesHasHelpedOnceWhenNothingHurtsForTenSeconds) {
  knob k = {};
  knob_note_raise(&k, 100 * kSecond, 1000, 5);
  EXPECT_FALSE(knob_has_helped(&k, 109 * kSecond));
  k.hurt_ns = 105 * kSecond;
  EXPECT_FALSE(knob_has_helped(&k, 114 * kSecond));
  EXPECT_TRUE(knob_has_helped(&k, 115 * kSecond));
  EXPECT_FALSE(knob_has_helped(&k, 116 * kSecond));
}

TEST(KnobTest, ComesDownByHalvesToWhereItWasFound) {
  knob k = {};
  const uint64_t start = 1000 * kSecond;
  knob_note_raise(&k, start, 1000, 5);
  EXPECT_EQ(knob_lowered(&k, start + QUIET_NS - 1, 5000, 1000), 0U);
  uint64_t now = start + QUIET_NS;
  EXPECT_EQ(knob_lowered(&k, now, 5000, 1000), 2500U);
  k.moved_ns = now;
  EXPECT_EQ(knob_lowered(&k, now + STEP_DOWN_NS - 1, 2500, 1000), 0U);
  EXPECT_EQ(knob_lowered(&k, now + STEP_DOWN_NS, 2500, 1000), 1250U);
  EXPECT_EQ(knob_lowered(&k, now + STEP_DOWN_NS, 1250, 1000), 1000U);
  EXPECT_EQ(knob_lowered(&k, now + STEP_DOWN_NS, 1000, 1000), 0U);
  EXPECT_EQ(knob_lowered(&k, now + STEP_DOWN_NS, 900, 1000), 0U) << "never up";
}

TEST(KnobTest, NeedThatComesBackDoublesTheTimeUntilTheNextStepDown) {
  knob k = {};
  uint64_t now = 1000 * kSecond;
  for (uint64_t quiet = QUIET_NS; quiet < 64 * QUIET_NS; quiet *= 2) {
    knob_note_raise(&k, now, 1000, 5);
    knob_note_raise(&k, now, 2000, 5);
    EXPECT_EQ(knob_quiet_ns(&k), quiet);
    now += quiet;
    EXPECT_TRUE(knob_has_helped(&k, now));
    knob_note_raise(&k, now, 2000, 5);  // more is needed, without a step down
    EXPECT_EQ(knob_quiet_ns(&k), quiet);
    k.raises = 0;
    patience_note_lowered(&k.patience, now);
  }
  knob_note_raise(&k, now + PATIENCE_FORGETS_NS, 1000, 5);
  EXPECT_EQ(knob_quiet_ns(&k), QUIET_NS) << "a new one";
}

}  // namespace
