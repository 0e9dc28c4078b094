// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Two strategies whose marks change, and the choice between them as the controller makes it: at the
// end of a term the one with the higher score (controller/strategy.h).

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <random>

#include "bpf/tuners/tcp_buffer_score_logic.h"
#include "testing/simulation/demand.h"

namespace {

using bpftune::simulation::Periods;

constexpr int kTerms = 4000;
constexpr int kSeriesATerm = 6;
constexpr int kGood = 500, kBad = -500;

struct Outcome {
  double mean_mark = 0;
  int changes = 0;
};

Outcome Follow(const std::function<int(int strategy, int term)>& mark) {
  std::array<standing, 2> scores = {};
  Outcome out;
  int now = 0;
  for (int term = 0; term < kTerms; ++term) {
    for (int series = 0; series < kSeriesATerm; ++series) note_mark(&scores[now], mark(now, term));
    out.mean_mark += mark(now, term);
    const int other = 1 - now;
    if (scores[other].series != 0 && scores[other].score <= scores[now].score) continue;
    now = other;
    ++out.changes;
  }
  out.mean_mark /= kTerms;
  return out;
}

TEST(ScoreSimulation, TheBetterOneStaysOnceBothAreTried) {
  for (const int better : {0, 1}) {
    const Outcome found =
        Follow([=](int strategy, int) { return strategy == better ? kGood : kBad; });
    EXPECT_LE(found.changes, 2);
    EXPECT_GT(found.mean_mark, 0.99 * kGood);
  }
}

TEST(ScoreSimulation, NoiseOfTwiceTheDifferenceLeavesTheBetterOneMostOfTheTime) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> noise(-400, 400);
  int in_use = 0;
  (void)Follow([&](int strategy, int) {
    in_use += strategy == 1;
    return (strategy == 1 ? 200 : 0) + noise(random);
  });
  EXPECT_GT(in_use, kTerms * (kSeriesATerm + 1) * 8 / 10);
}

// Whichever runs is the wrong one as often as can be: the period is searched for. Who stays with
// one has a mean mark of 0.
TEST(ScoreSimulation, GroundThatChangesAtTheWorstPeriodIsFollowedSeldomAndCostsLittle) {
  double worst = kGood;
  int worst_period = 0, most_changes = 0;
  for (const uint64_t period : Periods(2, 400)) {
    const Outcome found = Follow([=](int strategy, int term) {
      const bool first_half = static_cast<uint64_t>(term) % period < period / 2;
      return first_half == (strategy == 0) ? kGood : kBad;
    });
    most_changes = std::max(most_changes, found.changes);
    if (found.mean_mark >= worst) continue;
    worst = found.mean_mark;
    worst_period = static_cast<int>(period);
  }
  std::printf("worst: a mean mark of %.0f (period %d terms), at most %d changes in %d terms\n",
              worst, worst_period, most_changes, kTerms);
  EXPECT_GE(worst, kBad / 4);
  EXPECT_LE(most_changes, kTerms / 100);
}

}  // namespace
