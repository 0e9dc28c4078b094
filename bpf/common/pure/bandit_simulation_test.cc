// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Plays reward, bandit and control group against tables of what each algorithm gets on a path.
// Rates, losses and round trips at 100 Mbit/s and 40 ms are measured (the project's lab, a queue of
// one BDP, medians of three); those of the shallow and the deep queue are after Cao, Jain, Sharma,
// Balasubramanian and Gandhi, "When to use and when not to use BBR" (IMC 2019).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "bpf/common/pure/bandit.h"
#include "bpf/common/pure/reward.h"

namespace {

constexpr __u32 kCubic = 0, kBbr = 1, kReno = 2;
constexpr int kSeeds = 400;

struct Outcome {
  double mbit, loss, srtt_ms;
};

struct Table {
  const char* what;
  Outcome arms[3];  // cubic, bbr, reno
};

constexpr Table kLossRows[] = {
    {"0 %", {{96.5, 0.0005, 69}, {96.5, 0.0002, 44}, {96.5, 0.0005, 52}}},
    {"0.1 %", {{12.0, 0.001, 41}, {96.1, 0.001, 44}, {12.3, 0.001, 41}}},
    {"0.5 %", {{3.7, 0.005, 40}, {96.1, 0.005, 44}, {3.7, 0.005, 40}}},
    {"1 %", {{2.5, 0.01, 40}, {95.5, 0.01, 44}, {2.9, 0.01, 40}}},
    {"2 %", {{1.8, 0.02, 40}, {94.3, 0.02, 44}, {2.1, 0.02, 40}}},
    {"5 %", {{0.9, 0.05, 40}, {88.7, 0.05, 44}, {1.0, 0.05, 40}}},
};
constexpr const Table& kClean = kLossRows[0];
constexpr const Table& kLossy = kLossRows[5];
constexpr Table kShallow = {"0.1 BDP, four flows",
                            {{22.0, 0.002, 43}, {23.5, 0.10, 43}, {21.0, 0.002, 43}}};
constexpr Table kDeep = {"10 BDP, four flows",
                         {{24.0, 0.0001, 330}, {23.0, 0.0005, 75}, {24.0, 0.0001, 330}}};

struct Game {
  Table before;
  Table after = before;
  int changes_at = 1 << 30;   // connections
  bool changes_back = false;  // after as many again, and so on
  int connections = 60;
  double spread = 0.07;  // of the rate, octaves
  size_t at_once = 1;    // connections under way
  __u32 available = 1 << kCubic | 1 << kBbr;
  double slow_reader = 0;  // share of runs that get a tenth for reasons of their own
};

struct Played {
  std::vector<__u32> arms;
  std::vector<double> goodput;  // Mbit/s
  bandit host = {};
  control groups = {};
  int went_back = 0;
};

reward_run RunOf(const Outcome& path, double mbit, double seconds, std::mt19937& random) {
  reward_run run = {};
  run.busy_us = static_cast<__u64>(seconds * 1e6);
  run.bytes = static_cast<__u64>(mbit * 125'000 * seconds);
  run.sent = run.bytes / 1448;
  run.lost = std::binomial_distribution<__u64>(run.sent, path.loss)(random);
  run.srtt_sum = static_cast<__u64>(path.srtt_ms * 1000) * run.busy_us;
  return run;
}

class Player {
 public:
  Player(Game game, unsigned seed) : game_(game), random_(seed) {}

  // One more connection; what it got is learned when as many others have begun.
  void Connect() {
    const int n = static_cast<int>(played_.arms.size());
    const Table& table = TableAt(n);
    const bool held_out = random_() % CONTROL_HELD_OUT == 0;
    bandit_choice choice = {};
    if (!held_out) choice = bandit_choose(&played_.host, now_, game_.available, kBbr, random_());
    const Outcome& path = table.arms[choice.arm];
    double mbit = path.mbit * std::exp2(std::normal_distribution<>(0, game_.spread)(random_));
    if (std::uniform_real_distribution<>()(random_) < game_.slow_reader) mbit /= 10;
    const double seconds = std::uniform_real_distribution<>(1, 4)(random_);
    played_.arms.push_back(choice.arm);
    played_.goodput.push_back(mbit);
    under_way_.push_back({choice, held_out, RunOf(path, mbit, seconds, random_)});
    now_ += static_cast<__u64>(seconds * 1e9 / static_cast<double>(game_.at_once));
    if (under_way_.size() >= game_.at_once) Finish();
  }

  Played Play() {
    while (static_cast<int>(played_.arms.size()) < game_.connections) Connect();
    return played_;
  }
  const Played& played() const { return played_; }

  const Table& TableAt(int connection) const {
    const int changes = connection / game_.changes_at;
    const bool is_changed = game_.changes_back ? changes % 2 != 0 : changes != 0;
    return is_changed ? game_.after : game_.before;
  }

 private:
  struct Connection {
    bandit_choice choice;
    bool held_out;
    reward_run run;
  };

  void Finish() {
    const Connection c = under_way_.front();
    under_way_.pop_front();
    if (!reward_is_known(&c.run, 40'000)) return;
    const __u32 reward = reward_q8(&c.run, 40'000), rate = reward_rate_q8(&c.run);
    bandit_note(&played_.host, now_, c.choice.arm, reward, c.run.bytes, reward_loss_ppm(&c.run),
                40'000);
    if (c.held_out) control_note(&played_.groups, CONTROL_GROUP_DEFAULT, reward, rate);
    if (c.choice.why == BANDIT_BEST)
      control_note(&played_.groups, CONTROL_GROUP_TUNED, reward, rate);
    if (!control_says_worse(&played_.groups)) return;
    bandit_back_off(&played_.host, now_);
    played_.groups = {};
    played_.went_back++;
  }

  Game game_;
  std::mt19937 random_;
  Played played_;
  std::deque<Connection> under_way_;
  __u64 now_ = 1'000'000'000;
};

double Median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

double MedianAfter(const Played& played, int first) {
  return Median({played.goodput.begin() + first, played.goodput.end()});
}

double Share(const Played& played, int first, __u32 arm) {
  return static_cast<double>(std::count(played.arms.begin() + first, played.arms.end(), arm)) /
         (static_cast<double>(played.arms.size()) - first);
}

// What choosing cost against the better algorithm throughout, share of the goodput.
double Regret(const Played& played, double best) {
  double sum = 0;
  for (const double mbit : played.goodput) sum += mbit;
  return 1 - sum / (best * static_cast<double>(played.goodput.size()));
}

double Better(const Table& table) {
  return std::max(table.arms[kCubic].mbit, table.arms[kBbr].mbit);
}

// In how many of kSeeds games this holds.
template <typename Holds>
int HowMany(const Game& game, const Holds& holds) {
  int count = 0;
  for (unsigned seed = 1; seed <= kSeeds; seed++) count += holds(Player(game, seed).Play());
  return count;
}

// Row a: after the first 10 connections the median is at least 95 % of the better algorithm's.
TEST(BanditSimulationTest, ReachesTheBetterAlgorithmAtEveryLossRate) {
  for (const Table& row : kLossRows) {
    for (const size_t at_once : {1, 4}) {
      const Game game = {.before = row, .at_once = at_once};
      std::vector<double> regret;
      const int good = HowMany(game, [&](const Played& played) {
        regret.push_back(Regret(played, Better(row)));
        return MedianAfter(played, 10) >= 0.95 * Better(row);
      });
      std::printf("loss %5s, %zu at once: good in %d of %d games, median regret %4.1f %%\n",
                  row.what, at_once, good, kSeeds, 100 * Median(regret));
      EXPECT_GE(good, kSeeds * 99 / 100) << row.what;
    }
  }
}

TEST(BanditSimulationTest, AtNoLossTheDefaultStays) {
  EXPECT_GE(HowMany({.before = kClean, .connections = 100},
                    [](const Played& played) { return Share(played, 10, kCubic) >= 0.8; }),
            kSeeds * 99 / 100);
}

// Row a2.
TEST(BanditSimulationTest, InAShallowQueueTheOneThatRetransmitsATenthIsNotChosen) {
  EXPECT_GE(HowMany({.before = kShallow, .connections = 100},
                    [](const Played& played) { return Share(played, 10, kCubic) >= 0.8; }),
            kSeeds * 99 / 100);
}

TEST(BanditSimulationTest, InADeepQueueTheOneThatKeepsItShortIsChosen) {
  EXPECT_GE(HowMany({.before = kDeep, .connections = 100},
                    [](const Played& played) { return Share(played, 20, kBbr) >= 0.75; }),
            kSeeds * 99 / 100);
}

// Row e: the path improves after 30 connections.
TEST(BanditSimulationTest, ComesBackWithinThirtyConnectionsWhenThePathImproves) {
  for (const Table& then : {kClean, kShallow}) {
    const Game game = {.before = kLossy, .after = then, .changes_at = 30, .connections = 61};
    std::vector<double> back_after;
    const int back = HowMany(game, [&](const Played& played) {
      return bandit_best(&played.host, game.available) == kCubic;
    });
    const int good = HowMany(game, [&](const Played& played) {
      return Median({played.goodput.end() - 15, played.goodput.end()}) >=
             0.95 * then.arms[kCubic].mbit;
    });
    std::printf("5 %% -> %s: default is best again in %d, goodput right in %d of %d games\n",
                then.what, back, good, kSeeds);
    EXPECT_GE(back, kSeeds * 98 / 100) << then.what;
    EXPECT_GE(good, kSeeds * 98 / 100) << then.what;
  }
}

TEST(BanditSimulationTest, FollowsAPathThatBeginsToLose) {
  const Game game = {.before = kClean, .after = kLossy, .changes_at = 30};
  EXPECT_GE(
      HowMany(game,
              [](const Played& played) {
                return Median({played.goodput.end() - 15, played.goodput.end()}) >= 0.95 * 88.7;
              }),
      kSeeds * 98 / 100);
}

// Row d, as far as the bandit goes: an entry each.
TEST(BanditSimulationTest, TwoHostsGetTheirOwnChoice) {
  for (unsigned seed = 1; seed <= 20; seed++) {
    Player lossy({.before = kLossRows[3]}, seed), clean({.before = kClean}, seed + 1000);
    for (int i = 0; i < 60; i++) {
      lossy.Connect();
      clean.Connect();
    }
    EXPECT_GE(Share(lossy.played(), 10, kBbr), 0.7);
    EXPECT_GE(Share(clean.played(), 10, kCubic), 0.7);
  }
}

double ExpectedReward(const Outcome& path) {
  reward_run run = {};
  run.busy_us = 10'000'000;
  run.bytes = static_cast<__u64>(path.mbit * 1'250'000);
  run.sent = 100'000;
  run.lost = static_cast<__u64>(path.loss * 100'000);
  run.srtt_sum = static_cast<__u64>(path.srtt_ms * 1000) * run.busy_us;
  return static_cast<double>(reward_q8(&run, 40'000)) / 256;
}

// Octaves of reward that were given away for each connection; `arm`: by that one throughout.
double OctavesLost(const Game& game, unsigned seed, int arm = -1) {
  Player player(game, seed);
  const Played played = player.Play();
  double lost = 0;
  for (int n = 0; n < game.connections; n++) {
    const auto& arms = player.TableAt(n).arms;
    const __u32 taken = arm < 0 ? played.arms[static_cast<size_t>(n)] : static_cast<__u32>(arm);
    const double cubic = ExpectedReward(arms[kCubic]), bbr = ExpectedReward(arms[kBbr]);
    lost += std::max(cubic, bbr) - (taken == kBbr ? bbr : cubic);
  }
  return lost / game.connections;
}

// The path changes between one where bbr is better and one where it is not, as often as is worst
// for the bandit: even then it gives away less than the default would.
TEST(BanditSimulationTest, PathThatChangesAtTheWorstPeriodCostsLessThanTheDefaultWould) {
  double worst = 0;
  int worst_period = 0;
  for (int period = 1; period <= 200; period += 1 + period / 8) {
    const Game game = {.before = kLossy,
                       .after = kShallow,
                       .changes_at = period,
                       .changes_back = true,
                       .connections = 800};
    double lost = 0;
    for (unsigned seed = 1; seed <= 20; seed++) lost += OctavesLost(game, seed) / 20;
    EXPECT_LT(lost, OctavesLost(game, 1, kCubic)) << "changes every " << period << " connections";
    if (lost <= worst) continue;
    worst = lost;
    worst_period = period;
  }
  std::printf("worst: %.2f octaves a connection (changes every %d)\n", worst, worst_period);
  EXPECT_GT(worst, 0);
  EXPECT_LE(worst, 1.5);
}

TEST(BanditSimulationTest, WithoutBbrItLivesWithWhatThereIs) {
  for (const Table& row : kLossRows) {
    const Game game = {.before = row, .available = 1 << kCubic | 1 << kReno};
    EXPECT_EQ(HowMany(game, [](const Played& played) { return Share(played, 0, kBbr) == 0; }),
              kSeeds);
    EXPECT_GE(HowMany(game,
                      [&](const Played& played) {
                        return MedianAfter(played, 10) >= 0.95 * row.arms[kCubic].mbit;
                      }),
              kSeeds * 98 / 100)
        << row.what;
  }
}

TEST(BanditSimulationTest, AThirdAlgorithmCostsLittle) {
  for (const Table& row : kLossRows) {
    const Game game = {.before = row, .available = 1 << kCubic | 1 << kBbr | 1 << kReno};
    EXPECT_GE(HowMany(game,
                      [&](const Played& played) {
                        return MedianAfter(played, 10) >= 0.95 * Better(row);
                      }),
              kSeeds * 98 / 100)
        << row.what;
  }
}

// Rates that vary by half an octave, and one run in twenty that its reader slowed down.
TEST(BanditSimulationTest, NoiseDoesNotHideAFactorOfEight) {
  for (const Table& row : kLossRows) {
    const Game game = {
        .before = row, .connections = 100, .spread = 0.5, .at_once = 4, .slow_reader = 0.05};
    const int good = HowMany(
        game, [&](const Played& played) { return MedianAfter(played, 15) >= 0.8 * Better(row); });
    EXPECT_GE(good, kSeeds * 98 / 100) << row.what;
  }
}

// What exploring and the control group cost in the long run, where the default gets an eighth or
// less.
TEST(BanditSimulationTest, InTheLongRunItCostsLessThanATenth) {
  for (const Table& row : kLossRows) {
    std::vector<double> regret;
    for (unsigned seed = 1; seed <= kSeeds / 10; seed++) {
      Played played = Player({.before = row, .connections = 1000}, seed).Play();
      played.goodput.erase(played.goodput.begin(), played.goodput.begin() + 10);
      regret.push_back(Regret(played, Better(row)));
    }
    std::printf("loss %5s: median regret after the first ten %4.1f %%\n", row.what,
                100 * Median(regret));
    EXPECT_LE(Median(regret), 0.1) << row.what;
  }
}

TEST(BanditSimulationTest, TheControlGroupShowsWhatTuningWon) {
  std::vector<double> times;
  for (unsigned seed = 1; seed <= kSeeds; seed++) {
    const Played played = Player({.before = kLossRows[1], .connections = 400}, seed).Play();
    times.push_back(static_cast<double>(control_rate_permille(&played.groups)) / 1000);
    EXPECT_EQ(played.went_back, 0);
  }
  EXPECT_NEAR(Median(times), 96.1 / 12, 0.4);
}

}  // namespace
