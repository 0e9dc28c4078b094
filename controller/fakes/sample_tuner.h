// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A tuner to test with. It describes one tunable of each kind: of three values and of one, of each
// namespace and of the whole kernel, and two that are yielded together.

#include <ostream>

#include "controller/description.h"
#include "controller/values.h"

namespace bpftune {

enum SampleRow : uint16_t { kRmem, kBacklog, kWmem, kSampleRows };
enum SampleScenario : uint16_t { kIncrease, kDecrease };

inline Description SampleTuner() {
  Description out;
  out.name = "sample";
  out.summary = "to test with";
  out.tunables = {
      {.name = "net.ipv4.tcp_rmem",
       .labels = "min default max",
       .set = "buffers",
       .set_row = kRmem,
       .values = 3,
       .per_netns = true,
       .min = 4096,
       .max = 1 << 30},
      {.name = "net.core.netdev_max_backlog",
       .labels = "packets",
       .set = "backlog",
       .set_row = kBacklog,
       .values = 1,
       .per_netns = false,
       .min = 100,
       .max = 100'000},
      {.name = "net.ipv4.tcp_wmem",
       .labels = "min default max",
       .set = "buffers",
       .set_row = kRmem,
       .values = 3,
       .per_netns = true,
       .min = 4096,
       .max = 1 << 30},
  };
  out.scenarios = {
      {.id = "WINDOW_LIMITED",
       .name = "need to increase TCP buffer size(s)",
       .description = "Need to increase buffer size(s) to maximize throughput",
       .reason = "need to increase max buffer size to maximize throughput",
       .evidence = "The window of {peer} is full: {arg0} kbit/s."},
      {.id = "NOT_NEEDED",
       .name = "need to decrease TCP buffer size(s)",
       .description = "Nothing has needed it for a long time",
       .reason = "nothing needing it",
       .evidence = "For {arg0} s nothing needed {tunable} ({old}, now {new})."},
  };
  return out;
}

inline Values Three(int64_t a, int64_t b, int64_t c) { return {.number = {a, b, c}, .count = 3}; }
inline Values One(int64_t a) { return {.number = {a, 0, 0}, .count = 1}; }
inline Values Two(int64_t a, int64_t b) { return {.number = {a, b, 0}, .count = 2}; }

// For GoogleTest's messages.
inline void PrintTo(const Values& values, std::ostream* out) {
  *out << '(' << values.Text() << ')';
}

}  // namespace bpftune
