// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/neigh_logic.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/peak.h"

namespace {

constexpr uint64_t kUs = 1'000;
constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMs;
constexpr uint64_t kStart = 1'000 * kSecond;

TEST(ArrivalsTest, AreCountedInTheBusierOfTheLastTwoWindows) {
  neigh_arrivals a = {};
  uint64_t now = kStart;
  for (int i = 0; i < 500; ++i, now += 50 * kUs) neigh_arrive(&a, now);
  EXPECT_NEAR(static_cast<double>(neigh_per_window(&a, now - 1)), 500, 5);
  neigh_arrive(&a, now);
  EXPECT_EQ(neigh_per_window(&a, now + 2 * kMs), 500U) << "the window before";
  EXPECT_EQ(neigh_per_window(&a, now + 30 * kMs), 1U);
  EXPECT_EQ(neigh_per_window(&a, now + 60 * kMs), 0U) << "long ago";
}

TEST(ArrivalsTest, OfLessThanAWindowAreExtrapolatedButNotFromAnInstant) {
  neigh_arrivals a = {};
  for (uint64_t i = 0; i < 100; ++i) neigh_arrive(&a, kStart + i * 50 * kUs);
  EXPECT_EQ(neigh_per_window(&a, kStart + 5 * kMs), 500U);
  a = {};
  neigh_arrive(&a, kStart);
  EXPECT_EQ(neigh_per_window(&a, kStart), 25U) << "one in a millisecond at most";
}

TEST(ArrivalsTest, TrickleBeforeABurstHidesNoMoreThanHalfOfIt) {
  for (uint64_t lead_ms = 0; lead_ms < 25; ++lead_ms) {
    neigh_arrivals a = {};
    neigh_arrive(&a, kStart);
    uint64_t now = kStart + lead_ms * kMs;
    for (int i = 0; i < 512; ++i, now += 50 * kUs) neigh_arrive(&a, now);
    EXPECT_GE(neigh_per_window(&a, now), 250U) << lead_ms;
  }
}

TEST(CeilingTest, IsAShareOfTheMemoryAndOfWhatIsAvailable) {
  EXPECT_EQ(neigh_ceiling(0, 0), 0U) << "not known: no raise";
  EXPECT_EQ(neigh_ceiling(1 << 20, 0), 0U);
  EXPECT_EQ(neigh_ceiling(1 << 20, 900 << 10), 16384U) << "1 GiB";
  EXPECT_EQ(neigh_ceiling(1 << 20, 40 << 10), 5120U) << "little of it is left";
  EXPECT_EQ(neigh_ceiling(UINT64_MAX, UINT64_MAX), NEIGH_MOST);
}

struct RaiseRow {
  const char* what;
  uint64_t entries, per_window, thresh3, ceiling, raised;
};

TEST(RaisedTest, HasRoomForWhatIsThereAndWhatArrives) {
  const RaiseRow rows[] = {
      {"slowly", 512, 1, 1024, 100000, 2048},
      {"a burst, one every 50 us", 512, 500, 1024, 100000, 9216},
      {"a burst, over the ceiling", 512, 500, 1024, 5000, 5000},
      {"at the ceiling", 4000, 500, 5000, 5000, 0},
      {"above the ceiling already", 4000, 500, 8192, 5000, 0},
      {"a ceiling not known", 512, 500, 1024, 0, 0},
      {"thresholds of another size", 10, 0, 16, 100000, 1024},
      {"more than fits in a number", UINT64_MAX, UINT64_MAX, 1024, 100000, 100000},
  };
  for (const RaiseRow& row : rows) {
    EXPECT_EQ(neigh_raised(row.entries, row.per_window, row.thresh3, row.ceiling), row.raised)
        << row.what;
  }
}

TEST(ScaleTest, KeepsTheRatioAndLowersNone) {
  __s64 out[3];
  const __s64 defaults[3] = {128, 512, 1024};
  neigh_scale(9216, defaults, out);
  EXPECT_EQ(out[0], 2304);
  EXPECT_EQ(out[1], 4608);
  EXPECT_EQ(out[2], 9216);
  const __s64 high[3] = {3000, 4000, 5000};
  neigh_scale(5120, high, out);
  EXPECT_EQ(out[0], 3000);
  EXPECT_EQ(out[1], 4000);
  EXPECT_EQ(out[2], 5120);
  neigh_scale(1024, defaults, out);
  EXPECT_EQ(out[0], 128) << "what was found, though in another ratio";
}

// The table of one family, the daemon that looks at it, and those who arrive. Entries stay for
// good: nobody throws any out.
class Table {
 public:
  explicit Table(uint64_t ceiling) : ceiling_(ceiling) {}

