// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What was learned of remote hosts, from an entry of a pinned map (btf_values.h). Pure.

#include <optional>
#include <string>
#include <vector>

#include "tools/bpftunectl/json.h"

namespace bpftune::ctl {

// A map with these members is one of hosts.
inline const std::vector<std::string> kHostKey = {"netns", "prefix", "family"};
inline const std::vector<std::string> kHostValue = {"bandit", "control"};

// `names`: what the arms of the bandit are called; further ones have numbers. Nothing: the entry
// has other members than are known.
std::optional<Json> HostOf(const Json& entry, const std::vector<std::string>& names);

}  // namespace bpftune::ctl
