// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kept/map_form.h"

#include <bpf/bpf.h>

#include <vector>

namespace bpftune {

MapForm FormOf(const bpf_map* map) {
  return {bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
          bpf_map__max_entries(map), bpf_map__map_flags(map)};
}

Result<MapForm> FormOf(int fd) {
  // Programs and links have such information too, of another kind; only a map has a file like this.
  bpf_map_info info = {};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return Error::FromErrno("asking about a map");
  std::vector<char> key(info.key_size > 0 && info.key_size <= 4096 ? info.key_size : 4096);
  const int err = bpf_map_get_next_key(fd, nullptr, key.data());
  if (err != 0 && err != -ENOENT) return Error(err, "reading a map");
  return MapForm{static_cast<bpf_map_type>(info.type), info.key_size, info.value_size,
                 info.max_entries, info.map_flags};
}

}  // namespace bpftune
