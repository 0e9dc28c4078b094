// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Which of its strategies a tuner follows (bpf/common/tuner_abi.h). When the time of one is up and
// it was judged in that time, the next is one that was never tried, then the one with the highest
// score. The scores are BPF's; that comparison is all that is decided here.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controller/log.h"
#include "controller/result.h"
#include "controller/shared_maps.h"
#include "controller/tuner.h"

namespace bpftune {

// What is known of a strategy.
struct StrategyRecord {
  bool works = true;                  // its hooks can be attached
  bool tried = false;                 // it has run for its time, and was judged
  std::optional<int64_t> score = {};  // none: never judged
  uint64_t judged = 0;                // how often
};

// The row to follow next; nothing if none works. The first that was not tried; else the highest
// score, where no score is the lowest, and `now` wins among equals. Pure.
std::optional<size_t> ChooseStrategy(const std::vector<StrategyRecord>& records, size_t now);

class StrategyClock {
 public:
  // Follows the first strategy that works. What is left out is said in the log. Without strategies
  // nothing is ever due. All three must outlive this.
  void Start(Tuner* tuner, const SharedMaps* maps, LogSink* log, uint64_t now_ns);

  // If the time is up and there is something to go by, chooses anew, and says why if it is another.
  // True if it is. Nothing changes without a pulse, so this is no reason to wake up.
  bool Check(uint64_t now_ns);

 private:
  const Strategy& strategy(size_t row) const { return tuner_->description().strategies[row]; }
  void ReadScores();
  bool FollowBest(uint64_t now_ns);
  bool Follow(size_t row, uint64_t now_ns);
  void LeaveOut(size_t row, const std::string& why);
  std::string WhyChosenOver(size_t before) const;

  Tuner* tuner_ = nullptr;
  const SharedMaps* maps_ = nullptr;
  LogSink* log_ = nullptr;
  std::vector<StrategyRecord> records_;  // beside the strategies
  size_t now_ = 0;
  uint64_t judged_before_ = 0;      // the one that runs, when it began to
  std::optional<uint64_t> due_ns_;  // CLOCK_MONOTONIC; nothing: never
};

}  // namespace bpftune
