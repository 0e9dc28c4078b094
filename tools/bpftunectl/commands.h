// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The commands. Each makes a document; the words for people are a function of it alone.

#include <string>

#include "tools/bpftunectl/command_line.h"
#include "tools/bpftunectl/exit_code.h"
#include "tools/bpftunectl/json.h"
#include "tools/bpftunectl/outside.h"
#include "tools/bpftunectl/state.h"
#include "tools/bpftunectl/table.h"

namespace bpftune::ctl {

struct Answer {
  Json document = Json::object();  // without what all documents have
  int exit_code = kFine;
  std::string error = "";  // then there is no document; for people
};

inline Answer Failure(ExitCode code, std::string error) {
  return {Json::object(), code, std::move(error)};
}
// kNotAllowed where that is why.
Answer Failure(const Error& error);

// Those that look.
Answer StatusCommand(const CommandLine& line, const State& state, System* system);
Answer TunablesCommand(const CommandLine& line, const State& state, System* system);
Answer TunersCommand(const CommandLine& line, const State& state, System* system);
Answer ExplainCommand(const CommandLine& line, const State& state, System* system);
Answer HistoryCommand(const CommandLine& line, const State& state, System* system);
Answer HostsCommand(const CommandLine& line, const State& state, System* system);
Answer NamespacesCommand(const CommandLine& line, const State& state, System* system);
Answer ExportCommand(const CommandLine& line, const State& state, System* system);
Answer MetricsCommand(const CommandLine& line, const State& state, System* system);
Answer DoctorCommand(const CommandLine& line, const State& state, System* system);
// Those that do. Each says so in syslog too.
Answer PauseCommand(const CommandLine& line, const State& state, System* system);
Answer ResumeCommand(const CommandLine& line, const State& state, System* system);
Answer ReclaimCommand(const CommandLine& line, const State& state, System* system);
Answer RollbackCommand(const CommandLine& line, const State& state, System* system);
// Those that need no state.
Answer CheckCommand(const CommandLine& line);
Answer CompletionCommand(const CommandLine& line);

std::string StatusText(const Json& document, const Style& style);
std::string TunablesText(const Json& document, const Style& style);
std::string TunersText(const Json& document, const Style& style);
std::string ExplainText(const Json& document, const Style& style);
std::string HistoryText(const Json& document, const Style& style);
std::string HostsText(const Json& document, const Style& style);
std::string NamespacesText(const Json& document, const Style& style);
std::string ExportText(const Json& document, const Style& style);
std::string MetricsText(const Json& document, const Style& style);
std::string DoctorText(const Json& document, const Style& style);
std::string CheckText(const Json& document, const Style& style);
std::string CompletionText(const Json& document, const Style& style);
// Of all that do something: a line for each thing done.
std::string DoneText(const Json& document, const Style& style);

// What several commands have in their documents.
Json JsonOf(const std::optional<Values>& values);
Json JsonOfTime(int64_t when_s);  // null: never
Json JsonOf(const TunableRow& row);
// A member that is a time, as seconds; 0: there is none.
int64_t TimeIn(const Json& object, const char* member);
// "4096 131072 6291456"; "-" where it is null.
std::string ValuesIn(const Json& object, const char* member);
// "acts", "observes", "paused"
const char* ModeOf(const State& state, const TunerView& tuner);

}  // namespace bpftune::ctl
