// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// All tuners at work: what a directory holds, loaded, and made known to the sysctl watcher.

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/result.h"
#include "controller/shared_maps.h"
#include "controller/tuner.h"

namespace bpftune {

// A tuner that could not be loaded, and why.
struct LostTuner {
  std::string file;
  std::string why;
};

class TunerSet {
 public:
  // Loads the objects *.bpf.o of `directory`. A tuner that does not work is left out, and lost()
  // says why. Fails if there is none at all, and if none watches for the administrator's writes,
  // since then nobody could yield to them.
  static Result<TunerSet> Load(const std::string& directory, const SharedMaps& maps, Pins* pins,
                               const TunerFacts& facts);

  // One more, behind the others; null if it stands down. Fails, with the reason, if it does not
  // work, or if its name or one of its tunables is another's.
  Result<Tuner*> Add(const ObjectFile& file, const SharedMaps& maps, Pins* pins,
                     const TunerFacts& facts);
  // Detaches and unloads it; nothing is left of what it had under way. Not the watcher.
  void Remove(size_t index, const SharedMaps& maps);

  // Fails if one of these names, of --without-hook, is no program of all that were loaded or lost
  // so far: a typing error.
  Status CheckPrograms(const std::set<std::string>& named) const;

  // In the order of their files' names; later ones behind.
  const std::vector<std::unique_ptr<Tuner>>& tuners() const { return tuners_; }
  const std::vector<LostTuner>& lost() const { return lost_; }
  // Those with nothing to do on this kernel, by name, and why.
  const std::map<std::string, std::string>& stood_down() const { return stood_down_; }

  // Where among tuners() the one with this id is.
  std::optional<size_t> IndexOf(uint16_t id) const;

  // The one whose pulse carries out orders (bpf/common/state_abi.h); it has no beat.
  const Tuner& watcher() const { return *tuners_[watcher_]; }

  // Runs the program that walks this map. Fails if no tuner has one.
  Status Walk(const std::string& map) const;

 private:
  Status CheckAlone(const Description& description) const;

  std::vector<std::unique_ptr<Tuner>> tuners_;
  std::vector<LostTuner> lost_;
  std::map<std::string, std::string> stood_down_;
  std::set<std::string> programs_;  // of all
  size_t watcher_ = 0;
};

}  // namespace bpftune
