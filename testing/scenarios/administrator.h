// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The administrator: a process of its own that writes a sysctl; and what the daemon says of
// tunables in one namespace.

#include <sys/types.h>

#include <chrono>
#include <string>

#include "controller/result.h"
#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/host.h"

namespace bpftune::testing {

inline constexpr char kAdministratorName[] = "admin";  // of the process

struct AdministratorWrite {
  pid_t pid = 0;
  int error = 0;  // errno of the write; 0: the kernel took it
};

// In the namespace of `host`, by open and write, like sysctl(8). Fails if it could not be tried.
Result<AdministratorWrite> Administrate(const Host& host, const std::string& tunable,
                                        const std::string& text);
// By a process in the namespace of `host`, through a descriptor that may belong to another.
Result<AdministratorWrite> AdministrateThrough(int sysctl, const Host& host,
                                               const std::string& text);

// A descriptor on the tunable of that host, for writing.
Result<UniqueFd> OpenSysctl(const Host& host, const std::string& tunable);

// An expression for the line that goes before a change of the tunable in the namespace of `host`;
// captures the id of the namespace.
std::string OccurredIn(const Host& host, const std::string& tunable);
// ... for the line that says that this value was somebody's write.
std::string ModifiedIn(const Host& host, const std::string& tunable);

// Waits until the summary so far has such a line.
bool WaitForSummary(Daemon& daemon, const std::string& pattern, std::chrono::milliseconds timeout);

}  // namespace bpftune::testing
