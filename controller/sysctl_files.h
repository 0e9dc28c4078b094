// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Reads and writes sysctls, in any network namespace. The only code that touches /proc/sys.

#include <cerrno>
#include <cstdint>
#include <list>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "controller/result.h"
#include "controller/unique_fd.h"
#include "controller/values.h"
#include "netns/netns_finder.h"

namespace bpftune {

// Where a tunable is: a sysctl, in a namespace (kNoNetns: one that the whole kernel has once).
struct SysctlPlace {
  NetnsId netns;
  std::string name;  // "net.ipv4.tcp_rmem" (sysctl_name.h)

  friend auto operator<=>(const SysctlPlace&, const SysctlPlace&) = default;
};

// What a read or write of a tunable in a namespace that is gone fails with.
inline bool IsGone(const Error& error) { return error.code() == ENOENT || error.code() == ESRCH; }

class Actuator {
 public:
  virtual ~Actuator() = default;
  // `inode` helps to find the namespace, 0 where it is not known. Errors: ESRCH or ENOENT when the
  // namespace is gone; nothing is ever read or written elsewhere instead.
  virtual Result<Values> Read(const SysctlPlace& place, uint64_t inode) = 0;
  // One write() of the whole text. Errors are the kernel's: EPERM also when the sysctl watcher
  // refused it in favour of the administrator, EROFS where /proc/sys may only be read. Of a tunable
  // in several files each number that is said and differs is written, in an order in which numbers
  // that ascend before and after do so at every instant; if one is refused, those before it go
  // back.
  virtual Status Write(const SysctlPlace& place, uint64_t inode, const Values& values) = 0;
};

// Keeps descriptors on sysctl files: a write through one takes 0.6 us, works from any namespace,
// keeps none alive, and fails with ENOENT when the namespace is gone. The least recently used is
// closed when there are kMostOpen. Writes what was allowed, and nothing but regular files of procfs
// below /proc/sys/net.
class SysctlFiles : public Actuator {
 public:
  static constexpr size_t kMostOpen = 256;

  // `finder` must outlive this. `home` is the namespace of the daemon's thread.
  SysctlFiles(NetnsFinder* finder, NetnsId home) : finder_(finder), home_(home) {}

  // From now on this tunable may be written: a loaded tuner has described it, or did before. A
  // pattern allows that of each device. What may not be written is not opened for writing either.
  void Allow(const std::string& name) { allowed_.insert(name); }

  // EACCES: a tunable that is not allowed, or not below net.
  Result<Values> Read(const SysctlPlace& place, uint64_t inode) override;
  Status Write(const SysctlPlace& place, uint64_t inode, const Values& values) override;

 private:
  struct OpenFile {
    UniqueFd fd;
    int write_error = 0;  // why it could be opened for reading only
    std::list<SysctlPlace>::iterator use;
  };

  enum class Access { kRead, kWrite };

  Access AccessTo(const std::string& name) const;
  Result<OpenFile*> Open(const SysctlPlace& place, uint64_t inode, Access access);
  Result<Values> ReadFile(const SysctlPlace& place, uint64_t inode, Access access);
  Status WriteFile(const SysctlPlace& place, uint64_t inode, const Values& values);
  Status WriteApart(const SysctlPlace& place, uint64_t inode, const Values& values);
  void Forget(const SysctlPlace& place);

  NetnsFinder* finder_;
  NetnsId home_;
  std::set<std::string> allowed_;
  std::map<SysctlPlace, OpenFile> files_;
  std::list<SysctlPlace> uses_;  // most recently used first
};

}  // namespace bpftune
