// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/objects/bpf_file_system.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

namespace bpftune::testing {

Result<BpfFileSystem> BpfFileSystem::Mount() {
  std::string path = ::testing::TempDir() + "bpffsXXXXXX";
  if (!mkdtemp(path.data())) return Error::FromErrno("making the folder '" + path + "'");
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return Error::FromErrno("entering a mount namespace of our own");
  if (mount("bpf", path.c_str(), "bpf", 0, "mode=0700") != 0)
    return Error::FromErrno("mounting a BPF file system at '" + path + "'");
  return BpfFileSystem(path);
}

BpfFileSystem::~BpfFileSystem() {
  if (path_.empty()) return;
  (void)umount2(path_.c_str(), MNT_DETACH);  // it goes with the process at the latest
  (void)rmdir(path_.c_str());
}

}  // namespace bpftune::testing
