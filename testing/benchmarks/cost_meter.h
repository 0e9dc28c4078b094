// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What the daemon costs the machine: the time of its BPF programs, plus its own CPU time. The
// pulse's programs run within the daemon's system calls, so their time is in its CPU time and
// counted once. Not in it: what the kernel does around a program (a few ns), and freeing a
// connection's storage; the rates with and without the daemon show those.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "controller/result.h"
#include "controller/unique_fd.h"
#include "testing/benchmarks/bpf_usage.h"
#include "testing/netns_harness/host.h"

namespace bpftune::testing {

// What an empty program of each kind shows while statistics are on.
struct StatisticsCost {
  double sockops_ns = 0;
  double tracing_ns = 0;
  double iterator_ns = 0;

  double Of(const ProgramUsage& program) const;
};

// From traffic on the loopback device of `host`.
Result<StatisticsCost> MeasureStatistics(const Host& host);

// Of some stretch of time; the statistics' own cost is taken off.
struct Cost {
  struct Program {
    std::string name;
    bool is_iterator;
    uint64_t runs;
    double ns;
  };
  double seconds = 0;
  uint64_t event_runs = 0;  // of programs that the kernel runs
  double event_ns = 0;
  double daemon_ns = 0;  // CPU time of the daemon, its pulse's programs included
  std::vector<Program> programs;

  double TotalNs() const { return event_ns + daemon_ns; }
  double PercentOfCore() const { return seconds > 0 ? TotalNs() / seconds / 1e7 : 0; }
};

// Statistics are on while it lives.
class CostMeter {
 public:
  static Result<CostMeter> Start(pid_t daemon, const StatisticsCost& statistics);

  // Since the last call, or the start.
  Result<Cost> Lap();

 private:
  struct Moment {
    double at_s = 0;
    uint64_t cpu_ns = 0;
    BpfUsage usage;
  };

  CostMeter(pid_t daemon, const StatisticsCost& statistics, UniqueFd enabled)
      : daemon_(daemon), statistics_(statistics), enabled_(std::move(enabled)) {}
  Result<Moment> Now() const;

  pid_t daemon_;
  StatisticsCost statistics_;
  UniqueFd enabled_;
  Moment last_;
};

}  // namespace bpftune::testing
