// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What outlives the daemon: maps pinned in a folder of its instance on a BPF file system, and
// beside them the map `layout` (bpf/common/state_abi.h), which says what is in them and which
// tuner has which number. What another version has left in another layout is removed, never read.
// Programs, links and socket storage are not pinned: they go with the daemon. What bpftunectl reads
// but no daemon takes over is pinned beside them, and replaced by the next daemon.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bpf/common/state_abi.h"
#include "controller/kept/map_form.h"
#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune {

// What the map `layout` says, by name.
using LayoutEntries = std::map<std::string, layout_entry>;

// Why it cannot be used: it is of another version, or tuners have numbers that cannot be. Empty: it
// can. Pure.
std::string WhyUnusable(const LayoutEntries& entries);

// What the map `layout` says; of an open one.
LayoutEntries ReadLayout(int layout);

// Under which name a map of a tuner is pinned.
std::string PinOf(const std::string& tuner, const std::string& map);
// ... and what the tuner says of itself (the bytes of TUNER_SECTION).
inline constexpr char kDescriptionMap[] = "description";
// Names in the layout that are tuners begin so.
inline constexpr char kTunerPrefix[] = "tuner ";

class Pins {
 public:
  // Keeps nothing; gives numbers all the same.
  Pins() = default;
  // Likewise, beside those that tuners have by `entries`, which can be used.
  explicit Pins(LayoutEntries entries) : entries_(std::move(entries)) {}

  // Makes the folder if need be. Fails, with what to do, if it is on no BPF file system or somebody
  // else may write in it.
  static Result<Pins> Open(const std::string& directory);

  // The map pinned under this name, if it has this form and this layout; else none, and whatever
  // is there is removed.
  UniqueFd Take(const std::string& name, const MapForm& form, uint64_t layout);
  // Pins a map under that name. What goes wrong is among the news.
  void Keep(const std::string& name, int map, uint64_t layout);
  // Pins it for others to read, in place of that of the daemon before; none takes it over. It may
  // fail: whoever reads it finds nothing then.
  void Show(const std::string& name, int map);

  // The number of a tuner in keys (state_key): the one it had, else one that is free. If its rows
  // have another meaning now, it gets a new one, and the old one is nobody's.
  Result<uint16_t> NumberOf(const std::string& tuner, uint64_t rows);
  // Some tuner has this number, loaded or not.
  bool IsNumber(uint16_t number) const;

  // What an administrator should know: one line each. Forgotten by the call.
  std::vector<std::string> TakeNews();

 private:
  std::string PathOf(const std::string& name) const { return directory_ + "/" + name; }
  std::string Read();
  Status StartAfresh();
  bool Note(const std::string& name, const layout_entry& entry);
  void GiveUp(const Error& why);

  std::string directory_;  // empty: nothing is kept
  UniqueFd layout_;
  LayoutEntries entries_;       // the same as in the map
  std::set<uint16_t> retired_;  // numbers that were taken away
  std::vector<std::string> news_;
};

}  // namespace bpftune
