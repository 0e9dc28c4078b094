// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kept_maps.h"

#include <bpf/btf.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string_view>

#include "bpf/common/state_abi.h"
#include "controller/fingerprint.h"
#include "controller/layout.h"

namespace bpftune {
namespace {

constexpr size_t kLongestName = 31;

bool IsPlainName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName &&
         std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

bool IsTable(bpf_map_type type) {
  return type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_LRU_HASH ||
         type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
         type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

bool IsKeyedByState(const btf* types, const bpf_map* map) {
  const btf_type* key = btf__type_by_id(types, bpf_map__btf_key_type_id(map));
  return key && btf_is_struct(key) && key->size == sizeof(state_key) &&
         std::strcmp(btf__name_by_offset(types, key->name_off), "state_key") == 0;
}

}  // namespace

Result<KeptMaps> KeptMaps::Of(const bpf_object* object, const Description& tuner, uint16_t number,
                              Pins* pins) {
  KeptMaps out;
  const btf* types = bpf_object__btf(object);
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (!bpf_map__pin_path(map)) continue;
    const std::string name = bpf_map__name(map);
    if (!IsPlainName(name) || !IsTable(bpf_map__type(map))) {
      return Error("map '" + name +
                   "' cannot be kept: only hashes and arrays with names of up to " +
                   std::to_string(kLongestName) + " letters can");
    }
    const auto layout = LayoutOf(types, map);
    if (!layout) return layout.error();
    // What is in it goes with the tuner's number, and with what its rows stand for.
    Fingerprint whole;
    whole.Add(*layout);
    whole.Add(number);
    whole.Add(RowsOf(tuner));
    Map kept = {name, tuner.name + "-" + name, whole.value(), IsKeyedByState(types, map), {}};
    kept.taken = pins->Take(kept.pin, FormOf(map), kept.layout);
    out.maps_.push_back(std::move(kept));
  }
  return out;
}

Status KeptMaps::GiveTo(bpf_object* object) const {
  for (const Map& kept : maps_) {
    bpf_map* map = bpf_object__find_map_by_name(object, kept.name.c_str());
    int err = map ? bpf_map__set_pin_path(map, nullptr) : -ENOENT;
    if (!err && kept.taken) err = bpf_map__reuse_fd(map, kept.taken.get());
    if (err) return Error(err, "taking over map '" + kept.name + "'");
  }
  return Ok();
}

void KeptMaps::Keep(const bpf_object* object, Pins* pins) {
  for (const Map& kept : maps_) {
    const int fd = bpf_object__find_map_fd_by_name(object, kept.name.c_str());
    if (!kept.taken) pins->Keep(kept.pin, fd, kept.layout);
    if (kept.by_state_key) by_state_key_.push_back(fd);
  }
}

}  // namespace bpftune
