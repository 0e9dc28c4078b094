// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What an earlier daemon has left in maps, brought up to date before this one tunes.

#include <vector>

#include "controller/applier.h"
#include "controller/description.h"

namespace bpftune {

// A value of the tuner with this number that is not what the earlier daemon wrote last was changed
// while no daemon was there to see: it is the administrator's. `keys` are those of MAP_PUBLISHED.
void YieldWhatChanged(const Description& tuner, uint16_t number, const std::vector<state_key>& keys,
                      const Applier::Edges& edges, Applier* applier);

}  // namespace bpftune
