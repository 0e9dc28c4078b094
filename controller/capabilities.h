// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What the process may do beyond what any process of root may: five capabilities, each in force
// only while a call is made that needs it. All others are given up at the start.
//
//   CAP_BPF           always: bpf() to read and write maps. Where unprivileged BPF is off, Linux
//                     before 5.19 asks for it at every command.
//   CAP_PERFMON       loading programs that trace; perf_event_open() for kprobes
//   CAP_NET_ADMIN     loading and attaching programs of control groups and sockets;
//                     setsockopt(TCP_CONGESTION) of what is a module yet: the kernel loads it for
//                     whoever has that, so CAP_SYS_MODULE is not needed
//   CAP_SYS_ADMIN     setns() and open_by_handle_at() of a network namespace; fsopen(), fsconfig()
//                     and fsmount() of the control groups; loading: libbpf asks for the types of
//                     modules by BPF_BTF_GET_NEXT_ID, and so do we for the kernel's;
//                     BPF_ENABLE_STATS
//   CAP_SYS_PTRACE    /proc/PID/ns of a process that may do more than we
//
// Before Linux 5.11 maps count as locked memory: that limit is raised before CAP_SYS_RESOURCE is
// given up.
// CAP_SYS_ADMIN includes the first two, and most of the third; where a container runtime does not
// know them, it does. None is needed to write below /proc/sys/net, in whatever namespace, as long
// as the process is root's: sysctls look at the user. Nor is one of CAP_DAC_...: all that the
// daemon opens is root's.

#include <linux/capability.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "controller/result.h"

namespace bpftune {

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order one reads it
struct NeededCapability {
  int capability;
  const char* name;
  bool in_sys_admin;  // CAP_SYS_ADMIN includes it
  const char* loss;   // what does not work without
};
inline constexpr NeededCapability kNeededCapabilities[] = {
    {CAP_BPF, "CAP_BPF", true, "nothing can be loaded"},
    {CAP_PERFMON, "CAP_PERFMON", true, "hooks that trace the kernel do not work"},
    {CAP_NET_ADMIN, "CAP_NET_ADMIN", false, "no module is loaded for another congestion control"},
    {CAP_SYS_ADMIN, "CAP_SYS_ADMIN", false, "no network namespace but its own is tuned"},
    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE", false,
     "before Linux 6.18 network namespaces that have no name below /run/netns are not found"},
};

// From here on the process, and whatever it might start, has those of the above that it has now,
// and CAP_BPF in force, or what includes it. Returns a line for each that it lacks: what does not
// work then. Call it once, before there is a second thread.
Result<std::vector<std::string>> KeepOnlyWhatIsNeeded();

// capget(2) and capset(2) of this thread, a bit each. Not by libcap: with it come means to start
// other programs, which the daemon does without.
struct CapabilitySets {
  uint64_t effective = 0;
  uint64_t permitted = 0;

  static std::optional<CapabilitySets> OfThread();
  // Inheritable ones are given up. False, and errno, if the kernel refuses.
  bool Set() const;
};

// Puts capabilities in force for the calling thread, as long as it lives. One that the process does
// not have is left out: the call will fail, and say so. Leaves errno as it is.
class InForce {
 public:
  explicit InForce(std::initializer_list<int> capabilities);
  InForce(const InForce&) = delete;
  InForce& operator=(const InForce&) = delete;
  ~InForce();

 private:
  std::optional<CapabilitySets> before_;  // none: they were in force already
};

// For loading and attaching programs.
struct InForceForLoading : InForce {
  InForceForLoading() : InForce({CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_ADMIN}) {}
};

}  // namespace bpftune
