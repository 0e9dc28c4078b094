// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The shared maps in memory, and beside them the sysctl watcher (bpf/tuners/sysctl.bpf.c), which is
// the only writer of the owners: what it does with a write of ours, with one of somebody else, and
// with an order.

#include <algorithm>
#include <cerrno>
#include <map>
#include <tuple>
#include <vector>

#include "controller/tuning_state.h"
#include "controller/values.h"

inline bool operator<(const state_key& a, const state_key& b) {
  return std::tie(a.netns, a.tuner, a.row, a.device) < std::tie(b.netns, b.tuner, b.row, b.device);
}

namespace bpftune {

class FakeState : public TuningState {
 public:
  std::optional<owner> Owner(const state_key& set) const override { return Find(owners, set); }
  std::optional<pending> Pending(const state_key& key) const override { return Find(asked, key); }
  void ClearPending(const state_key& key) override { asked.erase(key); }
  std::optional<published> Published(const state_key& key) const override {
    return Find(written, key);
  }
  Status Publish(const state_key& key, const published& what) override {
    if (full && !written.contains(key)) return Error(E2BIG, "updating map 'tuner_published'");
    written[key] = what;
    return Ok();
  }
  void Forget(const state_key& key) override { written.erase(key); }
  void ForgetOwner(const state_key& set) override { owners.erase(set); }
  tuner_control Control(uint16_t tuner) const override {
    const auto entry = controls.find(tuner);
    return entry == controls.end() ? tuner_control{} : entry->second;
  }
  Status Order(const state_key& set, const order& what) override {
    orders.push_back(what);
    if (order_error != 0) return Error(order_error, "pulse of tuner 'sysctl'");
    owner entry = Owner(set).value_or(owner{});
    if (what.generation != entry.generation) return Ok();  // somebody wrote in between
    switch (static_cast<order_kind>(what.kind)) {
      case ORDER_RECLAIM:
        entry.reclaimed = entry.generation;
        break;
      case ORDER_YIELD:
        ++entry.generation;
        entry.row = what.row;
        entry.pid = 0;
        entry.count = entry.previous_count = what.count;
        Copy(what.values, entry.values);
        Copy(what.values, entry.previous);
        Copy(what.before, entry.before);
        break;
      case ORDER_WITHDRAW:
        entry.count = entry.previous_count;
        Copy(entry.previous, entry.values);
        break;
      case ORDER_RESERVE:
        if (owners_full && !owners.contains(set)) return Ok();
        break;
    }
    owners[set] = entry;
    return Ok();
  }

  // The watcher sees a write of the daemon: may it go on to the handler?
  bool AllowsOurs(const state_key& set, uint16_t row, const Values& values) const {
    const owner entry = Owner(set).value_or(owner{});
    const Values theirs = Values::Of(entry.values, entry.count);
    return !IsOwned(entry) ||
           (entry.row == row && values.count == theirs.count && theirs.StartsWith(values));
  }

  // The watcher sees somebody else's write of a tunable that holds `before`.
  void SeesForeignWrite(const state_key& set, uint16_t row, const Values& values,
                        const Values& before) {
    if (before.StartsWith(values) && !IsOwned(Owner(set))) return;
    const owner old = Owner(set).value_or(owner{});
    const bool again = IsOwned(old) && old.row == row;
    owner entry = {};
    entry.generation = old.generation + 1;
    entry.reclaimed = old.reclaimed;
    entry.row = row;
    entry.pid = kPid;
    entry.count = static_cast<uint16_t>(values.count);
    std::copy(values.number.begin(), values.number.end(), entry.values);
    entry.previous_count = again ? old.count : entry.count;
    Copy(again ? old.values : entry.values, entry.previous);
    std::copy(before.number.begin(), before.number.end(), entry.before);
    if (again) Copy(old.before, entry.before);
    for (size_t i = 0; again && i < TUNER_MAX_VALUES; ++i) {
      if (entry.values[i] == VALUE_UNSAID) entry.values[i] = old.values[i];
      if (entry.before[i] == VALUE_UNSAID) entry.before[i] = before.number[i];
    }
    owners[set] = entry;
  }

  static constexpr uint32_t kPid = 4711;

  std::map<state_key, owner> owners;
  std::map<state_key, pending> asked;
  std::map<state_key, published> written;
  std::map<uint16_t, tuner_control> controls;
  std::vector<order> orders;
  bool full = false;         // no room for another published value
  int order_error = 0;       // of the watcher's pulse
  bool owners_full = false;  // no room for another entry of the watcher's

 private:
  template <typename Value>
  static std::optional<Value> Find(const std::map<state_key, Value>& map, const state_key& key) {
    const auto entry = map.find(key);
    if (entry == map.end()) return std::nullopt;
    return entry->second;
  }

  static void Copy(const __s64 (&from)[TUNER_MAX_VALUES], __s64 (&to)[TUNER_MAX_VALUES]) {
    std::copy(std::begin(from), std::end(from), to);
  }
};

}  // namespace bpftune
