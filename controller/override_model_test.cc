// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// The override protocol keeps its promise in every interleaving, and does not without any one of
// its rules.

#include "controller/override_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>
#include <unordered_set>

namespace bpftune::override_model {
namespace {

struct HashState {
  size_t operator()(const State& s) const {
    return std::hash<std::string_view>()({reinterpret_cast<const char*>(&s), sizeof(s)});
  }
};

class Checker {
 public:
  // Looks for violations whose text begins with `kind`: with any, if empty.
  Checker(Rules rules, Scenario scenario, std::string_view kind = "")
      : protocol_(rules, std::move(scenario)), kind_(kind) {}

  // The shortest execution that breaks the promise, or nothing.
  std::optional<std::string> FindViolation() {
    State start = {};
    start.value = start.applier.last = kBaseline;
    Reach(start, 0, "");
    for (size_t i = 0; i < nodes_.size(); i++) {
      Expand(i);
      if (!violation_.empty()) return Describe();
    }
    return std::nullopt;
  }

  // The values there may be when everything has come to rest.
  const std::set<Value>& ends() const { return ends_; }

 private:
  struct Node {
    State state;
    size_t parent;
    std::string step;
  };

  // All that can happen next in this state; when nothing can, the promise must hold.
  void Expand(size_t i) {
    const State s = nodes_[i].state;
    const auto& administrators = protocol_.scenario().administrators;
    bool at_rest = true;
    auto step = [&](auto act) {
      if (!violation_.empty()) return;
      at_rest = false;
      State next = s;
      act(next);
      Violate(protocol_.TakeViolation());
      Reach(next, i, protocol_.said());
    };
    if (s.applier.pc != Pc::kAtRest) step([&](State& next) { protocol_.Applier(next); });
    for (size_t who = 0; who < administrators.size(); who++)
      if (s.administrators[who].next < administrators[who].size())
        step([&](State& next) { protocol_.Administrator(next, who); });
    if (protocol_.scenario().reclaim && !s.reclaim_done)
      step([&](State& next) { protocol_.Reclaim(next); });
    if (!at_rest) return;
    ends_.insert(s.value);
    if (s.candidates != 0 && !protocol_.IsCandidate(s, s.value)) {
      Violate("lost: at rest the value is not the administrator's");
      Reach(s, i, "everything has come to rest");
    }
  }

  void Reach(const State& s, size_t parent, const std::string& step) {
    if (visited_.insert(s).second || !violation_.empty()) nodes_.push_back({s, parent, step});
  }

  void Violate(std::string_view what) {
    if (!what.empty() && what.starts_with(kind_)) violation_ = what;
  }

  std::string Describe() const {
    std::string text = "  => " + violation_;
    for (size_t i = nodes_.size() - 1; i != 0; i = nodes_[i].parent) {
      text.insert(0, Line(nodes_[i]));
    }
    return text;
  }
  static std::string Line(const Node& node) {
    const State& s = node.state;
    return "  " + node.step + "   [value " + std::to_string(s.value) + ", generation " +
           std::to_string(s.entry.generation) +
           (s.entry.IsTheirs() ? ", theirs " + std::to_string(s.entry.theirs) : "") + "]\n";
  }

