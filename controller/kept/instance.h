// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What tells daemons on one machine apart: the namespaces they are confined to. What outlives a
// daemon (journal, lock, pinned maps) lies in a folder of that name.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune {

// "all", or "netns-" and 16 hexadecimal digits for a set of namespace ids.
std::string InstanceName(const std::set<uint64_t>& scope);

// The folder and those above it, mode 0700 where they are not there yet.
Status MakeDirectories(const std::string& directory);

// Makes sure that there is one daemon for this folder: locks the file `lock` in it, which holds the
// daemon's pid, for as long as the descriptor is open. The folder is made if need be. Fails with
// EWOULDBLOCK, naming the other's pid, if it is locked.
Result<UniqueFd> LockInstance(const std::string& directory);

// The ids of the namespaces that were given with --netns, as paths.
Result<std::set<uint64_t>> ScopeOf(const std::vector<std::string>& paths);

}  // namespace bpftune
