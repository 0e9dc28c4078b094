// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Where in the file system a network namespace can be opened: at the processes and threads that
// are in it, and where it is bind-mounted. Used by the finder and the table. Nothing is entered,
// and nothing but directories opened, to make these lists: they keep no namespace alive.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune {

struct NetnsPlace {
  uint64_t inode = 0;
  std::string path;
  pid_t pid = 0;  // the process or thread; 0 for a mount
};

struct NetnsPlaces {
  std::vector<NetnsPlace> found;
  size_t not_read = 0;  // processes that we may not look at, and whatever was over the limit
};

// So much of a list is kept; about 2 MB of memory while it is looked at.
inline constexpr size_t kMaxNetnsPlaces = 16384;

// ... and of each namespace so many processes, or threads: the first may only be on its way
// through.
inline constexpr size_t kMostPlacesOfEach = 4;

// These fail if there is nothing to read them from: no /proc, no free descriptor.

// The first few processes of each namespace, by process number.
Result<NetnsPlaces> PlacesAtProcesses();

// The first few threads of each namespace in which a thread is, but not the first of its process.
// Looks at every thread of the machine: the last resort.
Result<NetnsPlaces> PlacesAtThreads();

// Every mount of a namespace that this mount namespace has, in the order they were made.
Result<NetnsPlaces> PlacesAtMounts();

// The same from the text of a /proc/PID/mountinfo.
NetnsPlaces ParseNetnsMounts(std::string_view mountinfo);

// Opens it, and makes sure that it still is the namespace with that inode number: a process number
// is used again, a mount is covered by another. ENOENT if it is not.
Result<UniqueFd> OpenPlace(const NetnsPlace& place);

}  // namespace bpftune
