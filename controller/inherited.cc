// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/inherited.h"

namespace bpftune {
namespace {

void YieldIfChanged(const Description& tuner, const state_key& key, const Applier::Edges& edges,
                    Applier* applier) {
  const Tunable& tunable = tuner.tunables[key.row];
  state_key set = key;
  set.row = tunable.set_row;
  const auto published = edges.state->Published(key);
  const auto owner = edges.state->Owner(set);
  const uint64_t reclaimed = owner ? owner->reclaimed : 0;
  if (!published || published->writes == 0 || published->reclaimed != reclaimed || IsOwned(owner)) {
    return;
  }
  const SysctlPlace place{NetnsId{key.netns}, tunable.name};
  const auto current = edges.actuator->Read(place, 0);
  if (!current) return;  // whoever asks for a change will hear why
  const Values ours = Values::Of(published->last, tunable.values);
  if (*current != ours) applier->Yield(tuner, place, key, tunable, *current, ours);
}

}  // namespace

void YieldWhatChanged(const Description& tuner, uint16_t number, const std::vector<state_key>& keys,
                      const Applier::Edges& edges, Applier* applier) {
  for (const state_key& key : keys) {
    // Of a device the key has only an id; the journal knows its name (Applier::Resume).
    if (key.tuner != number || key.row >= tuner.tunables.size() || key.device != 0) continue;
    YieldIfChanged(tuner, key, edges, applier);
  }
}

}  // namespace bpftune
