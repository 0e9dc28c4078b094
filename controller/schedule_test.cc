// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/schedule.h"

#include <gtest/gtest.h>

#include <ostream>

namespace bpftune {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kNow = 5'000 * kMs;

TEST(PulseScheduleTest, NothingIsDueBeforeTheFirstWake) {
  PulseSchedule schedule;
  EXPECT_FALSE(schedule.due_ns());
  schedule.Wake(kNow);
  EXPECT_EQ(kNow, schedule.due_ns());
}

struct Period {
  const char* what;
  uint64_t duration_ns;
  uint32_t period_ms;
  uint64_t pause_ms;  // 0: none is due

  friend void PrintTo(const Period& row, std::ostream* out) { *out << row.what; }
};

class PeriodTest : public ::testing::TestWithParam<Period> {};

TEST_P(PeriodTest, TakesNoMoreThanAHundredthOfTheTime) {
  PulseSchedule schedule;
  schedule.Ran(kNow, GetParam().duration_ns, GetParam().period_ms);
  if (GetParam().pause_ms == 0) {
    EXPECT_FALSE(schedule.due_ns()) << GetParam().what;
  } else {
    EXPECT_EQ(kNow + GetParam().pause_ms * kMs, schedule.due_ns()) << GetParam().what;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Pauses, PeriodTest,
    ::testing::Values(Period{"as asked", 1000, 2000, 2000},
                      Period{"never more often than the shortest beat", 1000, 1, BEAT_MIN_MS},
                      Period{"a slow sweep stretches it", 50 * kMs, 1000, 5000},
                      Period{"not before it is woken", 1000, 0, 0}));

TEST(PulseScheduleTest, WakeBringsItForwardButNotTooClose) {
  PulseSchedule schedule;
  schedule.Ran(kNow, 1000, 10'000);
  schedule.Wake(kNow + 10 * kMs);
  EXPECT_EQ(kNow + BEAT_MIN_MS * kMs, schedule.due_ns());
  schedule.Ran(kNow, 50 * kMs, 0);
  schedule.Wake(kNow + 10 * kMs);
  EXPECT_GT(schedule.due_ns(), kNow + 1000 * kMs) << "it is slow";
}

TEST(PulseScheduleTest, WakeAfterALongRestIsServedAtOnce) {
  PulseSchedule schedule;
  schedule.Ran(kNow, 1000, 0);
  schedule.Wake(kNow + 60'000 * kMs);
  EXPECT_EQ(kNow + 60'000 * kMs, schedule.due_ns());
}

TEST(PulseScheduleTest, WakeNeverPutsItOff) {
  PulseSchedule schedule;
  schedule.Wake(kNow);
  schedule.Wake(kNow + 1000 * kMs);
  EXPECT_EQ(kNow, schedule.due_ns());
}

TEST(PulseScheduleTest, OneSlowPulseIsForgottenAfterSomeFastOnes) {
  PulseSchedule schedule;
  schedule.Ran(kNow, 100 * kMs, 100);
  EXPECT_EQ(kNow + 10'000 * kMs, schedule.due_ns());
  for (int i = 0; i < 30; ++i) schedule.Ran(kNow, 1000, 100);
  EXPECT_EQ(kNow + 100 * kMs, schedule.due_ns());
}

TEST(PulseScheduleTest, SlowBeatsFallOnWholeSecondsSoThatTunersWakeTogether) {
  PulseSchedule schedule;
  schedule.Ran(kNow + 3 * kMs, 1000, 1000);
  EXPECT_EQ(kNow + 1000 * kMs, schedule.due_ns());
  schedule.Ran(kNow + 999 * kMs, 1000, 2000);
  EXPECT_EQ(kNow + 2000 * kMs, schedule.due_ns());
  schedule.Ran(kNow + 950 * kMs, 1000, 1000);
  EXPECT_EQ(kNow + 1050 * kMs, schedule.due_ns()) << "not too close to the last one";
  schedule.Ran(kNow + 3 * kMs, 1000, 250);
  EXPECT_EQ(kNow + 253 * kMs, schedule.due_ns()) << "a fast one is as asked";
  EXPECT_EQ(kNow + 30'000 * kMs, DueAfter(kNow + 3 * kMs, 30'000));
}

}  // namespace
}  // namespace bpftune
