// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/ip_frag_logic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <vector>

#include "bpf/common/pure/learning.h"

namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1000 * kMs;
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kStart = 1'000'000 * kMs;

// A namespace with a threshold of 4 MiB and a timeout of 30 s, full.
class JudgeFragments : public ::testing::Test {
 protected:
  JudgeFragments() {
    look_.now_ns = kStart;
    look_.timeout_ns = 30 * kSecond;
    look_.high = 4 * kMiB;
    look_.memory = look_.high + 1000;
    look_.pending = 400;
    look_.dropped = 1;
  }

  frag_finding Look(uint64_t after_ms, uint64_t more_completed) {
    look_.now_ns += after_ms * kMs;
    look_.completed += more_completed;
    return judge_fragments(&watch_, &look_);
  }

  frag_watch watch_ = {};
  frag_look look_ = {};
};

TEST_F(JudgeFragments, PastThatMostlyCompletedSpeaksForMoreMemory) {
  const frag_finding found = Look(0, 400);
  EXPECT_TRUE(found.is_short && found.completes && found.fills);
  EXPECT_FALSE(found.hopeless);
  EXPECT_EQ(found.completed, 400U);
}

TEST_F(JudgeFragments, PastThatMostlyExpiredDoesNot) {
  look_.expired = 1000;
  const frag_finding found = Look(0, 1001);
  EXPECT_TRUE(found.is_short && found.hopeless);
  EXPECT_FALSE(found.completes);
}

TEST_F(JudgeFragments, FewerCompletedThanWaitAreNotMost) {
  EXPECT_FALSE(Look(0, 399).completes);
  EXPECT_FALSE(Look(100, 0).hopeless) << "but not few either";
}

TEST_F(JudgeFragments, NothingCompletedIsNoCompletionWhateverWaits) {
  look_.pending = 0;
  EXPECT_FALSE(Look(0, 0).completes);
}

