// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/decision.h"

#include <algorithm>
#include <ctime>

namespace bpftune {

std::string_view NameOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kChanged:
      return "changed";
    case Outcome::kProposed:
      return "proposed";
    case Outcome::kNoted:
      return "noted";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kYielded:
      return "yielded";
    case Outcome::kPutBack:
      return "put back";
  }
  return "unknown";
}

uint64_t NewDecisionId(uint64_t realtime_ns) {
  static uint64_t last = 0;
  last = std::max(last + 1, realtime_ns / 1000);
  return last;
}

DecisionRecord NewRecord(Outcome outcome) {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  DecisionRecord out;
  out.time_ns =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  out.id = NewDecisionId(out.time_ns);
  out.outcome = outcome;
  return out;
}

}  // namespace bpftune
