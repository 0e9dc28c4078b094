// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kept/kept_maps.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "controller/kept/fingerprint.h"
#include "controller/kept/layout.h"

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
    Map kept = {name, PinOf(tuner.name, name), whole.value(), {}};
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

void KeptMaps::Keep(const bpf_object* object, Pins* pins) const {
  for (const Map& kept : maps_) {
    if (kept.taken) continue;
    pins->Keep(kept.pin, bpf_object__find_map_fd_by_name(object, kept.name.c_str()), kept.layout);
  }
}

}  // namespace bpftune