TEST_F(JudgeFragments, PastFadesWithinOneTimeout) {
  EXPECT_EQ(Look(0, 1600).completed, 1600U);
  EXPECT_EQ(Look(15'000, 0).completed, 800U);
  const frag_finding later = Look(15'000, 0);
  EXPECT_EQ(later.completed, 0U);
  EXPECT_TRUE(later.hopeless);
}

TEST_F(JudgeFragments, LongPastIsWorthFourTimesWhatWaits) {
  EXPECT_EQ(Look(0, 1'000'000'000).completed, 1600U);
  EXPECT_EQ(Look(100, 10).completed, 1604U) << "less a little, and what was completed since";
}

TEST_F(JudgeFragments, CompletedSinceCountForOneTimeoutAtLeastAndTwoAtMost) {
  Look(0, 0);
  EXPECT_EQ(Look(10'000, 600).completed, 600U);
  EXPECT_EQ(Look(20'000, 0).completed, 600U) << "the window has just ended";
  EXPECT_EQ(Look(15'000, 0).completed, 300U);
  EXPECT_EQ(Look(15'000, 0).completed, 0U);
}

TEST_F(JudgeFragments, LongPauseForgetsWhatWasBefore) {
  Look(0, 500);
  EXPECT_EQ(Look(600'000, 7).completed, 7U);
}

TEST_F(JudgeFragments, CounterThatGoesBackCountsNothing) {
  Look(0, 500);
  look_.completed = 0;
  EXPECT_LE(Look(100, 0).completed, 500U);
  EXPECT_EQ(Look(60'000, 3).completed, 3U);
}

TEST_F(JudgeFragments, MemoryIsShortBeforeItIsFull) {
  look_.dropped = 0;
  look_.memory = 3 * kMiB;
  EXPECT_FALSE(Look(0, 500).is_short);
  look_.memory = 3 * kMiB + 1;
  EXPECT_TRUE(Look(100, 0).is_short);
}

TEST_F(JudgeFragments, EmptyMemoryIsNeverHopeless) {
  look_.dropped = 0;
  look_.memory = 2 * kMiB;
  EXPECT_FALSE(Look(0, 0).hopeless);
}

TEST_F(JudgeFragments, WithoutTimeoutOrThresholdNothingIsSaid) {
  look_.timeout_ns = 0;
  EXPECT_FALSE(Look(0, 500).is_short);
  look_.timeout_ns = 30 * kSecond;
  look_.high = 0;
  const frag_finding off = Look(0, 0);
  EXPECT_FALSE(off.is_short || off.hopeless || off.fills);
}

struct RaiseRow {
  const char* what;
  uint64_t memory;
  uint64_t dropped;
  uint64_t ceiling;
  uint64_t target;
};

TEST(FragRaised, GoesByWhatWasDroppedElseByAStep) {
  const RaiseRow rows[] = {
      {"nearly full: a step", 3 * kMiB + 1, 0, 1024 * kMiB, 5 * kMiB},
      {"few were dropped: twice", 3 * kMiB, 1, 1024 * kMiB, 8 * kMiB},
      {"many: four times", 4 * kMiB, 1'000'000, 1024 * kMiB, 16 * kMiB},
      {"between", 4 * kMiB, 500, 1024 * kMiB, (4 * kMiB + 500ULL * FRAGMENT_BYTES) * 2},
      {"more than can be multiplied", 4 * kMiB, UINT64_MAX, 1024 * kMiB, 16 * kMiB},
      {"not over the ceiling", 4 * kMiB, 1'000'000, 6 * kMiB, 6 * kMiB},
      {"too little below the ceiling", 4 * kMiB, 1'000'000, 4 * kMiB + 1000, 0},
      {"ceiling below", 4 * kMiB, 1'000'000, kMiB, 0},
  };
  for (const RaiseRow& row : rows) {
    frag_look look = {};
    look.high = 4 * kMiB;
    look.memory = row.memory;
    look.dropped = row.dropped;
    EXPECT_EQ(frag_raised(&look, LEARNING_SHIFT_START, row.ceiling), row.target) << row.what;
  }
}

TEST(FragCeiling, IsSharedByAllNamespaces) {
  EXPECT_EQ(frag_ceiling(1024 * kMiB, 4 * kMiB, 0), 68 * kMiB);
  EXPECT_EQ(frag_ceiling(1024 * kMiB, 4 * kMiB, 60 * kMiB), 8 * kMiB);
  EXPECT_EQ(frag_ceiling(1024 * kMiB, 4 * kMiB, 100 * kMiB), 4 * kMiB);
  EXPECT_EQ(frag_ceiling(0, 4 * kMiB, 0), 4 * kMiB) << "not known: no raise";
}

TEST(FragOverdrawn, IsTwiceTheShareForRaises) {
  EXPECT_FALSE(frag_overdrawn(128 * kMiB, 1024 * kMiB));
  EXPECT_TRUE(frag_overdrawn(128 * kMiB + 1, 1024 * kMiB));
  EXPECT_FALSE(frag_overdrawn(128 * kMiB, 0)) << "not known";
}

// ---- the loop: the kernel's reassembly, traffic, and the tuner that looks at it
// ------------------

struct Traffic {
  int datagrams_per_s = 0;
  int fragments = 0;       // of each, one every millisecond
  int lost_per_mille = 0;  // fragments
  int orphans_per_s = 0;   // datagrams of which one fragment ever arrives
};

// inet_frag_find() in net/ipv4/inet_fragment.c: over the threshold nothing gets in.
class Kernel {
 public:
  uint64_t high = 4 * kMiB;
  uint64_t memory = 0;
  uint64_t completed = 0;
  uint64_t expired = 0;
  uint64_t dropped = 0;

  size_t pending() const { return waiting_.size(); }

  // A millisecond of traffic; the clock is in milliseconds.
  void Tick(uint64_t now_ms, const Traffic& traffic) {
    Expire(now_ms);
    for (uint64_t id : Started(now_ms, traffic.datagrams_per_s)) {
      for (int i = 0; i < traffic.fragments; ++i) {
        if (Random() % 1000 >= static_cast<uint64_t>(traffic.lost_per_mille)) {
          coming_.emplace(now_ms + static_cast<uint64_t>(i), Fragment{id, traffic.fragments});
        }
      }
    }
    for (uint64_t id : Started(now_ms, traffic.orphans_per_s)) Arrive(now_ms, {id, 2});
    const auto end = coming_.upper_bound(now_ms);
    for (auto at = coming_.begin(); at != end; ++at) Arrive(now_ms, at->second);
    coming_.erase(coming_.begin(), end);
  }

 private:
  static constexpr uint64_t kTimeoutMs = 30'000;
  struct Fragment {
    uint64_t id;
    int of;
  };
  struct Queue {
    int have = 0;
    uint64_t until_ms = 0;
  };

  uint64_t Random() {
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    return random_ >> 33;
  }

  std::vector<uint64_t> Started(uint64_t now_ms, int per_s) {
    const auto rate = static_cast<uint64_t>(per_s);
    std::vector<uint64_t> out(now_ms * rate / 1000 - (now_ms - 1) * rate / 1000);
    for (uint64_t& id : out) id = ++last_id_;
    return out;
  }

  void Arrive(uint64_t now_ms, const Fragment& fragment) {
    if (memory > high) {
      ++dropped;
      return;
    }
    Queue& queue = waiting_[fragment.id];
    if (queue.have == 0) {
      queue.until_ms = now_ms + kTimeoutMs;
      expiry_.emplace(queue.until_ms, fragment.id);
    }
    ++queue.have;
    memory += FRAGMENT_BYTES;
    if (queue.have < fragment.of) return;
    ++completed;
    Remove(fragment.id);
  }

  void Expire(uint64_t now_ms) {
    for (; !expiry_.empty() && expiry_.top().first <= now_ms; expiry_.pop()) {
      if (!waiting_.contains(expiry_.top().second)) continue;
      ++expired;
      Remove(expiry_.top().second);
    }
  }

  void Remove(uint64_t id) {
    memory -= static_cast<uint64_t>(waiting_[id].have) * FRAGMENT_BYTES;
    waiting_.erase(id);
  }

  using Due = std::pair<uint64_t, uint64_t>;
  std::map<uint64_t, Queue> waiting_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> expiry_;
  std::multimap<uint64_t, Fragment> coming_;
  uint64_t last_id_ = 0;
  uint64_t random_ = 1;
};

class Loop {
 public:
  explicit Loop(uint64_t available) : available_(available) {}

  Kernel kernel;
  uint64_t highest = 4 * kMiB;
  int changes = 0;

  // Returns how many fragments were dropped meanwhile.
  uint64_t Run(const Traffic& traffic, int seconds) {
    const uint64_t before = kernel.dropped;
    for (const uint64_t end = now_ms_ + static_cast<uint64_t>(seconds) * 1000; now_ms_ < end;) {
      kernel.Tick(++now_ms_, traffic);
      const bool woken = !due_ms_ && kernel.dropped != dropped_seen_;
      if (now_ms_ >= rest_until_ms_ && (woken || (due_ms_ && now_ms_ >= *due_ms_))) Look();
    }
    return kernel.dropped - before;
  }

 private:
  static constexpr uint64_t kBaseline = 4 * kMiB;

  // As ip_frag.bpf.c puts it together.
  void Look() {
    frag_look look = {};
    look.now_ns = kStart + now_ms_ * kMs;
    look.timeout_ns = 30 * kSecond;
    look.completed = kernel.completed;
    look.expired = kernel.expired;
    look.pending = kernel.pending();
    look.memory = kernel.memory;
    look.high = kernel.high;
    look.dropped = kernel.dropped - dropped_seen_;
    dropped_seen_ = kernel.dropped;
    rest_until_ms_ = now_ms_ + 100;
    const frag_finding found = judge_fragments(&watch_, &look);
    learning_step step = step_;
    learning_step_move(&step, look.now_ns, 1, 3600 * kSecond);
    const uint64_t raised =
        frag_raised(&look, step.step_shift, frag_ceiling(available_, kBaseline, 0));
    due_ms_.reset();
    if (found.is_short || found.fills) due_ms_ = now_ms_ + 1000;
    if (found.is_short && found.completes && raised && now_ms_ >= held_until_ms_) {
      Set(raised);
      step_ = step;
      due_ms_ = now_ms_ + 100;
    } else if (found.hopeless && kernel.high > kBaseline &&
               now_ms_ >= lowered_ms_ + frag_pause_ns(look.timeout_ns) / kMs) {
      Set(shrink_by_shift(kernel.high, 1, kBaseline));
      lowered_ms_ = now_ms_;
      held_until_ms_ = now_ms_ + 60'000;
    }
  }

  void Set(uint64_t value) {
    kernel.high = value;
    highest = std::max(highest, value);
    ++changes;
  }

  uint64_t available_;
  frag_watch watch_ = {};
  learning_step step_ = {};
  uint64_t now_ms_ = 0;
  uint64_t dropped_seen_ = 0;
  uint64_t rest_until_ms_ = 0;
  std::optional<uint64_t> due_ms_;
  uint64_t lowered_ms_ = 0;
  uint64_t held_until_ms_ = 0;
};

// 80 Mbit/s in datagrams of 8 KiB.
constexpr Traffic kClean = {.datagrams_per_s = 1250, .fragments = 6};
constexpr Traffic kLossy = {.datagrams_per_s = 1250, .fragments = 6, .lost_per_mille = 20};

TEST(FragLoop, CleanTrafficNeedsNothing) {
  Loop loop(8192 * kMiB);
  EXPECT_EQ(loop.Run(kClean, 60), 0U);
  EXPECT_EQ(loop.changes, 0);
}

TEST(FragLoop, LossOnThePathGetsTheMemoryThatItTakes) {
  Loop loop(8192 * kMiB);
  EXPECT_LT(loop.Run(kLossy, 60), 2U * 1250 * 6) << "less than 2 s of traffic";
  const uint64_t settled = loop.kernel.completed;
  EXPECT_EQ(loop.Run(kLossy, 60), 0U) << "it stands at " << loop.kernel.high;
  EXPECT_GT(loop.kernel.completed - settled, 60U * 1250 * 85 / 100);
  EXPECT_LT(loop.kernel.high, 3 * loop.kernel.memory);
  EXPECT_LT(loop.changes, 10);
}

TEST(FragLoop, StopsAtTheCeiling) {
  Loop loop(128 * kMiB);
  EXPECT_GT(loop.Run(kLossy, 120), 0U);
  EXPECT_EQ(loop.highest, 12 * kMiB);
}

TEST(FragLoop, FragmentsThatAreNeverCompletedGetNothing) {
  Loop loop(8192 * kMiB);
  EXPECT_GT(loop.Run({.orphans_per_s = 5000}, 120), 0U);
  EXPECT_EQ(loop.changes, 0);
}

TEST(FragLoop, AttackIsGivenNoMoreThanTheTrafficBesideItJustifiesAndItIsTakenBack) {
  Loop loop(8192 * kMiB);
  loop.Run(kClean, 120);
  loop.Run({.datagrams_per_s = 1250, .fragments = 6, .orphans_per_s = 100'000}, 240);
  // No more of them than are completed in one timeout; then a doubling at most.
  EXPECT_LE(loop.highest, 2 * 30 * 1250 * FRAGMENT_BYTES);
  EXPECT_EQ(loop.kernel.high, 4 * kMiB);
}

TEST(FragLoop, AfterTheAttackRealTrafficGetsWhatItNeeds) {
  Loop loop(8192 * kMiB);
  loop.Run(kClean, 10);
  loop.Run({.datagrams_per_s = 1250, .fragments = 6, .orphans_per_s = 100'000}, 240);
  loop.Run(kLossy, 180);
  EXPECT_EQ(loop.Run(kLossy, 30), 0U) << "it stands at " << loop.kernel.high;
}

}  // namespace
