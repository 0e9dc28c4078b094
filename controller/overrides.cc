// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/overrides.h"

#include <algorithm>
#include <utility>

#include "controller/explain.h"
#include "controller/place.h"

namespace bpftune {
namespace {

// The handler runs microseconds after the hook, unless the writer loses its CPU in between.
constexpr uint64_t kFirstLookNs = 20'000'000;
constexpr uint64_t kLastLookNs = 1'000'000'000;

state_key SetKey(const Description& tuner, const request& record) {
  return KeyOf(tuner, record, tuner.tunables[record.tunable].set_row);
}

// Both of this tuner, if they are of the same.
bool SameSet(const request& a, const request& b, const Description& tuner) {
  return a.netns == b.netns && a.tuner == b.tuner &&
         tuner.tunables[a.tunable].set_row == tuner.tunables[b.tunable].set_row &&
         NameOf(tuner.tunables[a.tunable], a) == NameOf(tuner.tunables[a.tunable], b);
}

bool SameWriter(const request& a, const request& b) { return a.pid == b.pid && a.netns == b.netns; }

}  // namespace

void Overrides::Report(const Description& tuner, const request& record) {
  if (record.tunable >= tuner.tunables.size()) return;
  const uint64_t now = edges_.now_ns();
  Open open{&tuner, record, now, now + kFirstLookNs, record.evidence[1] != 0};
  // Taken over a moment ago, by a write that is not confirmed yet.
  for (const Open& other : open_) {
    if (SameSet(other.record, record, tuner)) open.was_theirs &= other.was_theirs;
  }
  const auto before = std::find_if(open_.begin(), open_.end(), [&](const Open& other) {
    return SameSet(other.record, record, tuner) && other.record.tunable == record.tunable;
  });
  if (before != open_.end()) {
    // What this write has found is what the one before has left: that one took effect.
    const Values found = Values::Of(record.seen, tuner.tunables[record.tunable].values);
    const request& last = before->record;
    if (found.StartsWith(Values::Of(last.wanted, last.mask))) {
      BelongsToThem(open);
      open.was_theirs = true;
    }
    *before = open;
  } else if (open_.size() < kMostOpen) {
    open_.push_back(open);
  } else {
    Say({open});
  }
}

void Overrides::BelongsToThem(const Open& open) {
  for (Open& other : open_) {
    other.was_theirs |= SameSet(other.record, open.record, *open.tuner);
  }
}

void Overrides::Forget(const Description& tuner) {
  std::erase_if(open_, [&](const Open& open) { return open.tuner == &tuner; });
}

void Overrides::Check() {
  const uint64_t now = edges_.now_ns();
  for (size_t left = open_.size(); left > 0; --left) {
    Open open = open_.front();
    open_.pop_front();
    if (open.due_ns > now) {
      open_.push_back(open);
      continue;
    }
    switch (Settle(open)) {
      case Verdict::kTheirs:
        theirs_.push_back(open);
        BelongsToThem(open);
        break;
      case Verdict::kNothing:
        break;
      case Verdict::kLater:
        open.due_ns = open.first_ns + kLastLookNs;
        open_.push_back(open);
        break;
    }
  }
  SayWhatIsComplete();
}

// All that one process has written in one namespace is said in one line; for as long as a write of
// its waits for the first look, there may be more.
void Overrides::SayWhatIsComplete() {
  for (std::vector<Open> left = std::exchange(theirs_, {}); !left.empty();) {
    const Open first = left.front();
    const auto others = std::stable_partition(left.begin(), left.end(), [&](const Open& open) {
      return SameWriter(open.record, first.record);
    });
    const std::vector<Open> group(left.begin(), others);
    left.erase(left.begin(), others);
    const bool more = std::any_of(open_.begin(), open_.end(), [&](const Open& open) {
      return SameWriter(open.record, first.record) && open.due_ns == open.first_ns + kFirstLookNs;
    });
    if (more) {
      theirs_.insert(theirs_.end(), group.begin(), group.end());
    } else {
      Say(group);
    }
  }
}

std::optional<uint64_t> Overrides::due_ns() const {
  const auto first = std::min_element(
      open_.begin(), open_.end(), [](const Open& a, const Open& b) { return a.due_ns < b.due_ns; });
  if (first == open_.end()) return std::nullopt;
  return first->due_ns;
}

Overrides::Verdict Overrides::Settle(const Open& open) {
  const Tunable& tunable = open.tuner->tunables[open.record.tunable];
  const SysctlPlace place{NetnsId{open.record.netns}, NameOf(tunable, open.record)};
  const state_key key = SetKey(*open.tuner, open.record);
  const auto owner = edges_.state->Owner(key);
  if (!owner) return SettleUnremembered(open);
  // Written again since: that report tells the story. Unless it was another tunable of the set.
  const bool is_last = owner->generation == open.record.evidence[0];
  if (!is_last && owner->row == open.record.tunable) return Verdict::kNothing;
  auto current = edges_.actuator->Read(place, open.record.netns_inode);
  if (!current) return Verdict::kNothing;  // gone; there is nothing to give back
  if (current->StartsWith(Values::Of(open.record.wanted, open.record.mask))) {
    return Verdict::kTheirs;
  }
  if (open.due_ns < open.first_ns + kLastLookNs) return Verdict::kLater;
  if (!is_last) return Verdict::kNothing;

  const bool untouched = current->StartsWith(Values::Of(open.record.seen, open.record.mask));
  state_key row = key;
  row.row = open.record.tunable;
  const auto published = edges_.state->Published(row);
  const bool tuned = published && published->writes != 0;
  const bool ours = tuned && *current == Values::Of(published->last, tunable.values);
  if (!untouched && !ours && tuned) return Verdict::kTheirs;  // something else, and not from us
  Undo(open, *owner);
  return Verdict::kNothing;
}

// The watcher had no room for him when he wrote. There may be some now.
Overrides::Verdict Overrides::SettleUnremembered(const Open& open) {
  const request& record = open.record;
  const Tunable& tunable = open.tuner->tunables[record.tunable];
  const SysctlPlace place{NetnsId{record.netns}, NameOf(tunable, record)};
  const state_key key = SetKey(*open.tuner, record);
  auto current = edges_.actuator->Read(place, record.netns_inode);
  if (!current || !current->StartsWith(Values::Of(record.wanted, record.mask))) {
    return Verdict::kNothing;
  }
  order yield = {.kind = ORDER_YIELD,
                 .row = record.tunable,
                 .count = static_cast<__u16>(record.mask),
                 .generation = 0,
                 .values = {},
                 .before = {}};
  std::copy(std::begin(record.wanted), std::end(record.wanted), yield.values);
  std::copy(std::begin(record.seen), std::end(record.seen), yield.before);
  (void)edges_.state->Order(key, yield);  // what became of it, the owner tells
  if (IsOwned(edges_.state->Owner(key))) return Verdict::kTheirs;
  if (edges_.summary->Refused(place, "no room to remember whose it is")) {
    edges_.log->Warning("pid " + std::to_string(record.pid) + " modified sysctl '" + place.name +
                        "' in " + edges_.name_of(place.netns) +
                        ", but there is no room to remember that it is theirs (" +
                        std::to_string(STATE_MAX_ENTRIES) +
                        " sets at most); give bpftune fewer namespaces with --netns");
  }
  return Verdict::kNothing;
}

void Overrides::Undo(const Open& open, const owner& owner) {
  const order back = {.kind = open.was_theirs ? ORDER_WITHDRAW : ORDER_RECLAIM,
                      .row = open.record.tunable,
                      .count = 0,
                      .generation = owner.generation,
                      .values = {},
                      .before = {}};
  auto ordered = edges_.state->Order(SetKey(*open.tuner, open.record), back);
  if (ordered) return;
  edges_.log->Error("taking '" + open.tuner->tunables[open.record.tunable].set +
                    "' back: " + ordered.error().message());
}

// There is nothing to undo any more where we had written.
void Overrides::Release(const Open& open) {
  const Tunable& tunable = open.tuner->tunables[open.record.tunable];
  state_key row = SetKey(*open.tuner, open.record);
  row.row = open.record.tunable;
  const auto published = edges_.state->Published(row);
  if (!edges_.journal || !published || published->writes == 0) return;
  (void)edges_.journal->Append({JournalRecord::Kind::kReleased,
                                {NetnsId{open.record.netns}, NameOf(tunable, open.record)},
                                open.record.netns_inode,
                                Values::Of(open.record.seen, tunable.values),
                                Values::Of(open.record.wanted, tunable.values)});
}

bool Overrides::WasSaid(const Open& open) {
  const state_key set = SetKey(*open.tuner, open.record);
  const auto owner = edges_.state->Owner(set);
  const Said now = {.reclaimed = owner ? owner->reclaimed : 0,
                    .generation = open.record.evidence[0]};
  if (said_.size() >= STATE_MAX_ENTRIES) said_.clear();  // most are of the dead; else once more
  const auto [said, is_new] =
      said_.try_emplace({set.netns, set.tuner, open.record.tunable, set.device}, now);
  const Said before = std::exchange(said->second, now);
  // An owner that counts from the start again is of another namespace with this number.
  return !is_new && before.reclaimed == now.reclaimed && before.generation < now.generation;
}

DecisionRecord Overrides::RecordOfOpen(const Open& open) const {
  DecisionRecord out = NewRecord(Outcome::kYielded);
  out.tuner = open.tuner->name;
  out.tunable = NameOf(open.tuner->tunables[open.record.tunable], open.record);
  out.netns = open.record.netns;
  out.netns_name = edges_.name_of(NetnsId{open.record.netns});
  out.old_values = Values::Of(open.record.seen, open.record.mask);
  out.new_values = Values::Of(open.record.wanted, open.record.mask);
  out.pid = open.record.pid;
  out.comm = CommOf(open.record);
  return out;
}

void Overrides::Say(std::vector<Open> group) {
  std::erase_if(group, [this](const Open& open) { return WasSaid(open); });
  if (group.empty()) return;
  for (const Open& open : group) Release(open);
  std::vector<DecisionRecord> records;
  std::string changes, tuners;
  for (const Open& open : group) {
    const DecisionRecord& record = records.emplace_back(RecordOfOpen(open));
    const std::string tuner = "Tuner '" + record.tuner + "' leaves '" +
                              open.tuner->tunables[open.record.tunable].set + "' alone";
    changes.append(changes.empty() ? "" : ", ")
        .append("'" + record.tunable + "' from (" + record.old_values.Text() + ") to (" +
                record.new_values.Text() + ")");
    if (tuners.find(tuner) == tuners.npos) tuners.append(tuners.empty() ? "" : ", ").append(tuner);
  }
  DecisionRecord& first = records.front();
  const std::string writer =
      "pid " + std::to_string(first.pid) + ", cmd '" + first.comm + "' modified ";
  const std::string where = " in " + first.netns_name;
  if (records.size() == 1) {
    std::string line = writer;
    line.append("sysctl '").append(first.tunable).append("'").append(where);
    line.append(" from (").append(first.old_values.Text()).append(") to (");
    line.append(first.new_values.Text())
        .append("); it is theirs. ")
        .append(tuners)
        .append(" there");
    first.lines = {line};
  } else {  // one line; the others are said with the first
    first.lines = {writer + std::to_string(records.size()) + " sysctls" + where + ": " + changes +
                   "; they are theirs. " + tuners + " there"};
  }
  for (const DecisionRecord& record : records) edges_.log->Decide(record);
}

}  // namespace bpftune
