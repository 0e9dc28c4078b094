// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/cgroup.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "controller/capabilities.h"

namespace bpftune {
namespace {

// By system call: glibc has wrappers only since 2.36.
UniqueFd MountDetached() {
  const InForce may_mount({CAP_SYS_ADMIN});
  UniqueFd context(static_cast<int>(syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC)));
  if (!context ||
      syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return {};
  }
  return UniqueFd(static_cast<int>(syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0)));
}

// proc_pid_mountinfo(5): ID PARENT DEV ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE SOURCE OPTIONS
std::string MountedAt() {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point;
    fields >> id >> parent >> device >> root >> point;
    if (root == "/" && line.find(" - cgroup2 ") != line.npos) return point;
  }
  return {};
}

}  // namespace

Result<UniqueFd> OpenCgroupRoot() {
  UniqueFd detached = MountDetached();
  if (detached) return detached;
  const Error why = Error::FromErrno("mounting cgroup v2");
  const std::string path = MountedAt();
  if (path.empty()) return why;
  UniqueFd mounted(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!mounted) return Error::FromErrno("opening '" + path + "'");
  return mounted;
}

}  // namespace bpftune
