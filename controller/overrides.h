// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What the sysctl watcher reports (REQUEST_OVERRIDE), looked at again. The watcher runs before the
// kernel's handler, so the set is the administrator's from that instant; but the write may have
// failed, or gone to another namespace through a descriptor held open. A little later the value
// tells: if it is the one written, the override is said in the log; if after a second it still is
// what it was, the set is given back. Changes nothing itself.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "controller/applier.h"

namespace bpftune {

class Overrides {
 public:
  // More reports than this at once (sysctl --system writes a handful) are taken as confirmed.
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
  };

  // False: look again later.
  bool Settle(const Open& open);
  void Say(const Open& open);

  Applier::Edges edges_;
  std::deque<Open> open_;
};

}  // namespace bpftune
