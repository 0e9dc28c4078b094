// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What a map must have in common with another to stand in for it.

#include <bpf/libbpf.h>

#include <cstdint>

#include "controller/result.h"

namespace bpftune {

struct MapForm {
  bpf_map_type type = BPF_MAP_TYPE_UNSPEC;
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  uint32_t max_entries = 0;
  uint32_t flags = 0;

  friend bool operator==(const MapForm&, const MapForm&) = default;
};

// As an object declares it.
MapForm FormOf(const bpf_map* map);
// As the kernel has it. Fails if the descriptor is not one of a map.
Result<MapForm> FormOf(int fd);

}  // namespace bpftune
