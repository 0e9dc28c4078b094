// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The one place that changes the system. Every sysctl write of the daemon goes through Apply(),
// which checks the request against the description, the owner and the value that is there now;
// writes; reads back; checks the owner again; publishes; explains. The protocol with the sysctl
// watcher is design.md section 3, modelled and checked in override_model_test.cc.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bpf/common/request_abi.h"
#include "controller/description.h"
#include "controller/explain.h"
#include "controller/log.h"
#include "controller/summary.h"
#include "controller/sysctl_files.h"
#include "controller/tuning_state.h"

namespace bpftune {

// A request older than this was decided on a world that is gone.
inline constexpr uint64_t kStaleNs = 1'000'000'000;

class Applier {
 public:
  struct Edges {
    Actuator* actuator;
    TuningState* state;
    LogSink* log;
    Summary* summary;
    std::function<std::string(NetnsId)> name_of;  // for people
    std::function<uint64_t()> now_ns;             // CLOCK_MONOTONIC, as bpf_ktime_get_ns()
  };

  explicit Applier(Edges edges) : edges_(std::move(edges)) {}

  // REQUEST_SET. Whatever becomes of it, the request is answered: its pending mark is cleared, and
  // a refusal is explained once and counted after that. `tuner` must outlive the next Explain().
  void Apply(const Description& tuner, const request& record);

  // REQUEST_NOTE: BPF has acted by itself.
  void Note(const Description& tuner, const request& record);

  // Says in the log what has been changed and noted since the last call. Apart from Apply(), so
  // that no request waits while the words for another are found.
  void Explain();

  // Hands the set to whoever changed the value without being seen: `current` is theirs.
  void Yield(const Description& tuner, const SysctlPlace& place, const state_key& key,
             const Tunable& tunable, const Values& current, const Values& ours);

 private:
  struct Case;  // one request on its way
  struct Unsaid {
    SysctlPlace place;
    const Tunable* tunable;
    const Scenario* scenario;
    request record;
    Values old_values;  // none: not a change, a note
    Values new_values;
  };

  void Carry(Case& c);
  Status Check(const Case& c) const;
  void Refuse(const Case& c, const std::string& reason, const std::string& advice = "");
  void RefuseFailedWrite(const Case& c, const Error& error);
  void GiveWay(const Case& c, const Values& back);
  bool Withdraw(const Case& c, const owner& theirs);
  void Publish(const Case& c, const Values& written, uint64_t reclaimed);

  Edges edges_;
  std::vector<Unsaid> unsaid_;
};

}  // namespace bpftune
