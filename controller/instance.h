// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What tells daemons on one machine apart: the namespaces they are confined to. What outlives a
// daemon (journal, lock, pinned maps) lies in a folder of that name.

#include <cstdint>
#include <set>
#include <string>

namespace bpftune {

// "all", or "netns-" and 16 hexadecimal digits for a set of namespace ids.
std::string InstanceName(const std::set<uint64_t>& scope);

}  // namespace bpftune
