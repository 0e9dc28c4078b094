// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What works on this system, in words: the known lines that scripts look for, then each hook.

#include <string>
#include <vector>

#include "controller/result.h"
#include "controller/tuner_set.h"
#include "netns/netns_id.h"

namespace bpftune {

// "bpftune works fully" when every hook of every tuner runs by its preferred means, otherwise
// "bpftune works in legacy mode"; then whether each namespace can be told apart for certain.
std::vector<std::string> SupportLines(const TunerSet& tuners, NetnsIdKind kind);

// One line a hook: tuner, hook, program in use; and what is lost where none works. Likewise one a
// module, and one a tuner that has nothing to do on this kernel.
std::vector<std::string> HookTable(const TunerSet& tuners);

// What does not work, a line each: of one tuner; of all, and those that are not loaded.
std::vector<std::string> Losses(const Tuner& tuner);
std::vector<std::string> Losses(const TunerSet& tuners);

// Both, in a file that bpftunectl reads; it may fail.
Status WriteSupport(const std::string& directory, const TunerSet& tuners, NetnsIdKind kind);

}  // namespace bpftune
