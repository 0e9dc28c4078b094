// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The maps that all tuners share (bpf/common/state_abi.h). Made here once and given to every
// object before it is loaded.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bpf/common/state_abi.h"
#include "controller/kept/pins.h"
#include "controller/result.h"
#include "controller/unique_fd.h"

struct bpf_object;

namespace bpftune {

class SharedMaps {
 public:
  // Those that outlive a daemon are taken over from the one before, where `pins` has them.
  static Result<SharedMaps> Create(Pins* pins);

  // Makes the object use these maps wherever it declares one of their names. Fails, naming the
  // map, if it declares it differently.
  Status GiveTo(bpf_object* object) const;

  // Those whose key is a struct state_key.
  std::vector<int> StateMaps() const;
  // `name` is one of the MAP_ names.
  int fd(const std::string& name) const { return maps_.at(name).get(); }

 private:
  std::map<std::string, UniqueFd> maps_;
};

// The keys of a map whose key is a state_key. An entry that goes meanwhile makes the kernel begin
// again: then some are there twice, and there is a limit to that.
std::vector<state_key> StateKeys(int map);

// Removes from a map the entries that do not `stay`.
void DropEntries(int map, const std::function<bool(const state_key&)>& stays);

}  // namespace bpftune
