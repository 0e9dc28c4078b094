// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// One decision, with all that is known of it: what the log, the journal and the history have of it
// are three views of this record. The applier makes them, and the overrides and the way back, which
// find out that a value is somebody else's or put one back.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "controller/values.h"

namespace bpftune {

// What became of it. The numbers and the names are for good: they are in files and in scripts.
enum class Outcome : uint16_t {
  kChanged = 1,   // a sysctl was written
  kProposed = 2,  // would have been, in a dry run
  kNoted = 3,     // BPF has acted by itself, on a socket
  kRefused = 4,   // not done; `reason` says why
  kYielded = 5,   // somebody else wrote it: it is theirs
  kPutBack = 6,   // what was there before us is there again
};

// "changed", "proposed" ...
std::string_view NameOf(Outcome outcome);

struct DecisionRecord {
  uint64_t id = 0;       // NewDecisionId()
  uint64_t time_ns = 0;  // CLOCK_REALTIME
  Outcome outcome = Outcome::kChanged;
  bool is_trouble = false;  // a warning: somebody should do something about it
  std::string tuner;
  std::string tunable;     // "net.ipv4.tcp_rmem"
  std::string scenario;    // "RECEIVE_WINDOW_LIMITED"; empty: of none
  uint64_t netns = 0;      // id; 0: the tunable is the machine's
  std::string netns_name;  // for people: "global ns", "netns 'blue' (id 4711)"
  Values old_values;       // no numbers: of no sysctl
  Values new_values;
  std::array<uint64_t, 4> evidence{};
  std::string peer;                // "192.0.2.1"; empty: there is none
  uint32_t pid = 0;                // kYielded: who wrote; 0: not known
  std::string comm;                // ... and what the process calls itself: any bytes
  std::string reason;              // kRefused
  std::vector<std::string> lines;  // the words
};

// Larger than every one before it, of this daemon and of those before it on this machine, unless
// the clock was set back: microseconds since 1970.
uint64_t NewDecisionId(uint64_t realtime_ns);

// With an id and the time of now.
DecisionRecord NewRecord(Outcome outcome);

}  // namespace bpftune