  // One more neighbour, after `pause_ns`. A look comes as soon as the table is half full, and not
  // sooner than 100 ms after the one before; with it comes the raise, `delay_ns` later.
  void Arrive(uint64_t pause_ns, uint64_t delay_ns) {
    now_ += pause_ns;
    Raise();
    if (entries_ >= thresh3_) {
      ++lost_;
    } else {
      ++entries_;
    }
    neigh_arrive(&arrivals_, now_);
    if (!due_ && neigh_is_near(entries_, thresh3_)) {
      const uint64_t soonest = looked_ ? looked_ + 100 * kMs : 0;
      due_ = (soonest > now_ ? soonest : now_) + delay_ns;
    }
  }

  uint64_t lost() const { return lost_; }
  uint64_t thresh3() const { return thresh3_; }
  int raises() const { return raises_; }

  // What the looks of `hours` make of it after all but `left` have gone.
  void Rest(int hours, uint64_t left) {
    entries_ = left;
    uint64_t needed = now_;
    for (int i = 0; i < hours * 120; ++i) {
      now_ += 30 * kSecond;
      peak_note(&need_, now_, entries_, 600 * kSecond);
      if (neigh_is_near(entries_, thresh3_)) needed = now_;
      if (thresh3_ <= kDefault || now_ - needed < 600 * kSecond) continue;
      const uint64_t floor = neigh_floor(peak_now(&need_, now_, 600 * kSecond), kDefault);
      if (!learning_worth_lowering(thresh3_, floor, kDefault)) continue;
      learning_step_move(&step_, now_, -1, 3600 * kSecond);
      const uint64_t lower = learning_step_apply(&step_, thresh3_, floor, thresh3_);
      EXPECT_LT(lower, thresh3_);
      EXPECT_GT(lower, 2 * left > kDefault ? 2 * left - 1 : kDefault - 1);
      thresh3_ = lower;
    }
  }

 private:
  static constexpr uint64_t kDefault = 1024;

  void Raise() {
    if (!due_ || now_ < due_) return;
    const uint64_t raised =
        neigh_raised(entries_, neigh_per_window(&arrivals_, now_), thresh3_, ceiling_);
    looked_ = now_;
    due_ = 0;
    peak_note(&need_, now_, entries_, 600 * kSecond);
    if (!raised) return;
    thresh3_ = raised;
    ++raises_;
    learning_step_move(&step_, now_, 1, 3600 * kSecond);
  }

  const uint64_t ceiling_;
  uint64_t now_ = kStart, due_ = 0, looked_ = 0;
  uint64_t entries_ = 0, thresh3_ = kDefault, lost_ = 0;
  int raises_ = 0;
  neigh_arrivals arrivals_ = {};
  learning_step step_ = {};
  peak need_ = {};
};

TEST(TableSimulationTest, BurstIsMetBeforeTheTableIsFull) {
  for (const uint64_t delay_ms : {0, 1, 10, 24}) {
    Table table(200000);
    for (int i = 0; i < 5000; ++i) table.Arrive(50 * kUs, delay_ms * kMs);
    EXPECT_EQ(table.lost(), 0U) << delay_ms;
    EXPECT_LE(table.raises(), 3) << delay_ms;
  }
}

TEST(TableSimulationTest, LongBurstIsMetToo) {
  Table table(400000);
  for (int i = 0; i < 100000; ++i) table.Arrive(50 * kUs, 5 * kMs);
  EXPECT_EQ(table.lost(), 0U);
}

TEST(TableSimulationTest, SlowGrowthTakesFewSteps) {
  Table table(200000);
  for (int i = 0; i < 20000; ++i) table.Arrive(10 * kMs, 10 * kMs);
  EXPECT_EQ(table.lost(), 0U);
  EXPECT_LE(table.raises(), 6);
  EXPECT_LE(table.thresh3(), 4ULL * 20000 + NEIGH_ROUNDING);
}

TEST(TableSimulationTest, ScanEndsAtTheCeilingAndComesBack) {
  Table table(16384);
  for (int i = 0; i < 65536; ++i) table.Arrive(10 * kUs, 5 * kMs);
  EXPECT_EQ(table.thresh3(), 16384U);
  table.Rest(3, 10);
  EXPECT_EQ(table.thresh3(), 1024U);
}

TEST(TableSimulationTest, ComesDownNoFurtherThanWhereWhatIsThereIsNotNear) {
  Table table(200000);
  for (int i = 0; i < 5000; ++i) table.Arrive(50 * kUs, 5 * kMs);
  table.Rest(6, 2000);
  EXPECT_GE(table.thresh3(), 5000U);
  EXPECT_LE(table.thresh3(), 5000U * 8 / 7 + 1);
  EXPECT_FALSE(neigh_is_near(2000, table.thresh3())) << "or it would go up again at once";
}

}  // namespace
