// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl tunables

#include "tools/bpftunectl/commands.h"

namespace bpftune::ctl {

Answer TunablesCommand(const CommandLine&, const State& state, System* system) {
  Answer out;
  Json rows = Json::array();
  for (const TunableRow& row : RowsOf(state, system->AsOutside())) rows.push_back(JsonOf(row));
  out.document["tunables"] = std::move(rows);
  return out;
}

std::string TunablesText(const Json& document, const Style& style) {
  Table table({"TUNABLE", "WHERE", "NOW", "BEFORE BPFTUNE", "WHOSE", "WRITES", "LAST WRITE"});
  for (const Json& row : document.at("tunables")) {
    const bool on_sockets = row.at("on_sockets").get<bool>();
    const auto owner = row.at("owner").get<std::string>();
    const bool theirs = owner == "administrator";
    const Colour colour = theirs              ? Colour::kWarning
                          : owner == "nobody" ? Colour::kDim
                                              : Colour::kGood;
    const int64_t when = theirs ? TimeIn(row.at("administrator"), "at") : TimeIn(row, "written_at");
    table.Add({row.at("tunable").get<std::string>(),
               row.at("netns").at("name").get<std::string>(),
               on_sockets ? "on sockets" : ValuesIn(row, "now"),
               ValuesIn(row, "first"),
               {owner == "nobody" ? "-" : owner, colour},
               std::to_string(row.at("writes").get<uint64_t>()),
               when > 0 ? Ago(when, style) : "-"});
  }
  return table.empty() ? "bpftune has no tuner here, so there is nothing that it would tune\n"
                       : table.Text(style);
}

}  // namespace bpftune::ctl
