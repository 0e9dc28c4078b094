// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl export: what was found, as a file for sysctl.d(5), for machines without bpftune or for
// the next boot.

#include "controller/sysctl_name.h"
#include "tools/bpftunectl/commands.h"

namespace bpftune::ctl {

Answer ExportCommand(const CommandLine&, const State& state, System* system) {
  Answer out;
  Json settings = Json::array();
  size_t elsewhere = 0;
  for (const TunableRow& row : RowsOf(state, system->AsOutside())) {
    if (row.owner != Owner::kBpftune || !row.written) continue;
    // A file of sysctl.d is for the namespace of the machine.
    if (row.key.netns != 0 && NetnsId{row.key.netns} != system->home()) {
      ++elsewhere;
      continue;
    }
    const std::vector<std::string> files = FilesOf(row.name);
    const Values written = row.written.value_or(Values());
    const Values before = row.first.value_or(Values());
    for (size_t i = 0; i < files.size(); ++i) {
      Values value = written;
      Values first = before;
      if (files.size() > 1) {
        value = {.number = {written.number[i]}, .count = 1};
        first = {.number = {before.number[i]}, .count = 1};
      }
      if (value == first) continue;
      settings.push_back({{"name", files[i]},
                          {"value", JsonOf(value)},
                          {"first", JsonOf(first)},
                          {"tuner", row.tuner->name},
                          {"writes", row.writes},
                          {"written_at", JsonOfTime(row.written_s)}});
    }
  }
  out.document["settings"] = std::move(settings);
  out.document["in_other_namespaces"] = elsewhere;
  return out;
}

std::string ExportText(const Json& document, const Style&) {
  std::string out = "# Found by bpftune, " + document.at("time").get<std::string>() +
                    ". For a file below /etc/sysctl.d; where bpftune runs\n"
                    "# it is not needed, and is only where it starts from.\n";
  for (const Json& setting : document.at("settings")) {
    out += "\n# was " + ValuesIn(setting, "first") + "; tuner " +
           setting.at("tuner").get<std::string>() + ", " + setting.at("writes").dump() +
           " changes, the last " + setting.at("written_at").dump() + "\n" +
           setting.at("name").get<std::string>() + " = " + ValuesIn(setting, "value") + "\n";
  }
  if (document.at("settings").empty()) out += "# Nothing is changed in this namespace.\n";
  if (const auto others = document.at("in_other_namespaces").get<uint64_t>(); others != 0) {
    out +=
        "# (" + std::to_string(others) + " tunables of other network namespaces are left out.)\n";
  }
  return out;
}

}  // namespace bpftune::ctl
