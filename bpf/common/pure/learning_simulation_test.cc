// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Step, decayed peak and demand as one loop, the way tuners close it: is what comes of them stable?
//
// The rules: up by a learning step when the demand is above the value; down by one, not below a
// quarter over the decayed peak, when nobody has needed the upper half for ten minutes and there is
// an eighth to gain. What that
// bounds, and these tests show:
//   - overshoot: the value stays below twice the largest demand, since a step at most doubles what
//     was too little;
//   - undershoot: a step down ends at or above what is needed now, since it at most halves what was
//     more than twice of it;
//   - oscillation: a demand that comes back within ten minutes moves nothing; one that comes back
//     later is followed, by no more than kMostMovesPerHour writes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>

#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/peak.h"

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kUnneeded = 600 * kSecond;
constexpr uint64_t kHalfLife = 600 * kSecond;
constexpr uint64_t kHorizon = 3600 * kSecond;
constexpr uint64_t kHour = 3600;
constexpr uint64_t kLowest = 100'000;
constexpr uint64_t kCeiling = 1ULL << 40;
constexpr int kMostMovesPerHour = 40;

// One tunable; looked at once a second.
struct Tunable {
  uint64_t value = kLowest;
  learning_step step = {};
  peak need = {};
  uint64_t needed_ns = 0;
  int moves = 0;

  // What is needed now is known up to the value and a little beyond it: what is held back shows no
  // more. `held_back`: the value is the limit.
  void Look(uint64_t now_ns, uint64_t needed, bool held_back) {
    peak_note(&need, now_ns, needed, kHalfLife);
    if (needed > value / 2) needed_ns = now_ns;
    if (held_back) {
      Move(now_ns, 1, kLowest, kCeiling);
    } else if (now_ns - needed_ns >= kUnneeded) {
      const uint64_t left = peak_now(&need, now_ns, kHalfLife);
      const uint64_t floor = std::max(left + left / 4, kLowest);
      if (learning_worth_lowering(value, floor, kLowest)) Move(now_ns, -1, floor, value);
    }
  }

  void Move(uint64_t now_ns, int direction, uint64_t lowest, uint64_t highest) {
    learning_step_move(&step, now_ns, direction, kHorizon);
    const uint64_t next = learning_step_apply(&step, value, lowest, highest);
    moves += next != value;
    value = next;
  }
};

// The tunable after `seconds` of this demand; `check` looks at it after each of them.
Tunable Simulate(uint64_t seconds, const std::function<uint64_t(uint64_t)>& demand,
                 const std::function<void(uint64_t, const Tunable&, uint64_t)>& check,
                 Tunable tunable = {}) {
  for (uint64_t second = 1; second <= seconds; ++second) {
    const uint64_t wanted = demand(second);
    const bool held_back = wanted > tunable.value;
    tunable.Look(second * kSecond, std::min(wanted, tunable.value), held_back);
    check(second, tunable, wanted);
  }
  return tunable;
}

TEST(LearningSimulationTest, StepUpIsReachedInAFewMovesAndOvershotByLessThanTwice) {
  for (uint64_t high = 150'000; high < 1ULL << 36; high = high * 5 / 4) {
    const Tunable end = Simulate(
        2 * kHour, [&](uint64_t) { return high; },
        [&](uint64_t, const Tunable& t, uint64_t) { ASSERT_LT(t.value, 2 * high); });
    EXPECT_GE(end.value, high);
    EXPECT_LE(end.moves, 22) << "to " << high;  // log2(2^36 / 10^5) doublings and the first two
  }
}

TEST(LearningSimulationTest, StepDownEndsAboveWhatIsNeeded) {
  for (uint64_t low = 100'000; low < 40'000'000; low = low * 3 / 2) {
    Tunable start;
    start.value = 100'000'000;
    uint64_t before = start.value;
    const Tunable end = Simulate(
        24 * kHour, [&](uint64_t) { return low; },
        [&](uint64_t, const Tunable& t, uint64_t) {
          ASSERT_GE(t.value, low);
          ASSERT_LE(t.value, before) << "it comes down all the way";
          before = t.value;
        },
        start);
    EXPECT_LE(end.value, std::max(2 * low, kLowest));
  }
}

TEST(LearningSimulationTest, RampIsFollowedWithinOneDoubling) {
  // Ten per cent a second, up and down again.
  const auto demand = [](uint64_t second) {
    double wanted = kLowest;
    for (uint64_t i = 0; i < std::min(second, 80UL); ++i) wanted *= 1.1;
    for (uint64_t i = 80; i < std::min(second, 160UL); ++i) wanted /= 1.1;
    return static_cast<uint64_t>(wanted);
  };
  uint64_t most = 0;
  Simulate(10 * kHour, demand, [&](uint64_t second, const Tunable& t, uint64_t wanted) {
    most = std::max(most, wanted);
    ASSERT_LT(t.value, 2 * most);
    if (second > 5) {
      ASSERT_GE(2 * t.value, wanted);
    }
  });
}

