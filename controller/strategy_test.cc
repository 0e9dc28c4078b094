// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/strategy.h"

#include <gtest/gtest.h>

namespace bpftune {
namespace {

StrategyRecord Untried() { return {}; }
StrategyRecord Broken() { return {.works = false}; }
StrategyRecord Unjudged() { return {.works = true, .tried = true}; }
StrategyRecord Scored(int64_t score) { return {.works = true, .tried = true, .score = score}; }

struct Case {
  const char* what;
  std::vector<StrategyRecord> records;
  size_t now;
  std::optional<size_t> next;
};

TEST(ChooseStrategyTest, TakesTheUntriedFirstThenTheBest) {
  const Case cases[] = {
      {"none at all", {}, 0, std::nullopt},
      {"none that works", {Broken(), Broken()}, 0, std::nullopt},
      {"one", {Scored(3)}, 0, 0},
      {"untried before the best", {Scored(9), Untried(), Scored(3)}, 0, 1},
      {"the first of the untried", {Scored(9), Untried(), Untried()}, 0, 1},
      {"the highest score", {Scored(1), Scored(7), Scored(3)}, 0, 1},
      {"negative scores", {Scored(-5), Scored(-1), Scored(-7)}, 0, 1},
      {"a negative score before none", {Unjudged(), Scored(-1)}, 0, 1},
      {"what does not work is left out", {Scored(1), Broken(), Scored(2)}, 0, 2},
      {"the one that was best does not work any more",
       {{.works = false, .tried = true, .score = 9}, Scored(1)},
       0,
       1},
      {"equal: no change", {Scored(7), Scored(7), Scored(7)}, 1, 1},
      {"nothing is known of any: no change", {Unjudged(), Unjudged(), Unjudged()}, 2, 2},
      {"two better ones are equal: the first", {Scored(1), Scored(7), Scored(7)}, 0, 1},
  };
  for (const Case& c : cases) EXPECT_EQ(ChooseStrategy(c.records, c.now), c.next) << c.what;
}

}  // namespace
}  // namespace bpftune
