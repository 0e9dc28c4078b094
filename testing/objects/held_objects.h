// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The BPF objects that one process holds, as /proc/PID/fdinfo tells; so a test judges the daemon it
// started, whatever else runs on the machine.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune::testing {

struct HeldObjects {
  std::vector<uint32_t> programs;  // ids, as bpftool shows them
  std::vector<uint32_t> links;
  std::vector<uint32_t> maps;

  static Result<HeldObjects> Of(pid_t pid);

  // Descriptors on the program by which a hook runs, and on the link by which that is attached.
  Result<UniqueFd> ProgramOf(const std::string& hook) const;
  Result<UniqueFd> LinkOf(const std::string& hook) const;
  // ... on the map of that name (cut to 15 characters, as the kernel does).
  Result<UniqueFd> Map(const std::string& name) const;

  // What of it the kernel still has: "program 17 'flow__sockops'", "link 4". Empty: nothing.
  std::vector<std::string> StillThere() const;
};

}  // namespace bpftune::testing
