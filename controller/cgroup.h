// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune {

// The root of the cgroup v2 hierarchy (inside a cgroup namespace: its root), where programs see
// every process. Found whether or not it is mounted: as a mount that no path leads to and that goes
// with the descriptor (Linux 5.2); where that is not permitted, at its place in the file system.
Result<UniqueFd> OpenCgroupRoot();

}  // namespace bpftune
