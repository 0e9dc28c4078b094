// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl status

#include <algorithm>

#include "tools/bpftunectl/commands.h"
#include "tools/bpftunectl/decisions.h"

namespace bpftune::ctl {
namespace {

const char* DaemonState(const State& state) {
  switch (state.daemon.state) {
    case DaemonProcess::State::kGone:
      return "gone";
    case DaemonProcess::State::kStopped:
      return "stopped";
    case DaemonProcess::State::kRuns:
      return state.hangs() ? "hangs" : "runs";
  }
  return "";
}

const char* DaemonMode(const State& state) {
  if (!state.daemon.exists()) return "gone";
  if (state.frozen || state.all.paused != 0) return "paused";
  return state.all.observe != 0 ? "observes" : "acts";
}

std::string LineWith(const State& state, const char* part) {
  const auto line = std::ranges::find_if(
      state.support, [&](const std::string& text) { return text.find(part) != text.npos; });
  return line == state.support.end() ? "" : *line;
}

std::string DaemonWords(const Json& daemon, const Style& style) {
  const auto state = daemon.at("state").get<std::string>();
  if (state == "gone") return "does not run";
  std::string out = state;
  if (state == "stopped") out = "is stopped, by a signal or a debugger";
  if (state == "hangs") out = "hangs: it does not answer what its tuners ask";
  if (daemon.at("pid").is_number()) out += ", pid " + daemon.at("pid").dump();
  const int64_t since = TimeIn(daemon, "since");
  return since > 0 ? out + ", started " + Ago(since, style) : out;
}

std::string ModeWords(const Json& document) {
  const auto mode = document.at("mode").get<std::string>();
  if (mode == "paused") return "paused: nothing is changed until bpftunectl resume";
  if (mode == "observes") {
    return document.at("daemon").at("deaths").get<uint32_t>() >= 3
               ? "only observes, since those before it died; the log says more"
               : "only observes: all is decided and said, nothing changed";
  }
  return mode == "acts" ? "changes what its tuners ask for" : "nothing is changed";
}

}  // namespace

Answer StatusCommand(const CommandLine&, const State& state, System* system) {
  Answer out;
  out.exit_code = state.daemon.state == DaemonProcess::State::kGone ? kNoDaemon
                  : std::string(DaemonState(state)) == "runs"       ? kFine
                                                                    : kProblem;
  const auto rows = RowsOf(state, system->AsOutside());
  Json paused = Json::array();
  for (const TunerView& tuner : state.tuners) {
    if (tuner.control.paused != 0) paused.push_back(tuner.name);
  }
  Json& document = out.document;
  document["daemon"] = {{"state", DaemonState(state)},
                        {"pid", state.daemon.pid != 0 ? Json(state.daemon.pid) : Json(nullptr)},
                        {"since", JsonOfTime(state.daemon.since_s)},
                        {"deaths", state.deaths}};
  document["mode"] = DaemonMode(state);
  document["works"] = LineWith(state, "bpftune works ");
  document["namespaces_by"] = LineWith(state, "per-netns policy");
  document["tuners"] = {
      {"loaded",
       std::ranges::count_if(state.tuners, [](const TunerView& tuner) { return !!tuner.number; })},
      {"paused", std::move(paused)}};
  const auto owned_by = [&](Owner owner) {
    return std::ranges::count(rows, owner, &TunableRow::owner);
  };
  document["tunables"] = {{"changed", owned_by(Owner::kBpftune)},
                          {"yielded", owned_by(Owner::kAdministrator)}};
  document["namespaces"] = state.namespaces.size();
  const auto last = ReadDecisions(state.folder, "", 1);
  document["last_decision"] = last.empty() ? Json(nullptr) : last.front();
  return out;
}

std::string StatusText(const Json& document, const Style& style) {
  const Json& daemon = document.at("daemon");
  const bool runs = daemon.at("state") == "runs";
  Facts facts;
  facts.Add("bpftune", {DaemonWords(daemon, style), runs ? Colour::kGood : Colour::kBad});
  const auto mode = document.at("mode").get<std::string>();
  facts.Add("mode", {ModeWords(document), mode == "acts" ? Colour::kGood : Colour::kWarning});
  if (const auto deaths = daemon.at("deaths").get<uint32_t>(); deaths != 0) {
    facts.Add("deaths",
              {std::to_string(deaths) + " within a minute of the start, in a row", Colour::kBad});
  }
  if (!document.at("works").get<std::string>().empty()) {
    facts.Add("system", document.at("works").get<std::string>() + "; bpftunectl doctor says more");
  }
  std::string paused;
  for (const Json& tuner : document.at("tuners").at("paused")) {
    paused += (paused.empty() ? ", paused: " : ", ") + tuner.get<std::string>();
  }
  facts.Add("tuners", {document.at("tuners").at("loaded").dump() + paused,
                       paused.empty() ? Colour::kPlain : Colour::kWarning});
  const Json& tunables = document.at("tunables");
  facts.Add("tunables", tunables.at("changed").dump() + " changed, " +
                            tunables.at("yielded").dump() + " left to whoever wrote them");
  facts.Add("namespaces", document.at("namespaces").dump());
  const Json& last = document.at("last_decision");
  if (last.is_null()) {
    facts.Add("decisions", "none so far");
  } else {
    facts.Add("last decision", Ago(TimeIn(last, "time"), style));
  }
  std::string out = facts.Text(style);
  if (!last.is_null()) {
    for (const Json& line : last.at("lines")) {
      out += "  " + Harmless(line.get<std::string>()) + "\n";
    }
  }
  return out;
}

}  // namespace bpftune::ctl
