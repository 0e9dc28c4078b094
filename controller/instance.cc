// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/instance.h"

#include <cstdio>

namespace bpftune {

std::string InstanceName(const std::set<uint64_t>& scope) {
  if (scope.empty()) return "all";
  // FNV-1a, 64 bits: not a secret, only a name (draft-eastlake-fnv).
  uint64_t hash = 0xcbf29ce484222325;
  for (const uint64_t id : scope) {
    for (int shift = 0; shift < 64; shift += 8) {
      hash = (hash ^ ((id >> shift) & 0xff)) * 0x100000001b3;
    }
  }
  char name[32];
  std::snprintf(name, sizeof(name), "netns-%016llx", static_cast<unsigned long long>(hash));
  return name;
}

}  // namespace bpftune
