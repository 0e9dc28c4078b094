// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The one place that changes the system. Every sysctl write of the daemon goes through Apply(),
// which checks the request against the description, the owner, the value that is there now and the
// limits; remembers it in the undo journal; writes; reads back; checks the owner again; publishes;
// explains. The protocol with the sysctl watcher is modelled and checked in
// override_model_test.cc.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpf/common/request_abi.h"
#include "controller/description.h"
#include "controller/explain.h"
#include "controller/limits.h"
#include "controller/log.h"
#include "controller/summary.h"
#include "controller/sysctl_files.h"
#include "controller/tuning_state.h"
#include "controller/undo/undo_journal.h"

namespace bpftune {

// A request older than this was decided on a world that is gone.
inline constexpr uint64_t kStaleNs = 1'000'000'000;

// A tuner that has changed something so recently is about to change it again: it judges a raise
// within seconds, and goes on.
inline constexpr uint64_t kSeriesNs = 10'000'000'000;

// Whether what is decided is also done. The decision is the same.
enum class Mode {
  kAuto,
  kObserve,  // said, not done; the first for each tunable is the one that kAuto would do
};

class Applier {
 public:
  struct Edges {
    Actuator* actuator;
    TuningState* state;
    LogSink* log;
    Summary* summary;
    std::function<std::string(NetnsId)> name_of;  // for people
    std::function<uint64_t()> now_ns;             // CLOCK_MONOTONIC, as bpf_ktime_get_ns()
    Journal* journal = nullptr;                   // without one nothing is written
    std::function<bool()> is_frozen = {};         // none: never
    // Namespaces are born with its values of some tunables.
    NetnsId home = kNoNetns;
    Mode mode = Mode::kAuto;
  };

  explicit Applier(Edges edges, ChangeLimits limits = ChangeLimits())
      : edges_(std::move(edges)), limits_(std::move(limits)) {}

  // REQUEST_SET. Whatever becomes of it, the request is answered: its pending mark is cleared, and
  // a refusal is explained once and counted after that. `tuner` must outlive the next Explain().
  void Apply(const Description& tuner, const request& record);

  // Before a pulse of a tuner in the middle of a series of changes: looks at the place that it
  // changed last, and yields it if somebody else has changed it unseen, rather than at the next
  // request. That request then finds all it needs in the caches of the CPU, which 100 ms of rest
  // have emptied: decision_latency. About 35 us; nothing, when the last change is older.
  void LookAgain(const Description& tuner, uint16_t tuner_id);

  // REQUEST_NOTE: BPF has acted by itself.
  void Note(const Description& tuner, const request& record);

  // Says in the log what has been changed and noted since the last call. Apart from Apply(), so
  // that no request waits while the words for another are found.
  void Explain();

  // At start, for what the journal of a daemon before us says of a tunable in a namespace: a value
  // that is still the one written is ours again, with the baseline of then; another one is
  // somebody else's. (So it is too where the id is an inode number that another namespace has by
  // now: that one is left alone, which harms nobody.)
  void Resume(const Description& tuner, const state_key& key, const SysctlPlace& place,
              const Standing& standing);

  // Writes `record.wanted` over `record.seen`, our last write, by the same protocol, and publishes
  // nothing. EPERM: it is somebody else's.
  Status Restore(const Description& tuner, const request& record);

  // Hands the set to whoever changed the value without being seen: `current` is theirs.
  void Yield(const Description& tuner, const SysctlPlace& place, const state_key& key,
             const Tunable& tunable, const Values& current, const Values& ours);

 private:
  struct Case {  // one request on its way
    const Description& tuner;
    const Tunable& tunable;
    const Scenario& scenario;
    const request& record;
    SysctlPlace place;
    state_key key{};      // the tunable
    state_key set_key{};  // its feature set
    published done{};     // by us before; zeros: nothing
    Values current{};     // before our write
    Values wanted{};
    Values baseline{};  // before our first one

    uint64_t inode() const { return record.netns_inode; }
  };
  struct LastChange {
    state_key key;
    SysctlPlace place;
    uint64_t inode;
    uint64_t time_ns;
  };
  struct Unsaid {
    const Description* tuner;
    SysctlPlace place;
    const Tunable* tunable;
    const Scenario* scenario;
    request record;
    Values old_values;  // none: not a change, a note
    Values new_values;
    Outcome outcome;
  };

  Case CaseOf(const Description& tuner, const request& record) const;
  void Carry(Case& c);
  Status Check(const Case& c) const;
  Values Baseline(const Case& c) const;
  bool IsHeldBack(const Case& c);
  bool IsFrozen() const { return edges_.is_frozen && edges_.is_frozen(); }
  void Write(Case& c, uint64_t reclaimed);
  Status Remember(const Case& c);
  void Record(JournalRecord::Kind kind, const Case& c, const Values& after);
  bool MakesRoomForOwner(const Case& c);
  bool Reclaim(const Case& c, const owner& theirs);
  void CountRefusal(const Case& c);
  // Of what became of a case other than what its tuner has words for.
  DecisionRecord RecordOfCase(const Case& c, Outcome outcome) const;
  void SayRefused(const Case& c, const std::string& reason, bool is_trouble,
                  const std::string& line);
  void Refuse(const Case& c, const std::string& reason, const std::string& advice = "");
  void RefuseFailedWrite(const Case& c, const Error& error);
  Values Landed(const Case& c);
  static std::optional<Values> TheirsHere(const Case& c, const owner& theirs);
  void GiveWay(const Case& c, const Values& back);
  bool Withdraw(const Case& c, const owner& theirs);
  void Publish(const Case& c, const Values& written, uint64_t reclaimed);

  Edges edges_;
  ChangeLimits limits_;
  std::map<uint16_t, LastChange> last_changes_;  // by tuner
  std::vector<Unsaid> unsaid_;
  bool said_no_room_ = false;
};

}  // namespace bpftune
