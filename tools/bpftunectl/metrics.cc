// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl metrics: OpenMetrics text (openmetrics.io), which node exporter's textfile collector
// takes as well.

#include <algorithm>
#include <sstream>

#include "tools/bpftunectl/commands.h"

namespace bpftune::ctl {
namespace {

class Family {
 public:
  Family(Json* metrics, const char* name, const char* type, const char* help)
      : metrics_(*metrics), row_(metrics->size()) {
    metrics->push_back(
        {{"name", name}, {"type", type}, {"help", help}, {"samples", Json::array()}});
  }

  void Add(Json labels, Json value) {
    metrics_[row_]["samples"].push_back(
        {{"labels", std::move(labels)}, {"value", std::move(value)}});
  }

 private:
  Json& metrics_;
  size_t row_;
};

// The words of "min default max", one for each value.
std::vector<std::string> LabelsOf(const TunableRow& row) {
  std::istringstream words(row.tunable->labels);
  std::vector<std::string> out;
  for (std::string word; words >> word;) out.push_back(word);
  out.resize(row.tunable->values, "value");
  return out;
}

Json WhereOf(const TunableRow& row) {
  return {{"tunable", row.name},
          {"tuner", row.tuner->name},
          {"netns", std::to_string(row.key.netns)},
          {"netns_name", row.netns}};
}

void AddValues(const TunableRow& row, const std::optional<Values>& values, Family* family) {
  if (!values) return;
  const std::vector<std::string> labels = LabelsOf(row);
  for (uint32_t i = 0; i < values->count && i < labels.size(); ++i) {
    Json where = WhereOf(row);
    where["value"] = labels[i];
    family->Add(std::move(where), values->number[i]);
  }
}

void AddDaemon(const State& state, Json* metrics) {
  Family(metrics, "bpftune_up", "gauge", "Whether the daemon runs and answers.")
      .Add(Json::object(),
           state.daemon.state == DaemonProcess::State::kRuns && !state.hangs() ? 1 : 0);
  Family(metrics, "bpftune_start_time_seconds", "gauge", "When it was started.")
      .Add(Json::object(), state.daemon.since_s);
  Family(metrics, "bpftune_namespaces", "gauge", "Network namespaces that it knows.")
      .Add(Json::object(), state.namespaces.size());
}

void AddTuners(const State& state, Json* metrics) {
  Family acting(metrics, "bpftune_tuner_acts", "gauge",
                "Whether what the tuner decides is done: not paused, not only observed.");
  for (const TunerView& tuner : state.tuners) {
    acting.Add({{"tuner", tuner.name}}, ModeOf(state, tuner) == std::string("acts") ? 1 : 0);
  }
  Family events(metrics, "bpftune_tuner_events", "counter",
                "What the tuner counts, since its daemon was started.");
  for (const TunerView& tuner : state.tuners) {
    for (size_t row = 0; row < tuner.counts.size(); ++row) {
      events.Add({{"tuner", tuner.name}, {"event", tuner.description->counters[row]}},
                 tuner.counts[row]);
    }
  }
  Family scores(metrics, "bpftune_strategy_score", "gauge",
                "How well a strategy did when it ran; the unit is the tuner's own.");
  for (const TunerView& tuner : state.tuners) {
    for (size_t row = 0; row < tuner.scores.size(); ++row) {
      if (tuner.scores[row].judged == 0) continue;
      scores.Add({{"tuner", tuner.name}, {"strategy", tuner.description->strategies[row].name}},
                 tuner.scores[row].value);
    }
  }
}

void AddTunables(const std::vector<TunableRow>& rows, Json* metrics) {
  Family now(metrics, "bpftune_tunable_value", "gauge", "The value in force.");
  for (const TunableRow& row : rows) AddValues(row, row.now, &now);
  Family first(metrics, "bpftune_tunable_first_value", "gauge", "The value before bpftune.");
  for (const TunableRow& row : rows) AddValues(row, row.first, &first);
  Family writes(metrics, "bpftune_tunable_writes", "counter", "How often bpftune has written it.");
  for (const TunableRow& row : rows) writes.Add(WhereOf(row), row.writes);
  Family yielded(metrics, "bpftune_tunable_yielded", "gauge",
                 "Whether somebody else wrote it, so that bpftune leaves it alone.");
  for (const TunableRow& row : rows) {
    yielded.Add(WhereOf(row), row.owner == Owner::kAdministrator ? 1 : 0);
  }
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : Harmless(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string LabelsText(const Json& labels) {
  std::string out;
  for (const auto& [name, value] : labels.items()) {
    out += (out.empty() ? "{" : ",") + name + "=\"" + Escaped(value.get<std::string>()) + "\"";
  }
  return out.empty() ? out : out + "}";
}

}  // namespace

Answer MetricsCommand(const CommandLine&, const State& state, System* system) {
  Answer out;
  Json metrics = Json::array();
  AddDaemon(state, &metrics);
  AddTuners(state, &metrics);
  AddTunables(RowsOf(state, system->AsOutside()), &metrics);
  std::erase_if(metrics.get_ref<Json::array_t&>(),
                [](const Json& family) { return family.at("samples").empty(); });
  out.document["metrics"] = std::move(metrics);
  return out;
}

std::string MetricsText(const Json& document, const Style&) {
  std::string out;
  for (const Json& family : document.at("metrics")) {
    const auto name = family.at("name").get<std::string>();
    const auto type = family.at("type").get<std::string>();
    out.append("# TYPE ").append(name).append(" ").append(type);
    out.append("\n# HELP ").append(name).append(" ");
    out.append(family.at("help").get<std::string>()).append("\n");
    for (const Json& sample : family.at("samples")) {
      out += name + (type == "counter" ? "_total" : "") + LabelsText(sample.at("labels")) + " " +
             sample.at("value").dump() + "\n";
    }
  }
  return out + "# EOF\n";
}

}  // namespace bpftune::ctl
