// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/capabilities.h"

#include <bpf/libbpf.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace bpftune {
namespace {

constexpr uint64_t Bit(int capability) { return uint64_t{1} << capability; }

// libbpf does it, where the kernel needs it, with the first thing that it loads.
void RaiseLimitOfLockedMemory() {
  (void)libbpf_probe_bpf_helper(BPF_PROG_TYPE_SOCKET_FILTER, BPF_FUNC_ktime_get_coarse_ns, nullptr);
}

// So that nothing that is executed could have them again. Needs CAP_SETPCAP; where that is missing
// no_new_privs, below, is enough.
void LeaveBoundingSet(uint64_t kept) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (!(kept & Bit(capability))) (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

}  // namespace

std::optional<CapabilitySets> CapabilitySets::OfThread() {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return std::nullopt;
  return CapabilitySets{
      .effective = data[0].effective | uint64_t{data[1].effective} << 32,
      .permitted = data[0].permitted | uint64_t{data[1].permitted} << 32,
  };
}

bool CapabilitySets::Set() const {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  for (int half = 0; half < _LINUX_CAPABILITY_U32S_3; ++half) {
    data[half].effective = static_cast<__u32>(effective >> (32 * half));
    data[half].permitted = static_cast<__u32>(permitted >> (32 * half));
  }
  return syscall(SYS_capset, &header, data) == 0;
}

Result<std::vector<std::string>> KeepOnlyWhatIsNeeded() {
  const auto now = CapabilitySets::OfThread();
  if (!now) return Error::FromErrno("asking for the capabilities of the process");
  CapabilitySets kept;
  std::vector<std::string> lines;
  for (const NeededCapability& needed : kNeededCapabilities) {
    kept.permitted |= now->permitted & Bit(needed.capability);
    const uint64_t enough =
        Bit(needed.capability) | (needed.in_sys_admin ? Bit(CAP_SYS_ADMIN) : uint64_t{0});
    if (now->permitted & enough) continue;
    lines.push_back(std::string("without ") + needed.name + " " + needed.loss);
  }
  kept.effective = kept.permitted & Bit(kept.permitted & Bit(CAP_BPF) ? CAP_BPF : CAP_SYS_ADMIN);
  RaiseLimitOfLockedMemory();
  LeaveBoundingSet(kept.permitted);
  (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);  // goes with what is permitted
  if (!kept.Set()) return Error::FromErrno("giving up capabilities");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error::FromErrno("no_new_privs");
  return lines;
}

InForce::InForce(std::initializer_list<int> capabilities) {
  const int error = errno;
  const auto before = CapabilitySets::OfThread();
  if (before) {
    CapabilitySets wanted = *before;
    for (const int capability : capabilities) wanted.effective |= Bit(capability);
    wanted.effective &= wanted.permitted;
    if (wanted.effective != before->effective && wanted.Set()) before_ = before;
  }
  errno = error;
}

InForce::~InForce() {
  if (!before_) return;
  const int error = errno;
  if (!before_->Set()) std::abort();  // cannot be: it only gives up
  errno = error;
}

}  // namespace bpftune
