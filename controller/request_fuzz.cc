// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Any bytes for a request, as a damaged or hostile object could send them, and behind it for what
// another daemon has left in the maps about that tunable: its last write, and whose it is. Whatever
// is written is the tunable that the request names, described, in the namespace that it names, each
// changed number within the bounds, and not the administrator's.

#include <string>

#include "controller/applier.h"
#include "controller/fakes/fake_actuator.h"
#include "controller/fakes/fake_journal.h"
#include "controller/fakes/fake_log.h"
#include "controller/fakes/fake_state.h"
#include "controller/fakes/sample_tuner.h"
#include "controller/place.h"
#include "testing/fuzz.h"

namespace {

using namespace bpftune;

constexpr uint64_t kBlue = 4711;

void CheckWrite(const Description& tuner, const request& record, const SysctlPlace& place,
                const Values& before, const Values& written) {
  Require(record.tunable < tuner.tunables.size());
  const Tunable& tunable = tuner.tunables[record.tunable];
  Require(place.name == tunable.name && place.netns.value == record.netns);
  Require(tunable.per_netns == (record.netns != 0));
  Require(written.count == tunable.values);
  for (uint32_t i = 0; i < written.count; ++i) {
    const int64_t number = written.number[i];
    if (number == before.number[i]) continue;
    Require(record.mask & (1U << i));
    Require(number == record.wanted[i] && number >= tunable.min && number <= tunable.max);
  }
}

// What is left, of a set that somebody may own.
void FillState(FuzzInput& in, const Description& tuner, const request& record, FakeState* state) {
  if (in.empty() || record.tunable >= tuner.tunables.size()) return;
  state->written[KeyOf(tuner, record, record.tunable)] = in.Next<published>();
  if (in.empty()) return;
  state->owners[KeyOf(tuner, record, tuner.tunables[record.tunable].set_row)] = in.Next<owner>();
}

bool IsTheirs(const Description& tuner, const request& record, const FakeState& state) {
  return record.tunable < tuner.tunables.size() &&
         IsOwned(state.Owner(KeyOf(tuner, record, tuner.tunables[record.tunable].set_row)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Description tuner = SampleTuner();
  FuzzInput in(data, size);
  const auto record = in.Next<request>();

  FakeActuator actuator;
  for (const Tunable& tunable : tuner.tunables) {
    const Values values = tunable.values == 3 ? Three(4096, 131072, 1310720) : One(1000);
    for (const uint64_t netns : {uint64_t{0}, kBlue})
      actuator.files[{NetnsId{netns}, tunable.name}] = values;
  }
  const auto files = actuator.files;
  FakeState state;
  // Most requests get past the first checks, so that the others are reached.
  state.asked[{
      .netns = record.netns, .tuner = record.tuner, .row = record.tunable, .reserved = 0}] = {
      .time_ns = record.time_ns, .sequence = record.sequence, .reserved = 0};
  FillState(in, tuner, record, &state);
  const bool is_theirs = IsTheirs(tuner, record, state);
  FakeLog log;
  FakeJournal journal;
  Summary summary;
  Applier applier({.actuator = &actuator,
                   .state = &state,
                   .log = &log,
                   .summary = &summary,
                   .name_of = [](NetnsId id) { return std::to_string(id.value); },
                   .now_ns = [&] { return record.time_ns + kStaleNs / 2; },
                   .journal = &journal});
  applier.Apply(tuner, record);
  applier.Explain();
  Require(actuator.tried.size() <= (is_theirs ? 0 : 1));
  Require(!ParseJournal(journal.text).damaged);
  for (const auto& [place, values] : actuator.tried) {
    const auto before = files.find(place);
    Require(before != files.end());
    CheckWrite(tuner, record, place, before->second, values);
  }
  for (const auto& [place, values] : files) {
    const bool named = !actuator.tried.empty() && actuator.tried[0].first == place;
    Require(named || actuator.files.at(place) == values);
  }
  applier.LookAgain(tuner, record.tuner);
  applier.Note(tuner, record);
  applier.Explain();
  Require(actuator.tried.size() <= 1);
  return 0;
}
