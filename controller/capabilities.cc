// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/capabilities.h"

#include <bpf/libbpf.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace bpftune {
namespace {

// libbpf does it, where the kernel needs it, with the first thing that it loads.
void RaiseLimitOfLockedMemory() {
  (void)libbpf_probe_bpf_helper(BPF_PROG_TYPE_SOCKET_FILTER, BPF_FUNC_ktime_get_coarse_ns, nullptr);
}

bool Has(cap_t capabilities, cap_value_t capability, cap_flag_t set) {
  cap_flag_value_t value = CAP_CLEAR;
  return cap_get_flag(capabilities, capability, set, &value) == 0 && value == CAP_SET;
}

// So that nothing that is executed could have them again. Needs CAP_SETPCAP; where that is missing
// no_new_privs, below, is enough.
void LeaveBoundingSet(cap_t kept) {
  for (cap_value_t capability = 0; CAP_IS_SUPPORTED(capability); ++capability) {
    if (!Has(kept, capability, CAP_PERMITTED)) (void)cap_drop_bound(capability);
  }
}

}  // namespace

std::string CapabilityName(cap_value_t capability) {
  char* const text = cap_to_name(capability);
  if (!text) return std::to_string(capability);
  std::string name = text;
  cap_free(text);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
  return name;
}

Result<std::vector<std::string>> KeepOnlyWhatIsNeeded() {
  const CapabilitiesPtr now(cap_get_proc());
  const CapabilitiesPtr kept(cap_init());
  if (!now || !kept) return Error::FromErrno("asking for the capabilities of the process");
  std::vector<std::string> lines;
  const auto keep = [&](cap_value_t capability) {
    if (!Has(now.get(), capability, CAP_PERMITTED)) return false;
    return cap_set_flag(kept.get(), CAP_PERMITTED, 1, &capability, CAP_SET) == 0;
  };
  const bool has_sys_admin = Has(now.get(), CAP_SYS_ADMIN, CAP_PERMITTED);
  for (const NeededCapability& needed : kNeededCapabilities) {
    if (keep(needed.capability) || (needed.in_sys_admin && has_sys_admin)) continue;
    lines.push_back("without " + CapabilityName(needed.capability) + " " + needed.loss);
  }
  const cap_value_t always = Has(kept.get(), CAP_BPF, CAP_PERMITTED) ? CAP_BPF : CAP_SYS_ADMIN;
  if (Has(kept.get(), always, CAP_PERMITTED)) {
    (void)cap_set_flag(kept.get(), CAP_EFFECTIVE, 1, &always, CAP_SET);  // fails for no such flag
  }
  RaiseLimitOfLockedMemory();
  LeaveBoundingSet(kept.get());
  (void)cap_reset_ambient();  // goes with what is permitted in any case
  if (cap_set_proc(kept.get()) != 0) return Error::FromErrno("giving up capabilities");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error::FromErrno("no_new_privs");
  return lines;
}

InForce::InForce(std::initializer_list<cap_value_t> capabilities) {
  const int error = errno;
  CapabilitiesPtr before(cap_get_proc());
  const CapabilitiesPtr wanted(before ? cap_dup(before.get()) : nullptr);
  if (wanted) {
    bool changes = false;
    for (const cap_value_t capability : capabilities) {
      if (!Has(before.get(), capability, CAP_PERMITTED) ||
          Has(before.get(), capability, CAP_EFFECTIVE)) {
        continue;
      }
      changes |= cap_set_flag(wanted.get(), CAP_EFFECTIVE, 1, &capability, CAP_SET) == 0;
    }
    if (changes && cap_set_proc(wanted.get()) == 0) before_ = std::move(before);
  }
  errno = error;
}

InForce::~InForce() {
  if (!before_) return;
  const int error = errno;
  if (cap_set_proc(before_.get()) != 0) std::abort();  // cannot be: it only gives up
  errno = error;
}

}  // namespace bpftune
