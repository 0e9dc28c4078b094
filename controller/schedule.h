// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// When the pulse of one tuner is due. Pure; times are CLOCK_MONOTONIC in ns.

#include <algorithm>
#include <cstdint>
#include <optional>

#include "bpf/common/state_abi.h"
#include "controller/event_sources.h"

namespace bpftune {

// When something that is to come every `period_ms` is due next. Beats of a second or more fall on
// whole seconds of the clock, a little early rather than late: so that several tuners, of which
// each beats once a second, wake the machine once a second and not once each.
inline uint64_t DueAfter(uint64_t now_ns, uint64_t period_ms) {
  const uint64_t due = now_ns + period_ms * kNsPerMs;
  return period_ms < 1000 ? due : due - due % kNsPerSecond;
}

class PulseSchedule {
 public:
  // A pulse that took `duration_ns` has ended; the tuner wants the next one after `period_ms` (0:
  // not before it is woken). Pulses take no more than 1 % of the time: the pause is at least 100
  // times the smoothed duration.
  void Ran(uint64_t now_ns, uint64_t duration_ns, uint32_t period_ms) {
    last_ns_ = now_ns;
    duration_ns_ =
        duration_ns_ == 0 ? duration_ns : duration_ns_ - duration_ns_ / 4 + duration_ns / 4;
    due_ns_.reset();
    if (period_ms != 0) due_ns_ = std::max(DueAfter(now_ns, period_ms), now_ns + least_pause_ns());
  }

  // An event asks for a pulse as soon as may be.
  void Wake(uint64_t now_ns) {
    const uint64_t soonest = last_ns_ == 0 ? now_ns : std::max(now_ns, last_ns_ + least_pause_ns());
    due_ns_ = std::min(due_ns_.value_or(soonest), soonest);
  }

  std::optional<uint64_t> due_ns() const { return due_ns_; }

 private:
  uint64_t least_pause_ns() const { return std::max(BEAT_MIN_MS * kNsPerMs, 100 * duration_ns_); }

  uint64_t last_ns_ = 0;
  uint64_t duration_ns_ = 0;
  std::optional<uint64_t> due_ns_;
};

}  // namespace bpftune
