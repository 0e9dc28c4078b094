// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kept/instance.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "controller/capabilities.h"
#include "controller/kept/fingerprint.h"
#include "controller/unique_fd.h"
#include "netns/netns_id.h"

namespace bpftune {
namespace {

// What the holder of the lock has written into it; 0 before it has.
long PidIn(int lock) {
  char text[32] = {};
  const ssize_t length = pread(lock, text, sizeof(text) - 1, 0);
  return length > 0 ? std::strtol(text, nullptr, 10) : 0;
}

}  // namespace

std::string InstanceName(const std::set<uint64_t>& scope) {
  if (scope.empty()) return "all";
  Fingerprint ids;
  for (const uint64_t id : scope) ids.Add(id);
  char name[32];
  std::snprintf(name, sizeof(name), "netns-%016llx", static_cast<unsigned long long>(ids.value()));
  return name;
}

Status MakeDirectories(const std::string& directory) {
  std::filesystem::path path;
  for (const auto& part : std::filesystem::path(directory)) {
    path /= part;
    if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) continue;
    // Where it exists, a file system may also say that it cannot be written.
    const Error why = Error::FromErrno("making the folder '" + path.string() + "'");
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored)) return why;
  }
  return Ok();
}

Result<UniqueFd> LockInstance(const std::string& directory) {
  if (auto made = MakeDirectories(directory); !made) return made.error();
  const std::string path = directory + "/lock";
  UniqueFd lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return Error::FromErrno("opening '" + path + "'");
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    if (why != EWOULDBLOCK) return Error(why, "locking '" + path + "'");
    return Error(why, "another bpftune (pid " + std::to_string(PidIn(lock.get())) +
                          ") tunes the same namespaces; stop it first ('" + path + "' is locked)");
  }
  if (ftruncate(lock.get(), 0) != 0 || dprintf(lock.get(), "%d\n", getpid()) < 0) {
    return Error::FromErrno("writing '" + path + "'");
  }
  return lock;
}

Result<std::set<uint64_t>> ScopeOf(const std::vector<std::string>& paths) {
  std::set<uint64_t> scope;
  for (const std::string& path : paths) {
    const InForce may_look({CAP_SYS_PTRACE});
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return Error::FromErrno("opening '" + path + "'");
    auto id = IdOf(fd.get());
    if (!id) return id.error().Within("--netns '" + path + "'");
    scope.insert(id->value);
  }
  return scope;
}

}  // namespace bpftune
