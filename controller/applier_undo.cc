// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// What the applier does so that all it does can be undone.

#include <cerrno>

#include "controller/applier.h"

namespace bpftune {

using Kind = JournalRecord::Kind;

// What was there before our first write. A namespace may have been born with what we had written at
// home: then it is what was there before that.
Values Applier::Baseline(const Case& c) const {
  const uint32_t count = c.tunable.values;
  if (c.done.writes != 0) return Values::Of(c.done.baseline, count);
  if (!c.tunable.per_netns || c.place.netns == edges_.home) return c.current;
  state_key at_home = c.key;
  at_home.netns = edges_.home.value;
  const auto home = edges_.state->Published(at_home);
  const bool is_heir = home && home->writes != 0 && Values::Of(home->last, count) == c.current;
  return is_heir ? Values::Of(home->baseline, count) : c.current;
}

// In the undo journal, before it is written.
Status Applier::Remember(const Case& c) {
  if (!edges_.journal) return Error("there is no undo journal");
  if (c.baseline != c.current && c.done.writes == 0) {  // inherited
    auto inherited =
        edges_.journal->Append({Kind::kWrite, c.place, c.inode(), c.baseline, c.current});
    if (!inherited) return inherited;
  }
  return edges_.journal->Append({Kind::kWrite, c.place, c.inode(), c.current, c.wanted});
}

// What became of it. Without this record too the next reader knows what we wanted.
void Applier::Record(Kind kind, const Case& c, const Values& after) {
  if (!edges_.journal) return;
  (void)edges_.journal->Append({kind, c.place, c.inode(), c.current, after});
}

// What of a write that has failed is there: nothing, but of several files those that could not go
// back. What else is there is not ours.
Values Applier::Landed(const Case& c) {
  Values out = c.current;
  if (!IsInSeveralFiles(c.place.name)) return out;
  const auto stands = edges_.actuator->Read(c.place, c.inode());
  for (uint32_t i = 0; stands && i < out.count; ++i) {
    if (stands->number[i] == c.wanted.number[i]) out.number[i] = c.wanted.number[i];
  }
  return out;
}

void Applier::Resume(const Description& tuner, const state_key& key, const SysctlPlace& place,
                     const Standing& standing) {
  const Tunable& tunable = tuner.tunables[key.row];
  const uint64_t inode = standing.inode;
  state_key set = key;
  set.row = tunable.set_row;
  auto current = edges_.actuator->Read(place, inode);
  const bool gone = !current && IsGone(current.error()) && place.netns != kNoNetns;
  if (!current && !gone) return;  // cannot be told now; an undo may be able to
  const bool ours = current && current->count == tunable.values && standing.IsOurs(*current);
  const bool theirs = IsOwned(edges_.state->Owner(set));
  const bool anew = IsOfEachDevice(tunable.name) && current && *current == standing.baseline;
  if (!ours && current && !theirs && !anew) {
    return Yield(tuner, place, key, tunable, *current, standing.last);
  }
  if (edges_.journal) {
    const Kind kind = ours ? Kind::kStands : Kind::kReleased;
    const Values after = current ? *current : standing.last;
    (void)edges_.journal->Append({kind, place, inode, standing.last, after});
  }
  if (!ours) return;
  published entry = edges_.state->Published(key).value_or(published{});
  if (entry.writes == 0) {
    standing.baseline.CopyTo(entry.baseline);
    entry.writes = 1;
  }
  current->CopyTo(entry.last);
  const auto owner = edges_.state->Owner(set);
  entry.reclaimed = owner ? owner->reclaimed : 0;
  (void)edges_.state->Publish(key, entry);  // full: it is taken for what was there before us
}

Status Applier::Restore(const Description& tuner, const request& record) {
  const Error denied(EPERM, "it is the administrator's");
  Case c = CaseOf(tuner, record);
  c.current = Values::Of(record.seen, c.tunable.values);
  c.wanted = Values::Of(record.wanted, c.tunable.values);
  c.baseline = c.wanted;
  const auto owner = edges_.state->Owner(c.set_key);
  // Where somebody has written another tunable of the set, this one is still what we made of it.
  if (owner && IsOwned(owner) && (owner->row == record.tunable || !Reclaim(c, *owner))) {
    return denied;
  }
  auto written = edges_.actuator->Write(c.place, c.inode(), c.wanted);
  if (!written) return written.error();
  auto back = edges_.actuator->Read(c.place, c.inode());
  if (!back) return back.error();
  if (IsOwned(edges_.state->Owner(c.set_key))) {
    GiveWay(c, *back);
    return denied;
  }
  Record(Kind::kStands, c, *back);
  edges_.state->Forget(c.key);  // else the next daemon would take it for somebody else's
  if (*back != c.wanted) return Error("it is (" + back->Text() + ") now");
  return Ok();
}

bool Applier::Reclaim(const Case& c, const owner& theirs) {
  const order reclaim = {.kind = ORDER_RECLAIM,
                         .row = theirs.row,
                         .count = 0,
                         .generation = theirs.generation,
                         .values = {},
                         .before = {}};
  return edges_.state->Order(c.set_key, reclaim).has_value();
}

}  // namespace bpftune
