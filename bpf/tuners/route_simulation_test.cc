// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// The loop that route closes over max_size: a namespace whose routes are refused beyond it, and the
// decisions of route.bpf.c in the same order.

#include <algorithm>
#include <cstdint>

#include "bpf/tuners/route_logic.h"
#include "testing/simulation/loop_suite.h"

namespace bpftune::simulation {
namespace {

constexpr uint64_t kFound = 4096;
constexpr uint64_t kUnneeded = 600 * kSecond;  // the cfg_ values of the tuner
constexpr uint64_t kHalfLife = 600 * kSecond;
constexpr uint64_t kHorizon = 3600 * kSecond;
constexpr uint64_t kAvailableKb = 8ULL << 20;

class RouteLoop {
 public:
  static constexpr uint64_t kHigh = 50'000;
  static constexpr uint64_t kMostPercent = 250;  // twice, or a quarter above what nearly was

  bool Meets(uint64_t wanted) const { return trace.value() >= wanted; }

  void Look(uint64_t second, uint64_t wanted) {
    const route_look look = {.now_ns = NowAt(second),
                             .entries = std::min(wanted, trace.value()),
                             .max_size = trace.value(),
                             .gc_thresh = trace.value() >> ROUTE_THRESH_SHIFT};
    if (!route_is_many(&look) && second % 30 != 0) return;  // BEAT_KEEP_MS
    route_note(&room_, &look, kHalfLife);
    if (route_need(&look) > look.max_size) {
      const uint64_t target = route_raised(&look, route_ceiling(kAvailableKb));
      if (target == 0) return;
      learning_step_move(&room_.step, look.now_ns, 1, kHorizon);
      patience_note_raised(&room_.patience, look.now_ns);
      trace.Set(target);
    } else if (trace.value() > kFound) {
      learning_step step;
      const uint64_t target =
          route_lowered(&room_, &look, kFound, kUnneeded, kHalfLife, kHorizon, &step);
      if (target == 0) return;
      room_.step = step;
      patience_note_lowered(&room_.patience, look.now_ns);
      trace.Set(target);
    }
  }

  Trace trace{kFound};

 private:
  route_room room_ = {};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Route, LoopSuite, RouteLoop);

}  // namespace
}  // namespace bpftune::simulation
