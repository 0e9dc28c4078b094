// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/shared_maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/common/request_abi.h"

namespace bpftune {
namespace {

enum class Pinned {
  kNo,
  kShown,  // for bpftunectl
  kKept,   // outlives the daemon
};

struct SharedMap {
  const char* name;
  MapForm form;
  Pinned pinned = Pinned::kNo;
};

constexpr SharedMap Hash(const char* name, size_t key, size_t value, uint32_t entries,
                         Pinned pinned = Pinned::kNo) {
  return {name,
          {BPF_MAP_TYPE_HASH, static_cast<uint32_t>(key), static_cast<uint32_t>(value), entries,
           BPF_F_NO_PREALLOC},
          pinned};
}

// What keys and values of these mean is the version's matter, see state_abi.h.
constexpr uint64_t kLayout = STATE_ABI_VERSION;

constexpr SharedMap kMaps[] = {
    Hash(MAP_OWNERS, sizeof(state_key), sizeof(owner), STATE_MAX_ENTRIES, Pinned::kKept),
    Hash(MAP_PUBLISHED, sizeof(state_key), sizeof(published), STATE_MAX_ENTRIES, Pinned::kKept),
    Hash(MAP_PENDING, sizeof(state_key), sizeof(pending), STATE_MAX_ENTRIES, Pinned::kShown),
    Hash(MAP_ORDERS, sizeof(state_key), sizeof(order), STATE_MAX_ENTRIES),
    Hash(MAP_WATCHED, sizeof(watched_key), sizeof(watched), WATCHED_MAX_ENTRIES),
    Hash(MAP_SCOPE, sizeof(__u64), sizeof(__u8), SCOPE_MAX_ENTRIES),
    Hash(MAP_NAMESPACES, sizeof(state_key), sizeof(netns_seen), NAMESPACES_MAX_ENTRIES,
         Pinned::kShown),
    {MAP_REQUESTS, {BPF_MAP_TYPE_RINGBUF, 0, 0, REQUESTS_BYTES, 0}},
    {MAP_BEATS, {BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(beat), TUNERS_MAX, 0}},
    {MAP_SCORES,
     {BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(score), TUNERS_MAX* TUNER_MAX_STRATEGIES, 0},
     Pinned::kShown},
    {MAP_ACTIVE,
     {BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(active_strategy), TUNERS_MAX, 0},
     Pinned::kShown},
    {MAP_SAMPLES,
     {BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(sample), TUNERS_MAX* TUNER_MAX_SAMPLES, 0}},
    {MAP_CONTROL,
     {BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(tuner_control), CONTROLS_MAX, 0},
     Pinned::kKept},
    {MAP_ALIVE, {BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(alive), 1, 0}},
};

}  // namespace

Result<SharedMaps> SharedMaps::Create(Pins* pins) {
  SharedMaps out;
  for (const SharedMap& map : kMaps) {
    const bool is_kept = map.pinned == Pinned::kKept;
    UniqueFd fd = is_kept ? pins->Take(map.name, map.form, kLayout) : UniqueFd();
    if (!fd) {
      LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = map.form.flags);
      fd.reset(bpf_map_create(map.form.type, map.name, map.form.key_size, map.form.value_size,
                              map.form.max_entries, &options));
      if (!fd) return Error::FromErrno(std::string("creating map '") + map.name + "'");
      if (is_kept) pins->Keep(map.name, fd.get(), kLayout);
    }
    if (map.pinned == Pinned::kShown) pins->Show(map.name, fd.get());
    out.maps_.emplace(map.name, std::move(fd));
  }
  return out;
}

std::vector<int> SharedMaps::StateMaps() const {
  std::vector<int> out;
  for (const SharedMap& shared : kMaps) {
    if (shared.form.key_size == sizeof(state_key)) out.push_back(fd(shared.name));
  }
  return out;
}

Status SharedMaps::GiveTo(bpf_object* object) const {
  for (const SharedMap& shared : kMaps) {
    bpf_map* map = bpf_object__find_map_by_name(object, shared.name);
    if (!map) continue;
    if (FormOf(map) != shared.form) {
      return Error(std::string("the object declares map '") + shared.name +
                   "' otherwise than this bpftune; build it against its headers");
    }
    const int err = bpf_map__reuse_fd(map, fd(shared.name));
    if (err) return Error(err, std::string("sharing map '") + shared.name + "'");
  }
  return Ok();
}

std::vector<state_key> StateKeys(int map) {
  constexpr size_t kMost = size_t{2} * NAMESPACES_MAX_ENTRIES;
  std::vector<state_key> out;
  state_key key = {};
  const state_key* last = nullptr;
  while (out.size() < kMost && bpf_map_get_next_key(map, last, &key) == 0) {
    out.push_back(key);
    last = &key;
  }
  return out;
}

void DropEntries(int map, const std::function<bool(const state_key&)>& stays) {
  for (const state_key& key : StateKeys(map)) {
    if (!stays(key)) (void)bpf_map_delete_elem(map, &key);  // gone either way
  }
}

}  // namespace bpftune
