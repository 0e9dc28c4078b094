// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/overrides.h"

#include <algorithm>

namespace bpftune {
namespace {

// The handler runs microseconds after the hook, unless the writer loses its CPU in between.
constexpr uint64_t kFirstLookNs = 20'000'000;
constexpr uint64_t kLastLookNs = 1'000'000'000;

state_key SetKey(const Description& tuner, const request& record) {
  return {.netns = record.netns,
          .tuner = record.tuner,
          .row = tuner.tunables[record.tunable].set_row,
          .reserved = 0};
}

}  // namespace

void Overrides::Report(const Description& tuner, const request& record) {
  if (record.tunable >= tuner.tunables.size()) return;
  const uint64_t now = edges_.now_ns();
  const Open open{&tuner, record, now, now + kFirstLookNs};
  if (open_.size() < kMostOpen) {
    open_.push_back(open);
  } else {
    Say(open);
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
    } else if (!Settle(open)) {
      open.due_ns = open.first_ns + kLastLookNs;
      open_.push_back(open);
    }
  }
}

std::optional<uint64_t> Overrides::due_ns() const {
  const auto first = std::min_element(
      open_.begin(), open_.end(), [](const Open& a, const Open& b) { return a.due_ns < b.due_ns; });
  if (first == open_.end()) return std::nullopt;
  return first->due_ns;
}

bool Overrides::Settle(const Open& open) {
  const Tunable& tunable = open.tuner->tunables[open.record.tunable];
  const SysctlPlace place{NetnsId{open.record.netns}, tunable.name};
  const state_key key = SetKey(*open.tuner, open.record);
  const auto owner = edges_.state->Owner(key);
  // Written again since: that report tells the story.
  if (!owner || owner->generation != open.record.evidence[0]) return true;
  auto current = edges_.actuator->Read(place, open.record.netns_inode);
  if (!current) return true;  // gone; there is nothing to give back
  if (current->StartsWith(Values::Of(open.record.wanted, open.record.mask))) {
    Say(open);
    return true;
  }
  if (open.due_ns < open.first_ns + kLastLookNs) return false;

  const bool untouched = current->StartsWith(Values::Of(open.record.seen, open.record.mask));
  state_key row = key;
  row.row = open.record.tunable;
  const auto published = edges_.state->Published(row);
  const bool tuned = published && published->writes != 0;
  const bool ours = tuned && *current == Values::Of(published->last, tunable.values);
  if (!untouched && !ours && tuned) {
    Say(open);  // it is something else by now, and not from us
    return true;
  }
  const order reclaim = {.kind = ORDER_RECLAIM,
                         .row = open.record.tunable,
                         .count = 0,
                         .generation = owner->generation,
                         .values = {},
                         .before = {}};
  auto ordered = edges_.state->Order(key, reclaim);
  if (!ordered)
    edges_.log->Error("taking '" + tunable.set + "' back: " + ordered.error().message());
  return true;
}

void Overrides::Say(const Open& open) {
  const Tunable& tunable = open.tuner->tunables[open.record.tunable];
  const std::string comm(open.record.comm,
                         std::find(open.record.comm, std::end(open.record.comm), '\0'));
  edges_.log->Notice(
      "pid " + std::to_string(open.record.pid) + ", cmd '" + comm + "' modified sysctl '" +
      tunable.name + "' in " + edges_.name_of(NetnsId{open.record.netns}) + " from (" +
      Values::Of(open.record.seen, open.record.mask).Text() + ") to (" +
      Values::Of(open.record.wanted, open.record.mask).Text() + "); it is theirs. Tuner '" +
      open.tuner->name + "' leaves '" + tunable.set + "' alone there");
}

}  // namespace bpftune
