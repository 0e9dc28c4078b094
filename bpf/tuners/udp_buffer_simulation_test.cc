// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// The loops that udp_buffer closes over rmem_default and rmem_max, in the order of
// udp_buffer_decide.bpf.h.

#include <algorithm>
#include <cstdint>

#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/patience.h"
#include "bpf/common/pure/peak.h"
#include "bpf/tuners/udp_buffer_logic.h"
#include "testing/simulation/loop_suite.h"

namespace bpftune::simulation {
namespace {

constexpr uint64_t kFound = 212'992;
constexpr uint64_t kUnneeded = 600 * kSecond;  // the cfg_ values of the tuner
constexpr uint64_t kHalfLife = 600 * kSecond;
constexpr uint64_t kHorizon = 3600 * kSecond;
constexpr uint64_t kLowerEvery = 30 * kSecond;
constexpr uint64_t kHeldEvery = 60 * kSecond;
constexpr uint64_t kPage = 4096;
constexpr uint64_t kPressure = 4 << 20;  // pages of udp_mem

// What both have in common: the need that was seen, and the way down.
class SizeLoop {
 public:
  bool Meets(uint64_t wanted) const { return trace.value() >= wanted; }

  uint64_t available = 4 << 20;  // pages
  Trace trace{kFound};

 protected:
  void NoteNeed(uint64_t now, uint64_t need) {
    peak_note(&need_, now, need, kHalfLife);
    if (need > trace.value() / 2) needed_ns_ = now;
  }

  // False: there is none now, and it may come down.
  bool Raise(uint64_t now, uint64_t target) {
    if (target == 0 ||
        size_was_squeezed(squeezed_ns_, now, patience_ns(&patience_, kHeldEvery)) != 0) {
      return false;
    }
    patience_note_raised(&patience_, now);
    learning_step_move(&step_, now, 1, kHorizon);
    trace.Set(target);
    moved_ns_ = now;
    return true;
  }

  void Lower(uint64_t now, uint64_t ceiling) {
    const uint64_t value = trace.value();
    if (value <= kFound) return;
    if (const uint64_t target = squeezed_size(value, kFound, ceiling); target != 0) {
      trace.Set(target);
      moved_ns_ = squeezed_ns_ = now;
      patience_note_lowered(&patience_, now);
      return;
    }
    if (now - needed_ns_ < patience_ns(&patience_, kUnneeded) || now - moved_ns_ < kLowerEvery)
      return;
    const uint64_t floor = std::max(uint64_t{peak_now(&need_, now, kHalfLife)}, kFound);
    if (!learning_worth_lowering(value, floor, kFound)) return;
    learning_step_move(&step_, now, -1, kHorizon);
    trace.Set(learning_step_apply(&step_, value, floor, value));
    patience_note_lowered(&patience_, now);
    moved_ns_ = now;
  }

 private:
  learning_step step_ = {};
  patience patience_ = {};
  peak need_ = {};
  uint64_t needed_ns_ = NowAt(0);
  uint64_t moved_ns_ = 0, squeezed_ns_ = 0;
};

// rmem_default: a burst every second, into a socket that has just been made. What does not fit is
// lost, and nothing is seen of a burst that does.
class DefaultLoop : public SizeLoop {
 public:
  static constexpr uint64_t kHigh = 6 << 20;
  static constexpr uint64_t kMostPercent = 130;  // a quarter more, rounded up

  bool Meets(uint64_t wanted) const {
    return trace.value() + BURST_LEAST * DATAGRAM_BYTES >= wanted;
  }

  void Look(uint64_t second, uint64_t wanted) {
    const uint64_t now = NowAt(second);
    burst lost = {};
    lost.size = static_cast<__u32>(trace.value());
    for (uint64_t size = trace.value(); size < wanted; size += DATAGRAM_BYTES)
      (void)burst_note(&lost, now - kSecond / 2);
    const bool is_over = judge_burst(&lost, now) == BURST_OVER;
    if (!is_over && second % 30 != 0) return;  // BEAT_KEEP_MS
    if (is_over) NoteNeed(now, burst_need(&lost));
    const uint64_t ceiling = size_ceiling(kPressure, available, kPage, DEFAULT_PART, DEFAULT_MOST);
    const uint64_t target = is_over ? raised_default(trace.value(), burst_need(&lost), ceiling) : 0;
    if (!Raise(now, target)) Lower(now, ceiling);
  }
};

// rmem_max: a socket asks for what is wanted, once a second, and is seen.
class MaximumLoop : public SizeLoop {
 public:
  static constexpr uint64_t kHigh = 16 << 20;
  static constexpr uint64_t kMostPercent = 100;  // exactly what was asked for

  void Look(uint64_t second, uint64_t wanted) {
    const uint64_t now = NowAt(second);
    const bool is_cut = wanted > trace.value();
    if (!is_cut && second % 30 != 0) return;  // BEAT_KEEP_MS
    if (wanted > kFound) NoteNeed(now, wanted);
    const uint64_t ceiling = size_ceiling(kPressure, available, kPage, MAXIMUM_PART, SIZE_MOST);
    const uint64_t target = is_cut ? raised_maximum(trace.value(), wanted, ceiling) : 0;
    if (!Raise(now, target)) Lower(now, ceiling);
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(UdpDefault, LoopSuite, DefaultLoop);
INSTANTIATE_TYPED_TEST_SUITE_P(UdpMaximum, LoopSuite, MaximumLoop);

// Memory that comes and goes under a request that stays.
TEST(UdpMemory, ThatComesAndGoesIsFollowedLessAndLessAtAnyPeriod) {
  int worst = 0;
  uint64_t worst_period = 0;
  for (const uint64_t period : Periods(2, 8 * kHour)) {
    MaximumLoop loop;
    for (uint64_t second = 1; second <= kDay; ++second) {
      loop.available = Square(16 << 10, 4 << 20, period)(second);
      loop.Look(second, MaximumLoop::kHigh);
    }
    if (loop.trace.moves() <= worst) continue;
    worst = loop.trace.moves();
    worst_period = period;
  }
  EXPECT_GT(worst, 0);
  EXPECT_LE(worst, kMostMovesOnTheFirstDay) << "period " << worst_period << " s";
}

}  // namespace
}  // namespace bpftune::simulation
