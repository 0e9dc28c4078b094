// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/instance.h"

#include <fcntl.h>

#include <cstdio>

#include "controller/unique_fd.h"
#include "netns/netns_id.h"

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

Result<std::set<uint64_t>> ScopeOf(const std::vector<std::string>& paths) {
  std::set<uint64_t> scope;
  for (const std::string& path : paths) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return Error::FromErrno("opening '" + path + "'");
    auto id = IdOf(fd.get());
    if (!id) return id.error().Within("--netns '" + path + "'");
    scope.insert(id->value);
  }
  return scope;
}

}  // namespace bpftune
