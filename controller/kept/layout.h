// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Fingerprints of what bytes in a map mean. A daemon takes over what another has kept only where
// they are the same.

#include <cstdint>

#include "controller/description.h"
#include "controller/result.h"

struct bpf_map;
struct btf;

namespace bpftune {

// Of a map's key and value, as the object's BTF has them: sizes, names and offsets of all members.
// What the records are called does not count. Fails if they have no types, or too many.
Result<uint64_t> LayoutOf(const btf* types, const bpf_map* map);

// Of a type by itself.
Result<uint64_t> LayoutOf(const btf* types, uint32_t type);

// Of what the rows in a tuner's keys stand for.
uint64_t RowsOf(const Description& description);

}  // namespace bpftune
