// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The daemon: loads the tuners it finds, and runs one loop that gives each its pulse, carries
// requests from the ring to the applier, and looks again at reported overrides. One thread; it
// sleeps until something is due.

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controller/applier.h"
#include "controller/bpf_handles.h"
#include "controller/log.h"
#include "controller/options.h"
#include "controller/overrides.h"
#include "controller/result.h"
#include "controller/sampler.h"
#include "controller/schedule.h"
#include "controller/shared_maps.h"
#include "controller/summary.h"
#include "controller/support.h"
#include "controller/sysctl_files.h"
#include "controller/tuner_set.h"
#include "controller/tuning_state.h"
#include "controller/unique_fd.h"
#include "netns/netns_finder.h"
#include "netns/netns_table.h"

namespace bpftune {

class Daemon {
 public:
  // Loads and attaches everything. A tuner that does not work is left out, and SupportTable() says
  // so; without a sysctl watcher there is no daemon, since it could not yield to an administrator.
  // `log` must outlive the daemon.
  static Result<std::unique_ptr<Daemon>> Start(const Options& options, LogSink* log);

  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  std::vector<std::string> Support() const {
    return SupportLines(tuners_.tuners(), tuners_.lost(), kind_);
  }
  std::vector<std::string> SupportTable() const {
    return HookTable(tuners_.tuners(), tuners_.lost());
  }

  // Until SIGTERM or SIGINT. Fails only if the loop itself does.
  Status Run();

  // What was done and seen so far.
  std::vector<std::string> SummaryLines() const;

 private:
  struct Clock {
    PulseSchedule pulse;
    std::vector<uint64_t> periodic_due_ns;  // a hook each; 0: not periodic
  };
  struct Visit {
    uint16_t tuner;
    NetnsId netns;
    uint64_t inode;
  };

  Daemon(LogSink* log, NetnsId home, SharedMaps maps, UniqueFd signals);

  Applier::Edges MakeEdges();
  Status Prepare(const Options& options);
  Status Confine(const std::vector<std::string>& paths);
  Status LoadTuners(const Options& options);

  static int OnRecord(void* self, void* data, size_t size);
  void Handle(const request& record);
  bool InScope(uint64_t netns) const;
  void KeepOut(const request& record);
  void Consume();
  void Drain();
  void RunDue(uint64_t now_ns);
  void RunPulse(size_t index, uint64_t now_ns);
  Status RunVisit(const Visit& visit);
  Status PlanFirstVisits(uint64_t now_ns);
  void RunFirstVisit(uint64_t now_ns);
  uint64_t NextDue() const;

  LogSink* log_;
  UniqueFd signals_;
  SharedMaps maps_;
  NetnsIdKind kind_;
  NetnsFinder finder_;
  NetnsTable names_;
  NetnsId home_;
  std::set<uint64_t> scope_;  // namespaces it is confined to; empty: all
  SysctlFiles files_;
  MapState state_;
  Sampler sampler_;
  Summary summary_;
  Applier applier_;
  Overrides overrides_;
  TunerSet tuners_;
  std::vector<Clock> clocks_;  // beside tuners_
  std::vector<Visit> visits_;
  std::vector<Visit> first_visits_;  // one after the other, from the end
  uint64_t first_visit_due_ns_ = 0;
  RingBufferPtr ring_;
  uint64_t unknown_records_ = 0;
};

}  // namespace bpftune
