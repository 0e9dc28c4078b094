// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl history, namespaces

#include <algorithm>

#include "controller/sysctl_name.h"
#include "tools/bpftunectl/commands.h"
#include "tools/bpftunectl/decisions.h"

namespace bpftune::ctl {
namespace {

Colour ColourOf(const std::string& outcome) {
  if (outcome == "changed") return Colour::kGood;
  return outcome == "refused" || outcome == "yielded" ? Colour::kWarning : Colour::kPlain;
}

}  // namespace

Answer HistoryCommand(const CommandLine& line, const State& state, System*) {
  Answer out;
  const std::vector<Json> decisions = ReadDecisions(state.folder, line.name, line.last);
  const std::vector<std::string> names = NamesOf(state);
  if (decisions.empty() && !line.name.empty() &&
      std::ranges::find(names, line.name) == names.end() &&
      std::ranges::find(names, PatternOf(line.name)) == names.end()) {
    return Failure(kUsage, NoSuch("tunable", line.name, names));
  }
  out.document["decisions"] = decisions;
  return out;
}

std::string HistoryText(const Json& document, const Style& style) {
  std::string out;
  for (const Json& decision : document.at("decisions")) {
    const auto outcome = decision.at("outcome").get<std::string>();
    out += Coloured(decision.at("time").get<std::string>(), Colour::kBold, style) + "  " +
           Coloured(Harmless(outcome), ColourOf(outcome), style) + "  " +
           Harmless(decision.at("tuner").get<std::string>() + "  " +
                    decision.at("tunable").get<std::string>()) +
           "\n";
    for (const Json& line : decision.at("lines")) {
      out += "    " + Harmless(line.get<std::string>()) + "\n";
    }
  }
  return out.empty() ? "no decision is remembered\n" : out;
}

Answer NamespacesCommand(const CommandLine&, const State& state, System* system) {
  Answer out;
  const auto rows = RowsOf(state, system->AsOutside());
  Json namespaces = Json::array();
  for (const NamespaceEntry& entry : state.namespaces) {
    const auto count = [&](Owner owner) {
      return std::ranges::count_if(rows, [&](const TunableRow& row) {
        return row.key.netns == entry.id && row.owner == owner;
      });
    };
    namespaces.push_back({{"id", entry.id},
                          {"name", system->names().DisplayName(NetnsId{entry.id})},
                          {"known_since", JsonOfTime(state.TimeOf(entry.first_ns))},
                          {"changed", count(Owner::kBpftune)},
                          {"yielded", count(Owner::kAdministrator)}});
  }
  auto& list = namespaces.get_ref<Json::array_t&>();
  std::sort(list.begin(), list.end(), [](const Json& a, const Json& b) {
    return a.at("id").get<uint64_t>() < b.at("id").get<uint64_t>();
  });
  out.document["namespaces"] = std::move(namespaces);
  return out;
}

std::string NamespacesText(const Json& document, const Style& style) {
  Table table({"ID", "NAMESPACE", "KNOWN SINCE", "CHANGED", "LEFT TO OTHERS"});
  for (const Json& one : document.at("namespaces")) {
    table.Add({one.at("id").dump(), one.at("name").get<std::string>(),
               Ago(TimeIn(one, "known_since"), style), one.at("changed").dump(),
               one.at("yielded").dump()});
  }
  return table.empty() ? "no network namespace is known\n" : table.Text(style);
}

}  // namespace bpftune::ctl
