// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Network namespaces for the tests in this folder, each held by exactly what the test says. Nothing
// is left on the machine: mounts are made in a mount namespace of the test process's own.

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <thread>

#include "controller/unique_fd.h"
#include "netns/netns_id.h"

namespace bpftune::testing {

// A new namespace, held by this descriptor alone. Like everything here it ends the process with a
// message where it fails: there is no test without it.
UniqueFd MakeNetns();

// What a test keeps of a namespace that it no longer holds.
struct KnownNetns {
  NetnsId id;
  uint64_t inode = 0;
};
KnownNetns Know(int netns_fd, NetnsIdKind kind = ProbeNetnsIdKind());

// A process named `name` that holds a namespace, and has no descriptor of ours.
class ProcessIn {
 public:
  ProcessIn(int netns_fd, const std::string& name);
  ~ProcessIn();
  ProcessIn(const ProcessIn&) = delete;
  ProcessIn& operator=(const ProcessIn&) = delete;

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

// A thread of this process in a new namespace that nothing else holds.
class ThreadInNew {
 public:
  ThreadInNew();
  ~ThreadInNew();
  ThreadInNew(const ThreadInNew&) = delete;
  ThreadInNew& operator=(const ThreadInNew&) = delete;

  const KnownNetns& netns() const { return netns_; }

 private:
  KnownNetns netns_;
  UniqueFd stop_;
  std::thread thread_;
};

// A temporary directory in a mount namespace of our own, where namespaces can be mounted.
class MountDir {
 public:
  MountDir();
  ~MountDir();
  MountDir(const MountDir&) = delete;
  MountDir& operator=(const MountDir&) = delete;

  const std::string& path() const { return path_; }
  // Returns the path of the mount.
  std::string Mount(int netns_fd, const std::string& name) const;
  void Unmount(const std::string& name) const;

 private:
  std::string path_;
};

size_t CountOpenDescriptors();

}  // namespace bpftune::testing
