// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Pinned maps, for reading.

#include <bpf/bpf.h>

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "controller/kept/map_form.h"
#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune::ctl {

inline Result<UniqueFd> OpenPinned(const std::string& path, uint32_t flags = BPF_F_RDONLY) {
  LIBBPF_OPTS(bpf_obj_get_opts, options, .file_flags = flags);
  UniqueFd map(bpf_obj_get_opts(path.c_str(), &options));
  if (!map) return Error::FromErrno("opening '" + path + "'");
  return map;
}

// All entries; none of a map with keys or values of another size, as another version has them. One
// that goes meanwhile makes the kernel begin again; there is a limit to that.
template <typename Key, typename Value>
std::vector<std::pair<Key, Value>> EntriesOf(int map) {
  static_assert(std::is_trivially_copyable_v<Key> && std::is_trivially_copyable_v<Value>);
  std::vector<std::pair<Key, Value>> out;
  const auto form = FormOf(map);
  if (!form || form->key_size != sizeof(Key) || form->value_size != sizeof(Value)) return out;
  Key key = {};
  for (const Key* last = nullptr;
       out.size() < size_t{2} * form->max_entries && bpf_map_get_next_key(map, last, &key) == 0;
       last = &key) {
    Value value = {};
    if (bpf_map_lookup_elem(map, &key, &value) == 0) out.emplace_back(key, value);
  }
  return out;
}

}  // namespace bpftune::ctl