  Protocol protocol_;
  const std::string_view kind_;
  std::set<Value> ends_;
  std::unordered_set<State, HashState> visited_;
  std::vector<Node> nodes_;  // breadth first, so that a trace is a shortest one
  std::string violation_;
};

// ---- the scenarios: all short scripts of one administrator and of two

std::vector<std::vector<Write>> Scripts(size_t length, bool hidden = false) {
  std::vector<std::vector<Write>> scripts = {{}};
  for (size_t i = 0; i < length; i++) {
    std::vector<std::vector<Write>> longer;
    for (const auto& script : scripts) {
      for (Value value : kValues) {
        longer.push_back(script);
        longer.back().push_back({value});
        if (!hidden) continue;
        longer.push_back(script);
        longer.back().push_back({value, true});
      }
    }
    scripts = std::move(longer);
  }
  return scripts;
}

bool HasTwoRefused(const std::vector<Write>& script) {
  return std::count_if(script.begin(), script.end(),
                       [](const Write& w) { return w.value == kRefused; }) > 1;
}

std::vector<Scenario> OneAdministrator(size_t writes, bool hidden = false, bool reclaim = false) {
  std::vector<Scenario> all;
  for (auto& script : Scripts(writes, hidden))
    if (!HasTwoRefused(script)) all.push_back({{std::move(script)}, reclaim});
  return all;
}

std::vector<Scenario> TwoAdministrators(size_t writes_a, size_t writes_b, bool reclaim = false) {
  std::vector<Scenario> all;
  for (const auto& a : Scripts(writes_a)) {
    for (const auto& b : Scripts(writes_b)) {
      std::vector<Write> both = a;
      both.insert(both.end(), b.begin(), b.end());
      if (!HasTwoRefused(both)) all.push_back({{a, b}, reclaim});
    }
  }
  return all;
}

// The first violation of this kind in any of the scenarios, with its trace.
std::optional<std::string> FindViolation(const Rules& rules, const std::vector<Scenario>& scenarios,
                                         std::string_view kind = "") {
  for (const Scenario& scenario : scenarios)
    if (auto trace = Checker(rules, scenario, kind).FindViolation()) return trace;
  return std::nullopt;
}

void ExpectHolds(const std::vector<Scenario>& scenarios) {
  const auto trace = FindViolation(Rules{}, scenarios);
  EXPECT_FALSE(trace) << trace.value_or("");
}

// A rule is worth having only if something breaks without it. The trace shown is the reason for it.
void ExpectBreaks(const Rules& rules, std::string_view kind,
                  const std::vector<Scenario>& scenarios) {
  const auto trace = FindViolation(rules, scenarios, kind);
  ASSERT_TRUE(trace) << "nothing breaks without this rule: leave it out";
  std::printf("%s\n", trace.value_or("").c_str());
}

TEST(OverrideModelTest, KeepsThePromiseToOneAdministrator) { ExpectHolds(OneAdministrator(3)); }

TEST(OverrideModelTest, KeepsThePromiseToTwoAdministratorsAtOnce) {
  ExpectHolds(TwoAdministrators(1, 1));
  ExpectHolds(TwoAdministrators(2, 1));
}

TEST(OverrideModelTest, FindsWritesTheHookCannotSeeByComparing) {
  ExpectHolds(OneAdministrator(2, /*hidden=*/true));
}

TEST(OverrideModelTest, KeepsThePromiseForWhatBeginsAfterAReclaim) {
  ExpectHolds(OneAdministrator(2, /*hidden=*/false, /*reclaim=*/true));
  ExpectHolds(TwoAdministrators(1, 1, /*reclaim=*/true));
}

// Promises are easily kept by doing nothing.
TEST(OverrideModelTest, StillTunesWhereNobodyInterferesAndAfterAReclaim) {
  Checker alone({}, {});
  EXPECT_FALSE(alone.FindViolation());
  EXPECT_EQ(alone.ends(), std::set<Value>{kLargest});
  Checker reclaimed({}, {{{{5}}}, /*reclaim=*/true});
  EXPECT_FALSE(reclaimed.FindViolation());
  EXPECT_EQ(reclaimed.ends(), (std::set<Value>{kLargest, 5}));
}

TEST(OverrideModelTest, BreaksWhenTheHookDoesNotDenyOurLateWrite) {
  ExpectBreaks({.deny = false}, "late", OneAdministrator(1));
  ExpectBreaks({.deny = false}, "lost", OneAdministrator(2));
}

TEST(OverrideModelTest, BreaksWithoutLookingAtTheEntryAgain) {
  ExpectBreaks({.recheck = false}, "lost", OneAdministrator(1));
}

TEST(OverrideModelTest, BreaksWhenTheEntryIsReadAgainBeforeTheValueIsReadBack) {
  ExpectBreaks({.recheck_after_readback = false}, "claimed", OneAdministrator(1));
}

TEST(OverrideModelTest, BreaksWhenTheirValueIsPutBackOnlyOnce) {
  ExpectBreaks({.rounds = 1}, "lost", OneAdministrator(2));
}

// What stands there may be what the kernel made of ours, or what we put back before.
TEST(OverrideModelTest, BreaksWhenTheirValueIsPutBackOnlyOverTheOneWeWanted) {
  ExpectBreaks({.put_back_over_any = false}, "lost", OneAdministrator(1));
}

// The hook sees the writer's namespace. Where the write really goes, what it replaces tells.
TEST(OverrideModelTest, NeverWritesHereWhatWasMeantForAnotherNamespace) {
  ExpectHolds({{{{{.value = 6, .elsewhere = true}}}}});
  ExpectBreaks({.put_back_only_here = false}, "strayed", {{{{{.value = 6, .elsewhere = true}}}}});
}

TEST(OverrideModelTest, BreaksWhenTheSecondOfTheirWritesMustHaveReplacedOurs) {
  ExpectBreaks({.keep_first_before = false}, "lost", OneAdministrator(2));
}

TEST(OverrideModelTest, BreaksWhenComparingWithWhatBpfSawInsteadOfOurLastWrite) {
  ExpectBreaks({.compare_with_last_write = false}, "lost", OneAdministrator(1, /*hidden=*/true));
}

TEST(OverrideModelTest, BreaksWhenAnUnchangedValueReadBackIsTakenForOurs) {
  ExpectBreaks({.unchanged_readback_yields = false}, "lost", OneAdministrator(1));
}

TEST(OverrideModelTest, BreaksWhenARefusedWriteHidesTheSuccessfulOneBeforeIt) {
  ExpectBreaks({.withdraw = false}, "lost", OneAdministrator(2));
}

TEST(OverrideModelTest, BreaksWhenEqualWritesToTheirOwnTunableAreIgnored) {
  ExpectBreaks({.record_equal_when_theirs = false}, "lost", OneAdministrator(2));
}

// A foreign write that changes nothing when the hook sees it, is stalled there for a whole decision
// of ours, and lands in the middle of our next one. Counting equal writes as overrides would
// promise this too, at the price of stopping for every `sysctl -p` that changes nothing.
TEST(OverrideModelTest, KnownLimitAnEqualWriteStalledFromOneDecisionIntoTheNext) {
  ExpectBreaks({.excuse_stalled_equal = false}, "lost", OneAdministrator(1));
  const Rules strict = {.record_equal_always = true, .excuse_stalled_equal = false};
  EXPECT_FALSE(FindViolation(strict, OneAdministrator(2)));
  EXPECT_FALSE(FindViolation(strict, TwoAdministrators(1, 1)));
}

}  // namespace
}  // namespace bpftune::override_model
