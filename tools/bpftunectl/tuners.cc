// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl tuners

#include "controller/explain.h"
#include "tools/bpftunectl/commands.h"

namespace bpftune::ctl {
namespace {

Json StrategiesOf(const TunerView& tuner) {
  Json out = Json::array();
  for (size_t row = 0; row < tuner.scores.size(); ++row) {
    const Strategy& strategy = tuner.description->strategies[row];
    out.push_back({{"name", strategy.name},
                   {"description", strategy.description},
                   {"active", row == tuner.active.row},
                   {"score", tuner.scores[row].value},
                   {"judged", tuner.scores[row].judged}});
  }
  return out;
}

Json CountersOf(const TunerView& tuner) {
  Json out = Json::array();
  for (size_t row = 0; row < tuner.counts.size(); ++row) {
    out.push_back({{"text", tuner.description->counters[row]}, {"value", tuner.counts[row]}});
  }
  return out;
}

std::string ActiveStrategy(const Json& tuner) {
  for (const Json& strategy : tuner.at("strategies")) {
    if (strategy.at("active").get<bool>()) return strategy.at("name").get<std::string>();
  }
  return "-";
}

}  // namespace

Answer TunersCommand(const CommandLine&, const State& state, System*) {
  Answer out;
  Json tuners = Json::array();
  for (const TunerView& tuner : state.tuners) {
    Json tunables = Json::array();
    if (tuner.description) {
      for (const Tunable& tunable : tuner.description->tunables) tunables.push_back(tunable.name);
    }
    tuners.push_back(
        {{"name", tuner.name},
         {"mode", ModeOf(state, tuner)},
         {"summary", tuner.description ? Json(tuner.description->summary) : Json(nullptr)},
         {"report", tuner.counts.empty() ? "" : ReportOf(*tuner.description, tuner.counts)},
         {"tunables", std::move(tunables)},
         {"strategies", StrategiesOf(tuner)},
         {"counters", CountersOf(tuner)}});
  }
  out.document["tuners"] = std::move(tuners);
  return out;
}

std::string TunersText(const Json& document, const Style& style) {
  Table table({"TUNER", "NOW", "STRATEGY", "TUNABLES", "WHAT IT DOES"});
  for (const Json& tuner : document.at("tuners")) {
    const auto mode = tuner.at("mode").get<std::string>();
    const Colour colour = mode == "acts"     ? Colour::kGood
                          : mode == "paused" ? Colour::kWarning
                                             : Colour::kDim;
    table.Add({tuner.at("name").get<std::string>(),
               {mode, colour},
               ActiveStrategy(tuner),
               std::to_string(tuner.at("tunables").size()),
               tuner.at("summary").is_null() ? "its object is not there any more"
                                             : tuner.at("summary").get<std::string>()});
  }
  return table.empty() ? "there is no tuner\n" : table.Text(style);
}

}  // namespace bpftune::ctl
