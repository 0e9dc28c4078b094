// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// within WHAT[,WHAT]... COMMAND [ARGUMENT]...: runs a command in surroundings that lack something.
// In namespaces of its own, so that the machine is not touched.
//
//   read-only-sysctls    /proc/sys may only be read, as in many containers
//   no-btf               /sys/kernel/btf is empty
//   no-cgroup-mount      cgroup v2 is mounted nowhere
//   cgroup-namespace     the root of control groups is the one it is in
//   outside-of-cgroup    likewise, but it has left it for another
//   another-user         it is nobody's, who may nothing
//   few-capabilities     those of docs/fall-backs.md, and no others

#include <fcntl.h>
#include <grp.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <sstream>
#include <string>

namespace {

constexpr cap_value_t kCapabilities[] = {CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_ADMIN,
                                         CAP_SYS_PTRACE};

bool OwnMounts() {
  return unshare(CLONE_NEWNS) == 0 &&
         mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

bool ReadOnlySysctls() {
  constexpr char kSysctls[] = "/proc/sys";
  return OwnMounts() && mount(kSysctls, kSysctls, nullptr, MS_BIND, nullptr) == 0 &&
         mount(nullptr, kSysctls, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0;
}

bool NoBtf() { return OwnMounts() && mount("none", "/sys/kernel/btf", "tmpfs", 0, nullptr) == 0; }

bool NoCgroupMount() {
  if (!OwnMounts()) return false;
  for (const char* place : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
    (void)umount2(place, MNT_DETACH);  // one of them is there
  }
  return true;
}

// A folder of the hierarchy, and moving into it.
int GroupOf(int root, const char* name) {
  (void)mkdirat(root, name, 0755);  // may be there
  return openat(root, (std::string(name) + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
}
bool Enter(int group) { return write(group, "0", 1) == 1; }

bool LeaveCgroup() {
  const auto context = static_cast<int>(syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC));
  if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return false;
  const auto root = static_cast<int>(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0));
  const int inside = GroupOf(root, "within-inside");
  const int outside = GroupOf(root, "within-outside");
  return Enter(inside) && unshare(CLONE_NEWCGROUP) == 0 && Enter(outside);
}

// The command gets what is in the bounding set: it is root's.
bool FewCapabilities() {
  for (cap_value_t each = 0; cap_get_bound(each) >= 0; ++each) {
    if (std::ranges::find(kCapabilities, each) == std::end(kCapabilities) &&
        cap_drop_bound(each) != 0) {
      return false;
    }
  }
  return true;
}

bool AnotherUser() {
  constexpr id_t kNobody = 65534;
  return setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
         setresuid(kNobody, kNobody, kNobody) == 0;
}

bool Prepare(const std::string& what) {
  if (what == "read-only-sysctls") return ReadOnlySysctls();
  if (what == "no-btf") return NoBtf();
  if (what == "no-cgroup-mount") return NoCgroupMount();
  if (what == "cgroup-namespace") return unshare(CLONE_NEWCGROUP) == 0;
  if (what == "outside-of-cgroup") return LeaveCgroup();
  if (what == "another-user") return AnotherUser();
  if (what == "few-capabilities") return FewCapabilities();
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const int program = argc > 2 ? open(argv[2], O_PATH | O_CLOEXEC) : -1;
  std::istringstream words(argc > 2 ? argv[1] : "");
  for (std::string what; std::getline(words, what, ',');) {
    if (Prepare(what)) continue;
    std::perror(("within " + what).c_str());
    return 126;
  }
  if (argc > 2) {
    execv(argv[2], argv + 2);
    fexecve(program, argv + 2, environ);  // another user may not look into its folder
  }
  std::perror("within");
  return 126;
}
