// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/shared_maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <iterator>

#include "bpf/common/request_abi.h"
#include "bpf/common/state_abi.h"

namespace bpftune {
namespace {

struct MapForm {
  const char* name;
  bpf_map_type type;
  uint32_t key_size;
  uint32_t value_size;
  uint32_t max_entries;
  uint32_t flags;
};

constexpr MapForm Hash(const char* name, size_t key, size_t value, uint32_t entries) {
  return {name,    BPF_MAP_TYPE_HASH, static_cast<uint32_t>(key), static_cast<uint32_t>(value),
          entries, BPF_F_NO_PREALLOC};
}

constexpr MapForm kForms[] = {
    Hash(MAP_OWNERS, sizeof(state_key), sizeof(owner), STATE_MAX_ENTRIES),
    Hash(MAP_PUBLISHED, sizeof(state_key), sizeof(published), STATE_MAX_ENTRIES),
    Hash(MAP_PENDING, sizeof(state_key), sizeof(pending), STATE_MAX_ENTRIES),
    Hash(MAP_ORDERS, sizeof(state_key), sizeof(order), STATE_MAX_ENTRIES),
    Hash(MAP_WATCHED, sizeof(watched_key), sizeof(watched), WATCHED_MAX_ENTRIES),
    Hash(MAP_SCOPE, sizeof(__u64), sizeof(__u8), SCOPE_MAX_ENTRIES),
    {MAP_REQUESTS, BPF_MAP_TYPE_RINGBUF, 0, 0, REQUESTS_BYTES, 0},
    {MAP_BEATS, BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(beat), TUNERS_MAX, 0},
    {MAP_ALIVE, BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(alive), 1, 0},
    {MAP_SAMPLES, BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(sample), TUNERS_MAX* TUNER_MAX_SAMPLES,
     0},
};

}  // namespace

Result<SharedMaps> SharedMaps::Create() {
  SharedMaps out;
  for (const MapForm& form : kForms) {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = form.flags);
    UniqueFd fd(bpf_map_create(form.type, form.name, form.key_size, form.value_size,
                               form.max_entries, &options));
    if (!fd) return Error::FromErrno(std::string("creating map '") + form.name + "'");
    out.maps_.emplace(form.name, std::move(fd));
  }
  return out;
}

std::vector<int> SharedMaps::StateMaps() const {
  std::vector<int> out;
  for (const MapForm& form : kForms) {
    if (form.key_size == sizeof(state_key)) out.push_back(fd(form.name));
  }
  return out;
}

Status SharedMaps::GiveTo(bpf_object* object) const {
  for (const MapForm& form : kForms) {
    bpf_map* map = bpf_object__find_map_by_name(object, form.name);
    if (!map) continue;
    const bool same = bpf_map__type(map) == form.type && bpf_map__key_size(map) == form.key_size &&
                      bpf_map__value_size(map) == form.value_size &&
                      bpf_map__max_entries(map) == form.max_entries &&
                      bpf_map__map_flags(map) == form.flags;
    if (!same) {
      return Error(std::string("the object declares map '") + form.name +
                   "' otherwise than this bpftune; build it against its headers");
    }
    const int err = bpf_map__reuse_fd(map, fd(form.name));
    if (err) return Error(err, std::string("sharing map '") + form.name + "'");
  }
  return Ok();
}

}  // namespace bpftune
