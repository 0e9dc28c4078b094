// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The daemon: loads the tuners it finds, and runs one loop that gives each its pulse, carries
// requests from the ring to the applier, and looks again at reported overrides. One thread; it
// sleeps until something is due.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/applier.h"
#include "controller/bpf_handles.h"
#include "controller/freeze.h"
#include "controller/further_objects.h"
#include "controller/kept/pins.h"
#include "controller/kept/starts.h"
#include "controller/log.h"
#include "controller/netns_reaper.h"
#include "controller/options.h"
#include "controller/overrides.h"
#include "controller/result.h"
#include "controller/sampler.h"
#include "controller/schedule.h"
#include "controller/service_manager.h"
#include "controller/shared_maps.h"
#include "controller/strategy.h"
#include "controller/summary.h"
#include "controller/sysctl_files.h"
#include "controller/tuner_set.h"
#include "controller/tuning_state.h"
#include "controller/undo/undo_journal.h"
#include "controller/unique_fd.h"
#include "netns/netns_finder.h"
#include "netns/netns_table.h"

namespace bpftune {

class Daemon {
 public:
  // Loads and attaches everything. A tuner that does not work is left out, and tuners() says so;
  // without a sysctl watcher there is no daemon, since it could not yield to an administrator.
  // `log` must outlive the daemon.
  static Result<std::unique_ptr<Daemon>> Start(const Options& options, LogSink* log);

  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  const TunerSet& tuners() const { return tuners_; }

  // Until SIGTERM or SIGINT. Fails only if the loop itself does.
  Status Run();

  // Puts back what nobody else has changed since, and says so; unless all is frozen.
  void Rollback();

  // What was done and seen so far.
  std::vector<std::string> SummaryLines() const;

 private:
  struct Clock {
    PulseSchedule pulse;
    StrategyClock strategy;
    std::vector<uint64_t> periodic_due_ns;  // a hook each; 0: not periodic
    uint32_t samples = 0;                   // that the tuner asks for (beat.samples)
  };
  struct Visit {
    uint16_t tuner;  // its number
    NetnsId netns;
    uint64_t inode;
  };

  struct Row {
    const Tuner* tuner;
    uint16_t row;
  };
  struct Holdings {
    std::unique_ptr<LogSink> log;
    UniqueFd signals;
    UniqueFd lock;
    std::set<uint64_t> scope;
    std::unique_ptr<UndoJournal> journal;
    Starts starts;
    Pins pins;
    SharedMaps maps;
  };

  Daemon(const Options& options, LogSink* log, NetnsId home, Holdings holdings);

  Applier::Edges MakeEdges();
  Status Prepare(const Options& options);
  Status TellScope();
  Status LoadTuners(const Options& options);
  void KeepPauses();
  // What it decides is done too, unless it is frozen.
  bool Acts() const { return journal_ && mode_ == Mode::kAuto; }
  bool LetObjectsAct();
  std::string StatusLine() const;
  ModuleUse UseOfModules() const;
  void StartClock(Tuner* tuner);
  void Inherit();
  Row RowOf(const std::string& tunable) const;
  void Resume();
  Status Restore(const SysctlPlace& place, uint64_t inode, const Values& current,
                 const Values& back);
  void LookForObjects();
  Status Load(const ObjectFile& file);
  void Unload(const std::string& path);

  static int OnRecord(void* self, void* data, size_t size);
  void Handle(const request& record);
  bool InScope(uint64_t netns) const;
  void KeepOut(const Description& tuner, const request& record);
  void Consume();
  void Drain();
  void RunDue(uint64_t now_ns);
  void RunPulse(size_t index, uint64_t now_ns);
  Status RunVisit(const Visit& visit);
  std::vector<int> StateMaps() const;
  void Reap(uint64_t now_ns);
  void Reaped(const Result<size_t>& forgotten);
  Status PlanFirstVisits(uint64_t now_ns);
  void RunFirstVisit(uint64_t now_ns);
  uint64_t NextDue() const;
  bool TakeSignal();

  std::unique_ptr<LogSink> own_log_;  // none where nothing is remembered
  LogSink* log_;
  UniqueFd lock_;
  UniqueFd signals_;
  Mode mode_;
  std::unique_ptr<UndoJournal> journal_;  // none where nothing is written
  std::unique_ptr<Freeze> freeze_;        // likewise
  std::optional<bool> objects_frozen_;    // as they were told last
  Pins pins_;
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
  NetnsReaper reaper_;
  UniqueFd cgroup_;  // the tuners attach to it
  TunerFacts facts_;
  TunerSet tuners_;
  FurtherObjects further_;
  std::map<std::string, uint16_t> further_ids_;  // tuners of further_, by path
  std::set<std::string> enabled_;                // names of those that may act
  std::vector<Clock> clocks_;                    // beside tuners_
  std::vector<Visit> visits_;
  std::vector<Visit> first_visits_;  // one after the other, from the end
  uint64_t first_visit_due_ns_ = 0;
  RingBufferPtr ring_;
  uint64_t unknown_records_ = 0;
  ServiceManager service_;
  uint64_t settled_due_ns_ = 0;
  Starts starts_;  // goes first: what comes after does not make the end a death
};

}  // namespace bpftune
