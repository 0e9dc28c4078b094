// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/support.h"

#include <algorithm>

namespace bpftune {
namespace {

std::string Padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size() + 1), ' ');
  return text;
}

}  // namespace

std::vector<std::string> SupportLines(const std::vector<std::unique_ptr<Tuner>>& tuners,
                                      const std::vector<LostTuner>& lost, NetnsIdKind kind) {
  const bool fully =
      lost.empty() && std::all_of(tuners.begin(), tuners.end(), [](const auto& tuner) {
        return std::all_of(tuner->hooks().begin(), tuner->hooks().end(),
                           [](const HookState& state) { return state.preferred; });
      });
  return {fully ? "bpftune works fully" : "bpftune works in legacy mode",
          kind == NetnsIdKind::kCookie
              ? "bpftune supports per-netns policy (via netns cookie)"
              : "bpftune does not support per-netns policy (via netns cookie); namespaces are told "
                "apart by inode number"};
}

std::vector<std::string> HookTable(const std::vector<std::unique_ptr<Tuner>>& tuners,
                                   const std::vector<LostTuner>& lost) {
  std::vector<std::string> out = {Padded("tuner", 14) + Padded("hook", 10) + "runs as"};
  for (const auto& tuner : tuners) {
    for (const HookState& state : tuner->hooks()) {
      std::string line = Padded(tuner->description().name, 14) + Padded(state.hook.name, 10);
      if (!state.program.empty()) {
        line += state.program;
        if (!state.preferred) line += " (" + state.why_not + ")";
      } else {
        line += "- " + state.hook.loss + " (" + state.why_not + ")";
      }
      out.push_back(line);
    }
  }
  for (const LostTuner& tuner : lost) out.push_back("not loaded: " + tuner.file + ": " + tuner.why);
  return out;
}

}  // namespace bpftune
