// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What the BPF programs and maps of a process take: those that it holds a descriptor of, as
// /proc/PID/fdinfo lists them.

#include <linux/bpf.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "controller/result.h"

namespace bpftune::testing {

struct ProgramUsage {
  uint32_t id = 0;
  std::string name;  // as much as the kernel keeps
  uint32_t type = BPF_PROG_TYPE_UNSPEC;
  bool is_iterator = false;  // run by whoever reads the iterator: the process itself
  uint64_t runs = 0;         // counted only while BPF statistics are enabled
  uint64_t run_ns = 0;
  uint64_t bytes = 0;  // memory charged for it, and its machine code
};

struct MapUsage {
  uint32_t id = 0;
  std::string name;
  uint64_t bytes = 0;  // what the map itself takes now; storage of sockets is not in it
};

struct BpfUsage {
  std::vector<ProgramUsage> programs;
  std::vector<MapUsage> maps;

  uint64_t ProgramBytes() const;
  uint64_t MapBytes() const;
  // By the start of its name; null when there is none.
  const MapUsage* FindMap(const std::string& name) const;
};

// Fails when the process is gone or may not be looked at.
Result<BpfUsage> BpfUsageOf(pid_t pid);

// The first number behind `field` ("Pss:") in /proc/PID/`file`.
Result<uint64_t> ProcNumber(pid_t pid, const std::string& file, const std::string& field);

// Time that the (only) thread of the process has been on a CPU, user and system.
Result<uint64_t> CpuTimeNs(pid_t pid);

}  // namespace bpftune::testing
