// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/applier.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "controller/place.h"

namespace bpftune {

using Kind = JournalRecord::Kind;

namespace {

// The administrator may write a value in this many turns before we stop watching him.
constexpr int kPutBackRounds = 8;

constexpr char kJournalAdvice[] =
    "Nothing is changed that could not be undone: make room in the directory of --run-dir";

// Not our last write, though nobody has been given it since: somebody has changed it unseen.
bool IsForeign(const published& done, uint64_t reclaimed, const Values& ours, const Values& now) {
  return done.writes != 0 && done.reclaimed == reclaimed && now != ours;
}

// A device that has just the value it had before us: one of the same name, made since. The sysctl
// watcher would have seen an administrator put it back.
bool IsMadeAnew(const Tunable& tunable, const published& done, const Values& now) {
  return IsOfEachDevice(tunable.name) && now == Values::Of(done.baseline, tunable.values);
}

}  // namespace

Applier::Case Applier::CaseOf(const Description& tuner, const request& record) const {
  const Tunable& tunable = tuner.tunables[record.tunable];
  const state_key key = KeyOf(tuner, record, record.tunable);
  return {tuner,
          tunable,
          tuner.scenarios[record.scenario],
          record,
          {NetnsId{record.netns}, NameOf(tunable, record)},
          key,
          KeyOf(tuner, record, tunable.set_row),
          edges_.state->Published(key).value_or(published{})};
}

void Applier::Apply(const Description& tuner, const request& record) {
  if (record.tunable >= tuner.tunables.size() || record.scenario >= tuner.scenarios.size() ||
      tuner.tunables[record.tunable].on_sockets ||
      !NamesDevice(tuner.tunables[record.tunable], record)) {
    edges_.state->ClearPending(KeyOf(tuner, record, record.tunable));
    if (edges_.summary->Refused({NetnsId{record.netns}, tuner.name}, "a damaged request")) {
      edges_.log->Warning(
          "tuner '" + tuner.name +
          "' asked for a tunable or a scenario that it has not described, for a value of "
          "what it sets on sockets itself, or for a device that cannot be; ignored");
    }
    return;
  }
  Case c = CaseOf(tuner, record);
  const auto pending = edges_.state->Pending(c.key);
  if (!pending || pending->sequence != record.sequence) {
    edges_.summary->Refused(c.place, "the request was not the one expected");
    return;
  }
  Carry(c);
  edges_.state->ClearPending(c.key);
}

void Applier::Carry(Case& c) {
  const request& record = c.record;
  const Tunable& tunable = c.tunable;
  auto checked = Check(c);
  if (!checked) return Refuse(c, checked.error().message());

  const auto owner_before = edges_.state->Owner(c.set_key);
  if (IsOwned(owner_before)) {
    edges_.summary->Refused(c.place, "it is the administrator's");
    return;
  }
  auto current = edges_.actuator->Read(c.place, c.inode());
  if (!current) return RefuseFailedWrite(c, current.error());
  c.current = *current;
  const uint64_t reclaimed = owner_before ? owner_before->reclaimed : 0;
  const Values ours = Values::Of(c.done.last, tunable.values);
  const bool foreign = IsForeign(c.done, reclaimed, ours, c.current);
  if (foreign && IsMadeAnew(tunable, c.done, c.current)) {
    Record(Kind::kReleased, c, c.current);
    edges_.state->Forget(c.key);
    c.done = {};
  } else if (foreign) {
    edges_.summary->Refused(c.place, "it is the administrator's");
    return Yield(c.tuner, c.place, c.key, tunable, c.current, ours);
  }
  if (c.current != Values::Of(record.seen, tunable.values)) {
    edges_.summary->Refused(c.place, "the value had changed since the decision");
    return;
  }
  c.wanted = c.current;
  for (uint32_t i = 0; i < tunable.values; ++i) {
    if (record.mask & (1U << i)) c.wanted.number[i] = record.wanted[i];
  }
  if (c.wanted == c.current) return;
  c.baseline = Baseline(c);
  if (const auto far = TooFar(c.baseline, c.wanted)) return Refuse(c, *far);
  if (IsHeldBack(c)) return;
  if (!owner_before && !MakesRoomForOwner(c)) return;
  Write(c, reclaimed);
}

// Before the first write to a set: from now on the watcher can remember whoever writes it. Without
// that nothing would tell us to yield.
bool Applier::MakesRoomForOwner(const Case& c) {
  order reserve = {};
  reserve.kind = ORDER_RESERVE;
  reserve.row = c.key.row;
  auto ordered = edges_.state->Order(c.set_key, reserve);
  const auto entry = edges_.state->Owner(c.set_key);
  if (entry && !IsOwned(entry)) return true;
  CountRefusal(c);
  if (entry) {
    edges_.summary->Refused(c.place, "it is the administrator's");
    return false;
  }
  edges_.summary->Refused(c.place, "no room to remember who else writes it");
  if (std::exchange(said_no_room_, true)) return false;
  SayRefused(
      c, "no room to remember who else writes it", /*is_trouble=*/true,
      " was not changed, nor will be others that were not changed before: there is no room to "
      "remember who else writes them (" +
          (ordered ? std::to_string(STATE_MAX_ENTRIES) + " sets of tunables at most"
                   : ordered.error().message()) +
          "); give bpftune fewer namespaces with --netns");
  return false;
}

void Applier::LookAgain(const Description& tuner, uint16_t tuner_id) {
  const auto found = last_changes_.find(tuner_id);
  if (found == last_changes_.end()) return;
  const LastChange last = found->second;
  if (last.key.row >= tuner.tunables.size() || edges_.now_ns() - last.time_ns > kSeriesNs) {
    last_changes_.erase(found);
    return;
  }
  if (edges_.state->Control(tuner_id).paused != 0 || IsFrozen()) return;
  const Tunable& tunable = tuner.tunables[last.key.row];
  const SysctlPlace& place = last.place;
  state_key set = last.key;
  set.row = tunable.set_row;
  const auto owner = edges_.state->Owner(set);
  if (IsOwned(owner)) return;
  auto current = edges_.actuator->Read(place, last.inode);
  const auto done = edges_.state->Published(last.key);
  if (edges_.journal) (void)edges_.journal->Maintain();
  if (!current || !done) return;  // what is wrong with it the next request finds
  const Values ours = Values::Of(done->last, tunable.values);
  if (IsForeign(*done, owner ? owner->reclaimed : 0, ours, *current)) {
    // A device made anew is not the administrator's doing; the next request finds that out.
    if (!IsMadeAnew(tunable, *done, *current)) {
      Yield(tuner, place, last.key, tunable, *current, ours);
    }
  }
}

void Applier::Write(Case& c, uint64_t reclaimed) {
  auto remembered = Remember(c);
  if (!remembered) return Refuse(c, remembered.error().message(), kJournalAdvice);
  auto written = edges_.actuator->Write(c.place, c.inode(), c.wanted);
  if (!written) {
    Record(Kind::kStands, c, Landed(c));
    // Denied by the watcher: the administrator came first.
    if (IsOwned(edges_.state->Owner(c.set_key))) {
      edges_.summary->Refused(c.place, "it is the administrator's");
      return;
    }
    return RefuseFailedWrite(c, written.error());
  }
  auto back = edges_.actuator->Read(c.place, c.inode());
  if (!back) return RefuseFailedWrite(c, back.error());
  if (IsOwned(edges_.state->Owner(c.set_key))) return GiveWay(c, *back);
  // The old value again: somebody put it back, which the watcher took for no change.
  if (*back == c.current) {
    edges_.summary->Refused(c.place, "it is the administrator's");
    return Yield(c.tuner, c.place, c.key, c.tunable, *back, c.wanted);
  }
  Publish(c, *back, reclaimed);
  unsaid_.push_back(
      {&c.tuner, c.place, &c.tunable, &c.scenario, c.record, c.current, *back, Outcome::kChanged});
}

// Something keeps it from being done, other than the value itself.
bool Applier::IsHeldBack(const Case& c) {
  const tuner_control control = edges_.state->Control(c.record.tuner);
  if (control.paused != 0) {
    Refuse(c, "tuner '" + c.tuner.name + "' is paused");
    return true;
  }
  if (edges_.mode == Mode::kObserve || control.observe != 0) {
    CountRefusal(c);
    if (edges_.summary->Refused(c.place, "bpftune only observes, at '" + c.scenario.name + "'")) {
      unsaid_.push_back({&c.tuner, c.place, &c.tunable, &c.scenario, c.record, c.current, c.wanted,
                         Outcome::kProposed});
    }
    return true;
  }
  if (IsFrozen()) {  // which has been said
    CountRefusal(c);
    edges_.summary->Refused(c.place, "all is frozen");
    return true;
  }
  const auto too_many = limits_.Take(c.place, edges_.now_ns());
  if (too_many) Refuse(c, *too_many);
  return too_many.has_value();
}

Status Applier::Check(const Case& c) const {
  const uint64_t now = edges_.now_ns();
  if (now > c.record.time_ns && now - c.record.time_ns > kStaleNs) {
    return Error("the request was older than a second");
  }
  if (c.tunable.per_netns != (c.record.netns != 0)) {
    return Error(c.tunable.per_netns ? "the request names no namespace"
                                     : "the tunable is global, the request names a namespace");
  }
  for (uint32_t i = 0; i < c.tunable.values; ++i) {
    const int64_t wanted = c.record.wanted[i];
    if ((c.record.mask & (1U << i)) && (wanted < c.tunable.min || wanted > c.tunable.max)) {
      return Error("a value is outside the bounds " + std::to_string(c.tunable.min) + " to " +
                   std::to_string(c.tunable.max) + " that tuner '" + c.tuner.name + "' declares");
    }
  }
  return Ok();
}

// So that the tuner rests a while; without it, it only asks again sooner.
void Applier::CountRefusal(const Case& c) {
  published entry = c.done;
  ++entry.refused;
  entry.refused_ns = edges_.now_ns();
  (void)edges_.state->Publish(c.key, entry);
}

DecisionRecord Applier::RecordOfCase(const Case& c, Outcome outcome) const {
  DecisionRecord out = NewRecord(outcome);
  out.tuner = c.tuner.name;
  out.tunable = c.place.name;
  out.scenario = c.scenario.id;
  out.netns = c.place.netns.value;
  out.netns_name = edges_.name_of(c.place.netns);
  out.old_values = Values::Of(c.record.seen, c.tunable.values);
  out.new_values = Values::Of(c.record.wanted, c.tunable.values);
  std::ranges::copy(c.record.evidence, out.evidence.begin());
  return out;
}

void Applier::SayRefused(const Case& c, const std::string& reason, bool is_trouble,
                         const std::string& line) {
  DecisionRecord record = RecordOfCase(c, Outcome::kRefused);
  record.reason = reason;
  record.is_trouble = is_trouble;
  record.lines = {"'" + record.tunable + "' in " + record.netns_name + line};
  edges_.log->Decide(record);
}

void Applier::Refuse(const Case& c, const std::string& reason, const std::string& advice) {
  CountRefusal(c);
  if (!edges_.summary->Refused(c.place, reason)) return;
  SayRefused(c, reason, /*is_trouble=*/true,
             " was not changed to (" + Values::Of(c.record.wanted, c.tunable.values).Text() +
                 "): " + reason + (advice.empty() ? "" : ". " + advice));
}

void Applier::RefuseFailedWrite(const Case& c, const Error& error) {
  if (IsGone(error) && c.record.netns != 0) {
    const bool of_device = IsOfEachDevice(c.tunable.name);
    const std::string gone = of_device ? "the device is gone" : "the namespace is gone";
    edges_.state->Forget(c.key);
    if (of_device && !IsOwned(edges_.state->Owner(c.set_key))) {
      edges_.state->ForgetOwner(c.set_key);
    }
    if (edges_.summary->Refused(c.place, gone)) {
      SayRefused(c, gone, /*is_trouble=*/false, " is not changed: " + gone);
    }
    return;
  }
  const bool locked = error.code() == EROFS || error.code() == EACCES || error.code() == EPERM;
  Refuse(
      c, error.message(),
      locked ? "Let bpftune write below /proc/sys/net (in a container: mount it read-write)" : "");
}

// What the administrator wrote that replaced what was here: of a tunable in several files each
// number for itself. Nothing: it may have been meant for another namespace.
std::optional<Values> Applier::TheirsHere(const Case& c, const owner& theirs) {
  Values values = Values::Of(theirs.values, theirs.count);
  const Values before = Values::Of(theirs.before, c.tunable.values);
  if (!IsInSeveralFiles(c.place.name)) {
    return c.current == before ? std::optional(values) : std::nullopt;
  }
  for (uint32_t i = 0; i < values.count; ++i) {
    if (c.current.number[i] != before.number[i]) values.number[i] = VALUE_UNSAID;
  }
  return values;
}

// It became the administrator's while we wrote, so our write may have landed on top of his: his
// last value is written once more, until his generation stays. What he wrote may have been meant
// for another namespace, through a descriptor held open: then it did not replace what was here.
void Applier::GiveWay(const Case& c, const Values& back) {
  edges_.summary->Refused(c.place, "the administrator wrote it at the same moment");
  for (int round = 0; round < kPutBackRounds; ++round) {
    const auto theirs = edges_.state->Owner(c.set_key);
    if (!theirs || !IsOwned(theirs) || theirs->row != c.record.tunable) break;
    const Values values = Values::Of(theirs->values, theirs->count);
    auto now_there = edges_.actuator->Read(c.place, c.inode());
    if (!now_there) return;
    if (now_there->StartsWith(values)) return Record(Kind::kReleased, c, *now_there);
    const auto here = TheirsHere(c, *theirs);
    if (!here || now_there->StartsWith(*here)) break;
    auto written = edges_.actuator->Write(c.place, c.inode(), *here);
    if (written) {
      DecisionRecord record = RecordOfCase(c, Outcome::kYielded);
      record.old_values = back;
      record.new_values = *here;
      record.pid = theirs->pid;
      record.lines = {"'" + record.tunable + "' in " + record.netns_name + ": pid " +
                      std::to_string(theirs->pid) + " wrote (" + here->Text() +
                      ") while bpftune was writing; that value stands"};
      edges_.log->Decide(record);
    } else if (written.error().code() != EPERM && !Withdraw(c, *theirs)) {
      break;  // the kernel takes it from nobody, and there was none before it
    }
    const auto after = edges_.state->Owner(c.set_key);
    if ((written || written.error().code() == EPERM) && after &&
        after->generation == theirs->generation) {
      break;
    }
  }
  // Where his writes have all failed, or went elsewhere, ours stands and must be known as ours.
  auto stands = edges_.actuator->Read(c.place, c.inode());
  const auto owner = edges_.state->Owner(c.set_key);
  if (!stands) return;
  if (*stands == c.current) return Record(Kind::kStands, c, c.current);
  if (*stands != back) return Record(Kind::kReleased, c, *stands);
  Publish(c, back, owner ? owner->reclaimed : 0);
}

// The kernel has refused us his last value, so it refused him too: the one before it counts. False:
// there is none.
bool Applier::Withdraw(const Case& c, const owner& theirs) {
  if (Values::Of(theirs.values, theirs.count) ==
      Values::Of(theirs.previous, theirs.previous_count)) {
    return false;
  }
  const order withdraw = {.kind = ORDER_WITHDRAW,
                          .row = theirs.row,
                          .count = 0,
                          .generation = theirs.generation,
                          .values = {},
                          .before = {}};
  return edges_.state->Order(c.set_key, withdraw).has_value();
}

void Applier::Publish(const Case& c, const Values& written, uint64_t reclaimed) {
  published entry = c.done;
  Record(Kind::kStands, c, written);
  if (entry.writes == 0) c.baseline.CopyTo(entry.baseline);
  written.CopyTo(entry.last);
  entry.time_ns = edges_.now_ns();
  entry.reclaimed = reclaimed;
  ++entry.writes;
  entry.refused = 0;
  last_changes_[c.key.tuner] = {c.key, c.place, c.inode(), entry.time_ns};
  auto published = edges_.state->Publish(c.key, entry);
  if (!published && edges_.summary->Refused(c.place, "no room to remember it")) {
    edges_.log->Warning("'" + c.place.name +
                        "' was changed but cannot be remembered: " + published.error().message());
  }
}

void Applier::Yield(const Description& tuner, const SysctlPlace& place, const state_key& key,
                    const Tunable& tunable, const Values& current, const Values& ours) {
  state_key set = key;
  set.row = tunable.set_row;
  const auto owner = edges_.state->Owner(set);
  if (IsOwned(owner)) return;  // seen by the watcher meanwhile, which tells of it
  order yield = {.kind = ORDER_YIELD,
                 .row = key.row,
                 .count = static_cast<__u16>(current.count),
                 .generation = owner ? owner->generation : 0,
                 .values = {},
                 .before = {}};
  current.CopyTo(yield.values);
  ours.CopyTo(yield.before);
  auto ordered = edges_.state->Order(set, yield);
  if (edges_.journal) {  // else a value of theirs that happens to be one of ours would be undone
    (void)edges_.journal->Append({Kind::kReleased, place, 0, ours, current});
  }
  DecisionRecord record = NewRecord(Outcome::kYielded);
  record.tuner = tuner.name;
  record.tunable = place.name;
  record.netns = place.netns.value;
  record.netns_name = edges_.name_of(place.netns);
  record.old_values = ours;
  record.new_values = current;
  record.lines = {"'" + place.name + "' in " + record.netns_name + " is (" + current.Text() +
                  ") where bpftune had written (" + ours.Text() +
                  "): somebody else changed it; it is theirs. Tuner '" + tuner.name + "' leaves '" +
                  tunable.set + "' alone there"};
  edges_.log->Decide(record);
  if (!ordered) edges_.log->Error("yielding '" + tunable.set + "': " + ordered.error().message());
}

void Applier::Note(const Description& tuner, const request& record) {
  if (record.tunable >= tuner.tunables.size() || record.scenario >= tuner.scenarios.size()) return;
  const Tunable& tunable = tuner.tunables[record.tunable];
  unsaid_.push_back({&tuner,
                     {NetnsId{record.netns}, NameOf(tunable, record)},
                     &tunable,
                     &tuner.scenarios[record.scenario],
                     record,
                     {},
                     {},
                     Outcome::kNoted});
}

void Applier::Explain() {
  for (const Unsaid& unsaid : std::exchange(unsaid_, {})) {
    const Decision decision{unsaid.tunable,
                            unsaid.scenario,
                            &unsaid.record,
                            edges_.name_of(unsaid.place.netns),
                            unsaid.old_values,
                            unsaid.new_values,
                            unsaid.outcome == Outcome::kProposed};
    edges_.log->Decide(RecordOf(*unsaid.tuner, decision, unsaid.outcome));
    if (unsaid.outcome == Outcome::kChanged) {
      edges_.summary->Changed(unsaid.place, decision);
    } else {
      edges_.summary->Noted(unsaid.place, decision);
    }
  }
}

}  // namespace bpftune
