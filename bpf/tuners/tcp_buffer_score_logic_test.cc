// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/tcp_buffer_score_logic.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace {

constexpr uint64_t kBefore = 1'000'000;
constexpr uint64_t kCapBefore = 1'000'000;

testimony Heard(uint64_t carried, uint64_t now) {
  testimony out = {};
  out.before = out.carried = carried;
  out.now = now;
  return out;
}

struct MarkRow {
  const char* what;
  uint16_t raises;
  uint64_t now;  // delivered
  bool helped;
  uint64_t cap, need;
  int32_t mark;
};

class SeriesMarkTable : public ::testing::TestWithParam<MarkRow> {};

TEST_P(SeriesMarkTable, IsGainPerRaiseLessWhatIsToSpare) {
  const MarkRow& row = GetParam();
  trial t = {};
  t.cap_before = kCapBefore;
  t.raises = row.raises;
  const testimony heard = Heard(kBefore, row.now);
  EXPECT_NEAR(row.mark, series_mark(&t, &heard, row.helped, row.cap, row.need), 8) << row.what;
}

INSTANTIATE_TEST_SUITE_P(
    Series, SeriesMarkTable,
    ::testing::Values(
        MarkRow{"doubled by one raise", 1, 2 * kBefore, true, 2'000'000, 2'000'000, 1000},
        MarkRow{"four times as much by two", 2, 4 * kBefore, true, 4'000'000, 4'000'000, 1000},
        MarkRow{"doubled by four", 4, 2 * kBefore, true, 2'000'000, 2'000'000, 250},
        MarkRow{"no more than the raise allows", 1, 16 * kBefore, true, 2'000'000, 2'000'000, 1000},
        MarkRow{"a quarter to spare", 1, 2 * kBefore, true, 2'500'000, 2'000'000, 678},
        MarkRow{"more needed still", 1, 2 * kBefore, true, 2'000'000, 8'000'000, 1000},
        MarkRow{"in vain by a quarter", 1, kBefore, false, 1'250'000, 1'250'000, -322},
        MarkRow{"in vain by a doubling", 1, kBefore, false, 2'000'000, 2'000'000, -1000},
        MarkRow{"in vain, and yet a burst", 1, 4 * kBefore, false, 2'000'000, 2'000'000, -1000}));

TEST(SeriesMarkTest, StaysWithinItsRangeWhateverItIsTold) {
  const uint64_t numbers[] = {0, 1, 1000, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
  for (const uint64_t a : numbers) {
    for (const uint64_t b : numbers) {
      for (const uint16_t raises : {0, 1, 0xffff}) {
        trial t = {};
        t.cap_before = b;
        t.raises = raises;
        const testimony heard = Heard(a, b);
        for (const uint8_t helped : {0, 1}) {
          const int32_t mark = series_mark(&t, &heard, helped, a, b);
          EXPECT_GE(mark, -4000);
          EXPECT_LE(mark, 1000);
        }
      }
    }
  }
}

TEST(StandingTest, IsTheMeanOfTheFirstMarks) {
  standing s = {};
  note_mark(&s, 900);
  EXPECT_EQ(900, s.score);
  note_mark(&s, 500);
  EXPECT_EQ(700, s.score);
  EXPECT_EQ(2u, s.series);
}

TEST(StandingTest, ForgetsWhatWasLongAgo) {
  standing s = {};
  for (int i = 0; i < 100; ++i) note_mark(&s, -4000);
  for (int i = 0; i < 8; ++i) note_mark(&s, 800);
  EXPECT_GT(s.score, -1200) << "two thirds of the way after eight";
  for (int i = 0; i < 60; ++i) note_mark(&s, 800);
  EXPECT_NEAR(800, s.score, 8);
}

TEST(StandingTest, CannotLeaveTheRangeOfItsMarksNorWrap) {
  standing s = {.score = 0, .series = UINT64_MAX - 1};
  for (int i = 0; i < 1000; ++i) {
    note_mark(&s, i % 3 != 0 ? 1000 : -4000);
    ASSERT_GE(s.score, -4000);
    ASSERT_LE(s.score, 1000);
  }
  EXPECT_EQ(UINT64_MAX, s.series);
}

}  // namespace
