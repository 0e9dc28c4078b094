// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What a tuner object says about itself (bpf/common/tuner_abi.h), read and checked before anything
// of it is loaded. An object only asks; so everything it may later ask for is in here, and what
// does not check is refused with the name of the thing and what is wrong with it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/common/tuner_abi.h"
#include "controller/result.h"
#include "controller/sysctl_name.h"

struct bpf_object;

namespace bpftune {

struct Tunable {
  std::string name;    // "net.ipv4.tcp_rmem"
  std::string labels;  // "min default max"
  std::string set;
  uint16_t set_row = 0;  // first tunable of the same set
  uint32_t values = 0;
  bool per_netns = false;
  bool on_sockets = false;  // no sysctl: BPF sets it on sockets, and only notes it
  int64_t min = 0;
  int64_t max = 0;
};

struct Scenario {
  std::string id;
  std::string name;
  std::string description;
  std::string reason;
  std::string evidence;  // template, see Expand() in explain.h
};

struct Sample {
  tuner_sample_kind kind = SAMPLE_SYSCTL;
  std::string source;
  std::string field;
  uint32_t every_ms = 0;
};

struct Hook {
  std::string name;
  std::string loss;
  tuner_hook_kind kind = HOOK_EVENT;
  bool required = false;
  bool at_start = false;  // HOOK_VISIT: once in each namespace
  uint32_t period_ms = 0;
  std::vector<std::string> programs = {};  // NAME__..., the preferred one first
};

struct Strategy {
  std::string name;
  std::string description;
  uint32_t seconds = 0;  // until it is judged
  uint32_t hooks = 0;    // bit n: hook n belongs to it
};

struct Module {
  std::string name;  // "tcp_htcp"; of a closed list
  std::string loss;
};

// A clause of what the summary says about the tuner, see ReportOf() in explain.h.
struct Report {
  std::string text;
  std::array<uint8_t, TUNER_REPORT_COUNTERS> counters = {};  // rows, all of them there
};

struct Description {
  std::string name;
  std::string summary;
  std::vector<Tunable> tunables;
  std::vector<Scenario> scenarios;
  std::vector<Sample> samples;
  std::vector<std::string> counters;
  std::vector<Hook> hooks;
  std::vector<Strategy> strategies;
  std::vector<Module> modules;
  std::vector<Report> reports;
};

// From the bytes of section .rodata.tuner. Never reads outside `bytes`, whatever is in them.
Result<Description> ParseDescription(std::span<const std::byte> bytes);

// From an object that is open, not necessarily loaded. Checks too that the records in the object's
// BTF have our field names at our offsets, and that each hook has programs, which it lists.
Result<Description> ReadDescription(const bpf_object* object);

// The only slots a text may have. True for "tunable", "arg0" ...
bool IsKnownSlot(std::string_view slot);

}  // namespace bpftune
