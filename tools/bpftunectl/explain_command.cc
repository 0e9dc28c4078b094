// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl explain TUNABLE: what somebody wants to know at three in the morning.

#include <algorithm>
#include <set>

#include "controller/limits.h"
#include "controller/sysctl_name.h"
#include "tools/bpftunectl/commands.h"
#include "tools/bpftunectl/decisions.h"
#include "tools/bpftunectl/sysctl_conf.h"

namespace bpftune::ctl {
namespace {

constexpr size_t kDecisionsShown = 5;

// The name that is described, for what was asked: of a device, its pattern.
std::string Described(const std::string& asked, const std::vector<std::string>& names) {
  if (std::ranges::find(names, asked) != names.end()) return asked;
  std::string pattern = PatternOf(asked);
  if (std::ranges::find(names, pattern) != names.end()) return pattern;
  for (const std::string& name : names) {  // one file of several
    const std::vector<std::string> files = FilesOf(name);
    if (std::ranges::find(files, asked) != files.end()) return name;
  }
  return "";
}

const TunerView* TunerWith(const State& state, const std::string& name, const Tunable** tunable) {
  for (const TunerView& tuner : state.tuners) {
    if (!tuner.description) continue;
    for (const Tunable& one : tuner.description->tunables) {
      if (one.name != name) continue;
      *tunable = &one;
      return &tuner;
    }
  }
  return nullptr;
}

Json ScenariosOf(const Description& tuner) {
  Json out = Json::array();
  for (const Scenario& scenario : tuner.scenarios) {
    out.push_back(
        {{"id", scenario.id}, {"name", scenario.name}, {"description", scenario.description}});
  }
  return out;
}

std::string OwnerWords(const Json& row, const Style& style) {
  const auto owner = row.at("owner").get<std::string>();
  if (row.at("on_sockets").get<bool>()) return "set on single connections, not as a sysctl";
  if (owner == "nobody") return "as it was found; bpftune may change it";
  if (owner == "bpftune") {
    return "bpftune's: written " + row.at("writes").dump() + " times, last " +
           Ago(TimeIn(row, "written_at"), style);
  }
  const Json& theirs = row.at("administrator");
  std::string out = "somebody else's: ";
  out += theirs.at("pid") != 0 ? "process " + theirs.at("pid").dump() : "somebody, unseen,";
  out += " wrote ";
  out += theirs.at("value").is_null() ? "'" + theirs.at("tunable").get<std::string>() + "'"
                                      : "(" + ValuesIn(theirs, "value") + ")";
  return out + " " + Ago(TimeIn(theirs, "at"), style) + "; bpftune leaves it alone";
}

void AddPlace(const Json& row, const Style& style, std::string* out) {
  const auto owner = row.at("owner").get<std::string>();
  *out += "\nin " +
          Coloured(Harmless(row.at("netns").at("name").get<std::string>()), Colour::kBold, style) +
          "\n";
  Facts facts;
  const bool on_sockets = row.at("on_sockets").get<bool>();
  if (!on_sockets) {
    facts.Add("  value now", row.at("now").is_null() ? "cannot be read" : ValuesIn(row, "now"));
    if (!row.at("first").is_null()) facts.Add("  before bpftune", ValuesIn(row, "first"));
    if (!row.at("written").is_null() && row.at("written") != row.at("now")) {
      facts.Add("  bpftune wrote", ValuesIn(row, "written"));
    }
  }
  facts.Add("  whose it is",
            {OwnerWords(row, style), owner == "administrator" ? Colour::kWarning : Colour::kPlain});
  if (owner == "administrator") {
    facts.Add("  to give it back", "bpftunectl reclaim " + row.at("tunable").get<std::string>());
  } else if (owner == "bpftune") {
    facts.Add("  to undo it", "bpftunectl rollback " + row.at("tunable").get<std::string>());
  }
  if (const auto refused = row.at("refused").get<uint64_t>(); refused != 0) {
    facts.Add("  refused", std::to_string(refused) + " times since; the decisions say why");
  }
  *out += facts.Text(style);
}

}  // namespace

Answer ExplainCommand(const CommandLine& line, const State& state, System* system) {
  const std::vector<std::string> names = NamesOf(state);
  const std::string name = Described(line.name, names);
  if (name.empty()) return Failure(kUsage, NoSuch("tunable", line.name, names));
  const Tunable* tunable = nullptr;
  const TunerView* tuner = TunerWith(state, name, &tunable);
  Answer out;
  Json& document = out.document;
  document["tunable"] = name;
  document["labels"] = tunable->labels;
  document["tuner"] = {{"name", tuner->name},
                       {"summary", tuner->description->summary},
                       {"mode", ModeOf(state, *tuner)}};
  document["per_netns"] = tunable->per_netns;
  document["bounds"] = tunable->on_sockets ? Json(nullptr)
                                           : Json({{"least", tunable->min},
                                                   {"most", tunable->max},
                                                   {"most_times_first", kMostDrift}});
  Json set = Json::array();
  for (const Tunable& one : tuner->description->tunables) {
    if (one.set_row == tunable->set_row) set.push_back(one.name);
  }
  document["yielded_together"] = std::move(set);
  Json places = Json::array();
  for (const TunableRow& row : RowsOf(state, system->AsOutside())) {
    const bool is_asked = row.name == line.name || name == line.name || row.name == name;
    if (row.tunable->name == name && row.tuner == tuner && is_asked) places.push_back(JsonOf(row));
  }
  document["places"] = std::move(places);
  Json files = Json::array();
  for (const ConfiguredValue& value : ConfiguredIn(kSysctlFolders, name)) {
    files.push_back({{"file", value.file}, {"name", value.name}, {"value", value.value}});
  }
  document["configured"] = std::move(files);
  const std::string about = IsOfEachDevice(name) && line.name != name ? line.name : name;
  document["decisions"] = ReadDecisions(state.folder, about, kDecisionsShown);
  document["scenarios"] = ScenariosOf(*tuner->description);
  return out;
}

std::string ExplainText(const Json& document, const Style& style) {
  const Json& tuner = document.at("tuner");
  std::string out = Coloured(document.at("tunable").get<std::string>(), Colour::kBold, style);
  const auto labels = document.at("labels").get<std::string>();
  if (!labels.empty()) out += " (" + labels + ")";
  out += ", of tuner '" + tuner.at("name").get<std::string>() + "', which " +
         tuner.at("summary").get<std::string>() + "\n";
  const auto mode = tuner.at("mode").get<std::string>();
  if (mode != "acts") {
    out += Coloured("The tuner is " + (mode == "observes" ? "only observing" : mode) +
                        ": nothing is changed now.",
                    Colour::kWarning, style) +
           "\n";
  }
  for (const Json& row : document.at("places")) AddPlace(row, style, &out);
  if (document.at("places").empty()) out += "\nNothing is known of it in any namespace.\n";
  for (const Json& file : document.at("configured")) {
    out += "\n" + Harmless(file.at("file").get<std::string>()) + " sets " +
           file.at("name").get<std::string>() + " = " +
           Harmless(file.at("value").get<std::string>()) + "\n";
  }
  const Json& decisions = document.at("decisions");
  out += decisions.empty() ? "\nNo decision about it is remembered.\n" : "\nlast decisions\n";
  for (const Json& decision : decisions) {
    out += "  " +
           Coloured(decision.at("time").get<std::string>() + "  " +
                        decision.at("outcome").get<std::string>(),
                    Colour::kBold, style) +
           "\n";
    for (const Json& words : decision.at("lines")) {
      out += "    " + Harmless(words.get<std::string>()) + "\n";
    }
  }
  if (!document.at("bounds").is_null()) {
    const Json& bounds = document.at("bounds");
    out += "\nlimits: no value below " + bounds.at("least").dump() + " or above " +
           bounds.at("most").dump() + ", none more than " + bounds.at("most_times_first").dump() +
           " times the first one\n";
  }
  if (document.at("yielded_together").size() > 1) {
    out += "whoever writes one of these has them all:";
    for (const Json& name : document.at("yielded_together")) out += " " + name.get<std::string>();
    out += "\n";
  }
  out += "\nwhat moves the tunables of this tuner\n";
  std::set<std::string> said;  // several have the same words, and other evidence
  for (const Json& scenario : document.at("scenarios")) {
    const std::string words = scenario.at("name").get<std::string>() + ": " +
                              scenario.at("description").get<std::string>();
    if (said.insert(words).second) out += "  " + words + "\n";
  }
  return out;
}

}  // namespace bpftune::ctl