TEST(LearningSimulationTest, NoiseMovesNothingOnceItsPeakIsCovered) {
  std::mt19937 random(1);
  for (const double spread : {0.1, 0.3, 0.5, 0.9}) {
    std::uniform_real_distribution<double> noise(1 - spread, 1 + spread);
    int moves_then = 0;
    const Tunable end = Simulate(
        24 * kHour, [&](uint64_t) { return static_cast<uint64_t>(10e6 * noise(random)); },
        [&](uint64_t second, const Tunable& t, uint64_t) {
          ASSERT_LT(t.value, 2 * 10e6 * (1 + spread));
          if (second == kHour) moves_then = t.moves;
        });
    EXPECT_EQ(end.moves, moves_then) << "spread " << spread;
  }
}

// Every period between two seconds and a day; the worst is found rather than guessed.
TEST(LearningSimulationTest, DemandThatOscillatesMakesNoOscillationAtAnyFrequency) {
  constexpr uint64_t kLow = 200'000, kHigh = 50'000'000;
  int worst = 0;
  uint64_t worst_period = 0;
  for (uint64_t period = 2; period < 24 * kHour; period += 1 + period / 8) {
    int at_start = 0;
    const uint64_t warm_up = std::max(2 * period, kHour), watched = 10 * std::max(period, kHour);
    const Tunable end = Simulate(
        warm_up + watched,
        [&](uint64_t second) { return second % period < period / 2 ? kHigh : kLow; },
        [&](uint64_t second, const Tunable& t, uint64_t) {
          ASSERT_LT(t.value, 2 * kHigh) << "period " << period;
          ASSERT_GE(t.value, kLowest);
          if (second == warm_up) at_start = t.moves;
        });
    const int moves = end.moves - at_start;
    if (period <= 2 * kUnneeded / kSecond) {
      EXPECT_EQ(moves, 0) << "period " << period;
    }
    const int per_hour = static_cast<int>(moves * kHour / watched);
    if (per_hour > worst) {
      worst = per_hour;
      worst_period = period;
    }
  }
  EXPECT_LE(worst, kMostMovesPerHour) << "at a period of " << worst_period << " s";
  EXPECT_GT(worst, 0) << "or the demand was never followed";
}

// One host's send buffer, the other's receive buffer: a connection is held back by the smaller of
// the two, so that each raise of one hands the turn to the other.
TEST(LearningSimulationTest, TwoHostsTuningTowardsEachOtherEndWhereThePathDoes) {
  for (const uint64_t path : {300'000ULL, 5'000'000ULL, 1'000'000'000ULL}) {
    Tunable send, receive;
    receive.value = 3 * kLowest;
    int moves_then = 0;
    for (uint64_t second = 1; second <= 24 * kHour; ++second) {
      const uint64_t now = second * kSecond;
      const uint64_t in_flight = std::min({send.value, receive.value, path});
      const auto limits = [&](const Tunable& t) {
        return in_flight < path && in_flight == t.value;
      };
      const bool by_send = limits(send), by_receive = limits(receive);
      send.Look(now, in_flight, by_send);
      receive.Look(now, in_flight, by_receive);
      ASSERT_LT(send.value, 2 * path);
      ASSERT_LT(receive.value, 2 * path);
      if (second == kHour) moves_then = send.moves + receive.moves;
    }
    EXPECT_GE(std::min(send.value, receive.value), path);
    EXPECT_EQ(send.moves + receive.moves, moves_then) << "then they rest";
  }
}

// ... and the path itself changes between two rates, at the worst moments for both.
TEST(LearningSimulationTest, TwoHostsOnAPathThatChangesDoNotDriveEachOther) {
  for (uint64_t period = 10; period < 4 * kHour; period += 1 + period / 4) {
    Tunable send, receive;
    constexpr uint64_t kMost = 20'000'000;
    for (uint64_t second = 1; second <= 24 * kHour; ++second) {
      const uint64_t now = second * kSecond;
      const uint64_t path = second % period < period / 2 ? kMost : kMost / 20;
      const uint64_t in_flight = std::min({send.value, receive.value, path});
      const bool by_send = in_flight < path && in_flight == send.value;
      const bool by_receive = in_flight < path && in_flight == receive.value;
      send.Look(now, in_flight, by_send);
      receive.Look(now, in_flight, by_receive);
      ASSERT_LT(std::max(send.value, receive.value), 2 * kMost) << "period " << period;
    }
    EXPECT_LE(send.moves + receive.moves, 2 * 24 * kMostMovesPerHour) << "period " << period;
  }
}

}  // namespace
