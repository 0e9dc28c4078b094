// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What is in a map of a tuner, by the types that the kernel has with it: so the tool knows nothing
// of a tuner that it is not told.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "controller/result.h"
#include "tools/bpftunectl/json.h"

struct btf;

namespace bpftune::ctl {

// A value of that type: objects, arrays, numbers. Null where the type is none of these, or the
// bytes end too early. Pure.
Json ValueOf(const btf* types, uint32_t type, std::span<const std::byte> bytes);

// The members' names of a struct; empty: it is none.
std::vector<std::string> MembersOf(const btf* types, uint32_t type);

// Entries of a pinned map of which key and value have these members, {"key": .., "value": ..}. One
// that has others is no error but has no entries.
Result<std::vector<Json>> EntriesWith(const std::string& pin, const std::vector<std::string>& key,
                                      const std::vector<std::string>& value);

}  // namespace bpftune::ctl
