// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Kernel modules that a tuner's description names: whether the kernel has what is in them, and
// loading them. Used when a tuner is loaded.

#include <string>

#include "controller/result.h"

namespace bpftune {

enum class ModuleUse {
  kLookOnly,
  kLoad,  // where the kernel has it not yet
};

// Whether the kernel has the congestion control of module `name`, "tcp_htcp": built in, or loaded.
// Loads it by naming it on a socket of our own, as tcp_ca_find_autoload() (net/ipv4/tcp_cong.c)
// offers to whoever has CAP_NET_ADMIN: the kernel runs its own modprobe. A module stays when we
// end.
Status LookForModule(const std::string& name, ModuleUse use);

}  // namespace bpftune
