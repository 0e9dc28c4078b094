// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// with_read_only_sysctls COMMAND [ARGUMENT]...: runs a command that may only read /proc/sys, as
// many containers may. In a mount namespace of its own, so that the machine is not touched.

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>

int main(int argc, char** argv) {
  constexpr char kSysctls[] = "/proc/sys";
  const bool ready =
      argc > 1 && unshare(CLONE_NEWNS) == 0 &&
      mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
      mount(kSysctls, kSysctls, nullptr, MS_BIND, nullptr) == 0 &&
      mount(nullptr, kSysctls, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0;
  if (ready) execv(argv[1], argv + 1);
  std::perror("with_read_only_sysctls");
  return 126;
}
