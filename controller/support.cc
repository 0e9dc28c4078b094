// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/support.h"

#include <algorithm>
#include <fstream>
#include <utility>

namespace bpftune {
namespace {

std::string Padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size() + 1), ' ');
  return text;
}

std::string NotLoaded(const LostTuner& lost) {
  return "not loaded: " + lost.file + ": " + lost.why;
}

}  // namespace

std::vector<std::string> SupportLines(const TunerSet& tuners, NetnsIdKind kind) {
  const bool fully =
      tuners.lost().empty() && std::ranges::all_of(tuners.tuners(), [](const auto& tuner) {
        return std::ranges::all_of(tuner->hooks(), &HookState::preferred);
      });
  return {fully ? "bpftune works fully" : "bpftune works in legacy mode",
          kind == NetnsIdKind::kCookie
              ? "bpftune supports per-netns policy (via netns cookie)"
              : "bpftune does not support per-netns policy (via netns cookie); namespaces are told "
                "apart by inode number"};
}

std::vector<std::string> HookTable(const TunerSet& tuners) {
  std::vector<std::string> out = {Padded("tuner", 14) + Padded("hook", 10) + "runs as"};
  for (const auto& tuner : tuners.tuners()) {
    for (const HookState& state : tuner->hooks()) {
      const bool lost = state.program.empty();
      out.push_back(Padded(tuner->description().name, 14) + Padded(state.hook.name, 10) +
                    (lost ? "- " + state.hook.loss : state.program) +
                    (state.preferred ? "" : " (" + state.why_not + ")"));
    }
  }
  for (const auto& tuner : tuners.tuners()) {
    for (const ModuleState& state : tuner->modules()) {
      const std::string& name = state.module.name;
      out.push_back(Padded(tuner->description().name, 14) + Padded("module", 10) +
                    (state.why_not.empty()
                         ? name
                         : "- " + state.module.loss + " (" + name + ": " + state.why_not + ")"));
    }
  }
  for (const auto& [name, why] : tuners.stood_down()) {
    out.push_back(Padded(name, 14) + Padded("-", 10) + "stands down: " + why);
  }
  for (const LostTuner& lost : tuners.lost()) out.push_back(NotLoaded(lost));
  return out;
}

std::vector<std::string> Losses(const Tuner& tuner) {
  std::vector<std::string> out;
  for (const HookState& state : tuner.hooks()) {
    if (!state.program.empty()) continue;
    out.push_back("tuner '" + tuner.description().name + "', hook '" + state.hook.name +
                  "': " + state.hook.loss + " (" + state.why_not + ")");
  }
  return out;
}

std::vector<std::string> Losses(const TunerSet& tuners) {
  std::vector<std::string> out;
  for (const auto& tuner : tuners.tuners()) {
    for (std::string& line : Losses(*tuner)) out.push_back(std::move(line));
  }
  for (const LostTuner& lost : tuners.lost()) out.push_back(NotLoaded(lost));
  return out;
}

Status WriteSupport(const std::string& directory, const TunerSet& tuners, NetnsIdKind kind) {
  const std::string path = directory + "/support";
  std::ofstream file(path, std::ios::trunc);
  for (const std::string& line : SupportLines(tuners, kind)) file << line << '\n';
  for (const std::string& line : HookTable(tuners)) file << line << '\n';
  file.close();
  return file ? Ok() : Status(Error("writing '" + path + "'"));
}

}  // namespace bpftune
