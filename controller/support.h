// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What works on this system, in words: the known lines that scripts look for, then each hook.

#include <memory>
#include <string>
#include <vector>

#include "controller/result.h"
#include "controller/tuner.h"
#include "netns/netns_id.h"

namespace bpftune {

// A tuner that could not be loaded, and why.
struct LostTuner {
  std::string file;
  std::string why;
};

// "bpftune works fully" when every hook of every tuner runs by its preferred means, otherwise
// "bpftune works in legacy mode"; then whether each namespace can be told apart for certain.
std::vector<std::string> SupportLines(const std::vector<std::unique_ptr<Tuner>>& tuners,
                                      const std::vector<LostTuner>& lost, NetnsIdKind kind);

// One line a hook: tuner, hook, program in use; and what is lost where none works.
std::vector<std::string> HookTable(const std::vector<std::unique_ptr<Tuner>>& tuners,
                                   const std::vector<LostTuner>& lost);

}  // namespace bpftune
