// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What the sysctl watcher reports (REQUEST_OVERRIDE), looked at again. The watcher runs before the
// kernel's handler, so the set is the administrator's from that instant; but the write may have
// failed, or gone to another namespace through a descriptor held open. A little later the value
// tells: if it is the one written, the override is said in the log; if after a second it still is
// what it was, the set is as if nobody had written: given back, unless it was the administrator's
// already. What one process has written at once (`sysctl --system`) is one line; what it writes
// again every second, to what it has been given, is none. Changes nothing itself.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "controller/applier.h"

namespace bpftune {

class Overrides {
 public:
  // Tunables looked at at the same time; a report of one more is taken as confirmed.
  static constexpr size_t kMostOpen = 256;

  explicit Overrides(Applier::Edges edges) : edges_(std::move(edges)) {}

  // `tuner` must outlive this, or be forgotten.
  void Report(const Description& tuner, const request& record);

  // What is open for this tuner is not looked at any more.
  void Forget(const Description& tuner);

  // Looks at what is due.
  void Check();
  // When Check() is due next (CLOCK_MONOTONIC); nothing: not until a report.
  std::optional<uint64_t> due_ns() const;

 private:
  struct Open {
    const Description* tuner;
    request record;
    uint64_t first_ns;
    uint64_t due_ns;
    bool was_theirs;  // the set was, before this write
  };
  enum class Verdict { kTheirs, kNothing, kLater };

  Verdict Settle(const Open& open);
  Verdict SettleUnremembered(const Open& open);
  // The kernel has not taken the last write.
  void Undo(const Open& open, const owner& owner);
  void Release(const Open& open);
  // A write of this set has taken effect: whatever others come to, it is theirs.
  void BelongsToThem(const Open& open);
  void SayWhatIsComplete();
  // It was somebody else's before, and said to be. From now on it is.
  bool WasSaid(const Open& open);
  DecisionRecord RecordOfOpen(const Open& open) const;
  // One process, one namespace.
  void Say(std::vector<Open> group);

  Applier::Edges edges_;
  std::deque<Open> open_;     // one a tunable, the last
  std::vector<Open> theirs_;  // not said yet
  // What was said of a tunable in a namespace: numbers of its owner.
  struct Said {
    uint64_t reclaimed;
    uint64_t generation;
  };
  std::map<std::tuple<uint64_t, uint16_t, uint16_t, uint32_t>, Said> said_;
};

}  // namespace bpftune
