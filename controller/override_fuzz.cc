// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Any bytes for what the sysctl watcher reports, one record after the other, each behind a byte
// that says how much time passes then and one whether the write takes effect: nothing is written,
// each report is settled within two looks, and what somebody has really written stays theirs.

#include <algorithm>
#include <set>
#include <string>

#include "controller/fakes/fake_actuator.h"
#include "controller/fakes/fake_journal.h"
#include "controller/fakes/fake_log.h"
#include "controller/fakes/fake_state.h"
#include "controller/fakes/sample_tuner.h"
#include "controller/overrides.h"
#include "controller/place.h"
#include "testing/fuzz.h"

namespace {

using namespace bpftune;

constexpr uint64_t kBlue = 4711;
constexpr uint64_t kStepNs = 10'000'000;
constexpr int kMostReports = 300;  // more than are open at once

class System {
 public:
  explicit System(const Description& tuner) : tuner_(tuner) {
    for (const Tunable& tunable : tuner.tunables) {
      for (const uint64_t netns : {uint64_t{0}, kBlue})
        actuator_.files[{NetnsId{netns}, tunable.name}] = Values{.count = tunable.values};
    }
  }

  void Pass(uint64_t ns) {
    now_ns_ += ns;
    overrides_.Check();
    CheckDue();
  }

  // As the watcher does it: the owner first, then the report.
  void Report(request record, bool takes_effect) {
    record.tuner = 0;  // the description is found by it: there is one
    if (record.tunable < tuner_.tunables.size()) Write(&record, takes_effect);
    overrides_.Report(tuner_, record);
    CheckDue();
  }

  // All is settled within two looks, and nothing is left open.
  void Settle() {
    for (int look = 0; look < 3 && overrides_.due_ns(); ++look) {
      now_ns_ = std::max(now_ns_, overrides_.due_ns().value_or(0));
      Pass(2 * 1'000'000'000ULL);
    }
    Require(!overrides_.due_ns());
    Require(actuator_.tried.empty());
    Require(!ParseJournal(journal_.text).damaged);
    for (const state_key& set : theirs_) Require(IsOwned(state_.Owner(set)));
  }

 private:
  void Write(request* record, bool takes_effect) {
    const Tunable& tunable = tuner_.tunables[record->tunable];
    const auto file = actuator_.files.find({NetnsId{record->netns}, tunable.name});
    if (file == actuator_.files.end()) return;
    const state_key set = KeyOf(tuner_, *record, tunable.set_row);
    record->mask = std::min<uint32_t>(record->mask, tunable.values);  // it reads no more
    const Values before = file->second, values = Values::Of(record->wanted, record->mask);
    before.CopyTo(record->seen);
    record->evidence[1] = IsOwned(state_.Owner(set));
    state_.SeesForeignWrite(set, record->tunable, values, before);
    record->evidence[0] = state_.Owner(set).value_or(owner{}).generation;
    if (!takes_effect || actuator_.Handle(file->first, values) != 0) return;
    if (file->second != before) theirs_.insert(set);
  }

  void CheckDue() const { Require(overrides_.due_ns().value_or(0) <= now_ns_ + 1'000'000'000ULL); }

  const Description& tuner_;
  uint64_t now_ns_ = 1'000'000'000;
  std::set<state_key> theirs_;  // sets that somebody has changed
  FakeActuator actuator_;
  FakeState state_;
  FakeLog log_;
  FakeJournal journal_;
  Summary summary_;
  Overrides overrides_{{.actuator = &actuator_,
                        .state = &state_,
                        .log = &log_,
                        .summary = &summary_,
                        .name_of = [](NetnsId id) { return std::to_string(id.value); },
                        .now_ns = [this] { return now_ns_; },
                        .journal = &journal_}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Description tuner = SampleTuner();
  System system(tuner);
  FuzzInput in(data, size);
  for (int reports = 0; !in.empty() && reports < kMostReports; ++reports) {
    const auto steps = in.Next<std::uint8_t>();
    const bool takes_effect = (in.Next<std::uint8_t>() & 1) != 0;
    system.Report(in.Next<request>(), takes_effect);
    system.Pass(steps * kStepNs);
  }
  system.Settle();
  return 0;
}
