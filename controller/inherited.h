// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What an earlier daemon has left in maps, brought up to date before this one tunes.

#include <cstddef>
#include <functional>
#include <vector>

#include "controller/applier.h"
#include "controller/description.h"

namespace bpftune {

// The keys of a map whose key is a state_key. An entry that goes meanwhile makes the kernel begin
// again: then some are there twice, and there is a limit to that.
std::vector<state_key> StateKeys(int map);

// Removes from a map the entries that do not `stay`.
void DropEntries(int map, const std::function<bool(const state_key&)>& stays);

// A value of the tuner with this number that is not what the earlier daemon wrote last was changed
// while no daemon was there to see: it is the administrator's. `keys` are those of MAP_PUBLISHED.
void YieldWhatChanged(const Description& tuner, uint16_t number, const std::vector<state_key>& keys,
                      const Applier::Edges& edges, Applier* applier);

}  // namespace bpftune
