// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/tuning_state.h"

#include <bpf/bpf.h>

#include "controller/tuner.h"

namespace bpftune {
namespace {

template <typename Value>
std::optional<Value> Lookup(int map, const state_key& key) {
  Value value;
  if (bpf_map_lookup_elem(map, &key, &value) != 0) return std::nullopt;
  return value;
}

Status Update(int map, const char* name, const state_key& key, const void* value) {
  const int err = bpf_map_update_elem(map, &key, value, BPF_ANY);
  if (err) return Error(err, std::string("updating map '") + name + "'");
  return Ok();
}

}  // namespace

MapState::MapState(const SharedMaps& maps)
    : owners_(maps.fd(MAP_OWNERS)),
      pending_(maps.fd(MAP_PENDING)),
      published_(maps.fd(MAP_PUBLISHED)),
      control_(maps.fd(MAP_CONTROL)),
      orders_(maps.fd(MAP_ORDERS)) {}

std::optional<owner> MapState::Owner(const state_key& set) const {
  return Lookup<owner>(owners_, set);
}

std::optional<pending> MapState::Pending(const state_key& tunable) const {
  return Lookup<pending>(pending_, tunable);
}

void MapState::ClearPending(const state_key& tunable) {
  (void)bpf_map_delete_elem(pending_, &tunable);  // may be gone already
}

std::optional<published> MapState::Published(const state_key& tunable) const {
  return Lookup<published>(published_, tunable);
}

Status MapState::Publish(const state_key& tunable, const published& what) {
  return Update(published_, MAP_PUBLISHED, tunable, &what);
}

void MapState::Forget(const state_key& tunable) {
  (void)bpf_map_delete_elem(published_, &tunable);  // may never have been there
}

void MapState::ForgetOwner(const state_key& set) {
  (void)bpf_map_delete_elem(owners_, &set);  // or it is not there
}

tuner_control MapState::Control(uint16_t tuner) const {
  const uint32_t key = tuner;
  tuner_control out = {};
  (void)bpf_map_lookup_elem(control_, &key, &out);  // not there: zeros
  return out;
}

Status MapState::Order(const state_key& set, const order& what) {
  if (!watcher_) return Error("there is no sysctl watcher to order from");
  auto given = Update(orders_, MAP_ORDERS, set, &what);
  if (!given) return given;
  auto done = watcher_->RunPulse();
  (void)bpf_map_delete_elem(orders_, &set);  // carried out or void; either way done with
  if (!done) return done.error();
  return Ok();
}

}  // namespace bpftune
