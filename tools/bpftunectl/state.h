// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// All that one bpftune has left to read, running or not: read once, then only looked at. The maps
// are those that controller/kept/pins.h pins, the files those beside its lock.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpf/common/state_abi.h"
#include "controller/description.h"
#include "controller/result.h"
#include "controller/undo/undo_journal.h"
#include "tools/bpftunectl/command_line.h"
#include "tools/bpftunectl/process.h"

namespace bpftune::ctl {

struct TunerView {
  std::string name;
  std::optional<uint16_t> number;                  // in keys; none: it was never loaded
  std::shared_ptr<const Description> description;  // none: neither pinned nor in the directory
  tuner_control control = {};
  std::vector<uint64_t> counts;  // beside description->counters; empty: not known
  active_strategy active = {};
  std::vector<score> scores;  // beside description->strategies
};

struct PublishedEntry {
  state_key key;
  published value;
};
struct OwnerEntry {
  state_key key;
  owner value;
};
struct NamespaceEntry {
  uint64_t id;
  uint64_t first_ns;
};

struct State {
  std::string instance;  // "all", "netns-..."
  std::string folder;    // of its files
  std::string pins;      // of its maps
  DaemonProcess daemon;
  bool has_pins = false;
  bool frozen = false;     // by the file
  uint32_t deaths = 0;     // quick ones in a row
  tuner_control all = {};  // for all tuners
  std::vector<TunerView> tuners;
  std::vector<PublishedEntry> published;
  std::vector<OwnerEntry> owners;
  std::vector<NamespaceEntry> namespaces;
  uint64_t oldest_pending_ns = 0;    // when the request was made that waits longest; 0: none
  Standings standings;               // of the undo journal
  std::vector<std::string> support;  // lines of `bpftune -S`, as it started
  uint64_t now_ns = 0;               // CLOCK_MONOTONIC, as times in the maps are
  int64_t now_s = 0;                 // since 1970

  const TunerView* TunerOf(uint16_t number) const;
  // Seconds since 1970 of a time in a map; 0 of none.
  int64_t TimeOf(uint64_t monotonic_ns) const;
  // A daemon that runs does not answer what its tuners ask.
  bool hangs() const;
};

// Chooses the instance that the command line names; else the only one there is, or "all". Fails:
// ENOENT, no bpftune has left anything; EACCES and EPERM, this user may not read it; EINVAL, there
// are several, and which they are.
Result<State> ReadState(const CommandLine& line);

// The tuners of which an object is in the directory; what is no object of a tuner is left out.
std::vector<Description> DescriptionsIn(const std::string& directory);

}  // namespace bpftune::ctl
