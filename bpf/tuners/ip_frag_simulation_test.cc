// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// The loop that ip_frag closes over ipfrag_high_thresh, in the order of ip_frag_decide.bpf.h.

#include <algorithm>
#include <cstdint>

#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/patience.h"
#include "bpf/common/pure/peak.h"
#include "bpf/tuners/ip_frag_logic.h"
#include "testing/simulation/loop_suite.h"

namespace bpftune::simulation {
namespace {

constexpr uint64_t kFound = 4 << 20;
constexpr uint64_t kUnneeded = 600 * kSecond;  // the cfg_ values of the tuner
constexpr uint64_t kHalfLife = 600 * kSecond;
constexpr uint64_t kHorizon = 3600 * kSecond;
constexpr uint64_t kHeld = 60 * kSecond;
constexpr uint64_t kTimeout = 30;         // s, of reassembly
constexpr uint64_t kDatagram = 64 << 10;  // with what the kernel accounts for it
constexpr uint64_t kCompleted = 4000;     // a second

// Datagrams that come at once and want so many bytes. Those that are cut wait for the timeout;
// of those that fit nothing is seen.
class FragLoop {
 public:
  static constexpr uint64_t kHigh = 64 << 20;
  static constexpr uint64_t kMostPercent = 400;

  bool Meets(uint64_t wanted) const { return trace.value() >= wanted; }

  void Look(uint64_t second, uint64_t wanted) {
    const uint64_t high = trace.value();
    if (wanted > high) {
      stuck_ = high;
      stuck_until_ = second + kTimeout;
    } else if (second >= stuck_until_) {
      stuck_ = 0;
    }
    completed_ += completes ? kCompleted : 0;
    const frag_look look = {.now_ns = NowAt(second),
                            .timeout_ns = kTimeout * kSecond,
                            .completed = completed_,
                            .expired = 0,
                            .pending = stuck_ / kDatagram,
                            .memory = stuck_,
                            .high = high,
                            .dropped = sat_sub(wanted, high) / FRAGMENT_BYTES};
    if (look.dropped == 0 && look.memory == 0 && second % 30 != 0) return;  // LOOK_KEEP_MS
    const frag_finding found = judge_fragments(&watch_, &look);
    peak_note(&need_, look.now_ns, look.memory, kHalfLife);
    if (found.is_short || found.fills) needed_ns_ = look.now_ns;
    if (!(found.is_short && Raise(look, found))) Lower(look, found);
  }

  uint64_t available = 16ULL << 30;
  uint64_t given_to_others = 0;
  bool completes = true;
  Trace trace{kFound};

 private:
  bool Raise(const frag_look& look, const frag_finding& found) {
    learning_step step = step_;
    learning_step_move(&step, look.now_ns, 1, kHorizon);
    const uint64_t ceiling = frag_ceiling(available, kFound, given_to_others);
    const uint64_t target = frag_raised(&look, step.step_shift, ceiling);
    if (target == 0 || !found.completes || look.now_ns < held_until_ns_) return false;
    step_ = step;
    patience_note_raised(&patience_, look.now_ns);
    trace.Set(target);
    return true;
  }

  void Lower(const frag_look& look, const frag_finding& found) {
    if (look.high <= kFound) return;
    if (found.hopeless) {
      if (look.now_ns - lowered_ns_ < frag_pause_ns(look.timeout_ns)) return;
      lowered_ns_ = look.now_ns;
      LowerNeeded(look);
    } else if (frag_overdrawn(given_to_others + look.high - kFound, available)) {
      LowerNeeded(look);
    } else {
      LowerUnneeded(look);
    }
  }

  void LowerNeeded(const frag_look& look) {
    patience_note_lowered(&patience_, look.now_ns);
    held_until_ns_ = look.now_ns + patience_ns(&patience_, kHeld);
    trace.Set(shrink_by_shift(look.high, 1, kFound));
  }

  void LowerUnneeded(const frag_look& look) {
    const uint64_t need = peak_now(&need_, look.now_ns, kHalfLife);
    const uint64_t floor = std::max(uint64_t{sat_add(need, need / 4)}, kFound);
    if (look.now_ns - needed_ns_ < patience_ns(&patience_, kUnneeded) ||
        !learning_worth_lowering(look.high, floor, kFound)) {
      return;
    }
    learning_step_move(&step_, look.now_ns, -1, kHorizon);
    trace.Set(learning_step_apply(&step_, look.high, floor, look.high));
    patience_note_lowered(&patience_, look.now_ns);
  }

  uint64_t completed_ = 1'000'000;
  uint64_t stuck_ = 0, stuck_until_ = 0;
  frag_watch watch_ = {};
  learning_step step_ = {};
  patience patience_ = {};
  peak need_ = {};
  uint64_t needed_ns_ = 0, held_until_ns_ = 0, lowered_ns_ = 0;
};

INSTANTIATE_TYPED_TEST_SUITE_P(IpFrag, LoopSuite, FragLoop);

// Moves in a day of a loop that something besides the demand swings, at the worst period.
template <typename Swing>
int MostMovesADay(const Swing& swing) {
  int worst = 0;
  uint64_t worst_period = 0;
  for (const uint64_t period : Periods(2, 8 * kHour)) {
    FragLoop loop;
    for (uint64_t second = 1; second <= kDay; ++second) {
      swing(&loop, Square(0, 1, period)(second) != 0);
      loop.Look(second, FragLoop::kHigh);
    }
    if (loop.trace.moves() <= worst) continue;
    worst = loop.trace.moves();
    worst_period = period;
  }
  std::printf("worst: %d moves a day (period %llu s)\n", worst,
              static_cast<unsigned long long>(worst_period));
  return worst;
}

TEST(IpFrag, AttackThatComesAndGoesIsFollowedLessAndLessAtAnyPeriod) {
  const int most = MostMovesADay([](FragLoop* loop, bool on) { loop->completes = !on; });
  EXPECT_GT(most, 0);
  EXPECT_LE(most, kMostMovesOnTheFirstDay);
}

TEST(IpFrag, MemoryThatComesAndGoesIsFollowedLessAndLessAtAnyPeriod) {
  const int most = MostMovesADay(
      [](FragLoop* loop, bool on) { loop->available = on ? 64 << 20 : uint64_t{16} << 30; });
  EXPECT_GT(most, 0);
  EXPECT_LE(most, kMostMovesOnTheFirstDay);
}

// All raises together have the sixteenth; each is what the other cannot have.
TEST(IpFrag, TwoNamespacesThatShareTheMemoryComeToRest) {
  constexpr uint64_t kAvailable = uint64_t{1} << 30;
  FragLoop one, other;
  int moves = 0;
  for (uint64_t second = 1; second <= 3 * kDay; ++second) {
    const uint64_t in_use = one.trace.value() + other.trace.value();
    one.available = other.available = kAvailable - in_use;
    one.given_to_others = other.trace.value() - kFound;
    one.Look(second, FragLoop::kHigh);
    other.given_to_others = one.trace.value() - kFound;
    other.Look(second, FragLoop::kHigh);
    EXPECT_LE(one.trace.value() + other.trace.value() - 2 * kFound, kAvailable / FRAGMENTS_PART);
    if (second == 2 * kDay) moves = one.trace.moves() + other.trace.moves();
  }
  EXPECT_LE(one.trace.moves() + other.trace.moves() - moves, 12);
}

}  // namespace
}  // namespace bpftune::simulation
