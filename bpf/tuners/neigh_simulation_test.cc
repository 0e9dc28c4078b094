// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// The loops that neigh closes over gc_thresh3 and unres_qlen_bytes, in the order of
// neigh_table.bpf.h and neigh_queue.bpf.h.

#include <algorithm>
#include <cstdint>

#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/patience.h"
#include "bpf/common/pure/peak.h"
#include "bpf/tuners/neigh_logic.h"
#include "bpf/tuners/neigh_queue_logic.h"
#include "testing/simulation/loop_suite.h"

namespace bpftune::simulation {
namespace {

constexpr uint64_t kUnneeded = 600 * kSecond;  // the cfg_ values of the tuner
constexpr uint64_t kHalfLife = 600 * kSecond;
constexpr uint64_t kHorizon = 3600 * kSecond;
constexpr uint64_t kMemoryKib = 8ULL << 20;

// struct learned of neigh_state.bpf.h, as far as it decides.
struct Learned {
  void Raise(uint64_t now, uint64_t target) {
    if (target == 0) return;
    learning_step_move(&step, now, 1, kHorizon);
    patience_note_raised(&patience, now);
    trace.Set(target);
  }

  bool IsUnneeded(uint64_t now) const {
    return now - needed_ns >= patience_ns(&patience, kUnneeded);
  }

  void StepDown(uint64_t now, uint64_t floor, uint64_t lowest) {
    const uint64_t value = trace.value();
    if (!learning_worth_lowering(value, floor, lowest)) return;
    learning_step_move(&step, now, -1, kHorizon);
    trace.Set(learning_step_apply(&step, value, floor, value));
    patience_note_lowered(&patience, now);
  }

  Trace trace;
  learning_step step = {};
  struct patience patience = {};
  peak need = {};
  uint64_t needed_ns = 0;
};

// A table: what is wanted arrives evenly over the second, and is refused beyond gc_thresh3.
class TableLoop : public Learned {
 public:
  TableLoop() : Learned{.trace = Trace(kFound)} {}

  static constexpr uint64_t kHigh = 100'000;
  static constexpr uint64_t kMostPercent = 450;  // four times what there is, rounded up

  bool Meets(uint64_t wanted) const { return trace.value() >= wanted; }

  void Look(uint64_t second, uint64_t wanted) {
    const uint64_t now = NowAt(second), value = trace.value();
    const uint64_t before = entries_;
    entries_ = std::min(wanted, value);
    const bool near = neigh_is_near(entries_, value) != 0;
    if (!near && second % 30 != 0) return;  // BEAT_KEEP_MS
    peak_note(&need, now, entries_, kHalfLife);
    if (near || needed_ns == 0) needed_ns = now;
    if (near) {
      const uint64_t per_window = sat_sub(entries_, before) * NEIGH_WINDOW_NS / kSecond;
      const uint64_t ceiling = neigh_ceiling(kMemoryKib, kMemoryKib / 2);
      Raise(now, neigh_raised(entries_, per_window, value, ceiling));
    } else if (value > kFound && IsUnneeded(now)) {
      StepDown(now, neigh_floor(peak_now(&need, now, kHalfLife), kFound), kFound);
    }
  }

 private:
  static constexpr uint64_t kFound = 1024;
  uint64_t entries_ = 0;
};

// The queue of a neighbour whose address is found within the second. What is wanted waits; what
// does not fit is lost, and nothing is seen of what does.
class QueueLoop : public Learned {
 public:
  QueueLoop() : Learned{.trace = Trace(kFound)} {}

  static constexpr uint64_t kHigh = 4'000'000;
  static constexpr uint64_t kMostPercent = 130;  // a quarter more, rounded up

  bool Meets(uint64_t wanted) const { return trace.value() + kPacket >= wanted; }

  void Look(uint64_t second, uint64_t wanted) {
    const uint64_t now = NowAt(second), value = trace.value();
    if (const uint64_t seen = NeedSeen(wanted); seen != 0) {
      peak_note(&need, now, seen, kHalfLife);
      needed_ns = now;
      Raise(now, neigh_queue_raised(value, seen, neigh_queue_ceiling(4 * kMemoryKib)));
    } else if (second % 30 == 0 && value > kFound && IsUnneeded(now)) {
      StepDown(now, std::max(uint64_t{peak_now(&need, now, kHalfLife)}, kFound), kFound);
    }
  }

 private:
  static constexpr uint64_t kFound = 212'992;
  static constexpr uint64_t kPacket = 2304;

  // Packets are put into the queue one by one; those it has no room for push others out.
  uint64_t NeedSeen(uint64_t wanted) const {
    const uint64_t fit = trace.value() / kPacket, come = wanted / kPacket;
    if (come <= fit) return 0;
    const neigh_queue_look full = {.bytes = static_cast<__u32>(fit * kPacket),
                                   .packets = static_cast<__u32>(fit),
                                   .limit = static_cast<__u32>(trace.value())};
    neigh_waiting waiting = {};
    for (uint64_t packet = fit; packet <= come; ++packet) neigh_queue_note(&waiting, &full);
    return waiting.lost != 0 ? neigh_queue_need(&waiting, &full) : 0;
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(NeighTable, LoopSuite, TableLoop);
INSTANTIATE_TYPED_TEST_SUITE_P(NeighQueue, LoopSuite, QueueLoop);

}  // namespace
}  // namespace bpftune::simulation
