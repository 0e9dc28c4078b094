// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl: asks bpftune what it does, and tells it what to leave alone.

#include <sys/select.h>
#include <syslog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "controller/log.h"
#include "tools/bpftunectl/command_line.h"
#include "tools/bpftunectl/commands.h"

namespace bpftune::ctl {
namespace {

// Raised when a member of the documents goes or changes its meaning.
constexpr int kSchema = 1;

struct Command {
  const char* name;
  Answer (*run)(const CommandLine&, const State&, System*);  // null: it needs no state
  Answer (*run_alone)(const CommandLine&);
  std::string (*text)(const Json&, const Style&);
};

constexpr Command kCommands[] = {
    {"status", StatusCommand, nullptr, StatusText},
    {"tunables", TunablesCommand, nullptr, TunablesText},
    {"tuners", TunersCommand, nullptr, TunersText},
    {"explain", ExplainCommand, nullptr, ExplainText},
    {"history", HistoryCommand, nullptr, HistoryText},
    {"hosts", HostsCommand, nullptr, HostsText},
    {"namespaces", NamespacesCommand, nullptr, NamespacesText},
    {"pause", PauseCommand, nullptr, DoneText},
    {"resume", ResumeCommand, nullptr, DoneText},
    {"reclaim", ReclaimCommand, nullptr, DoneText},
    {"rollback", RollbackCommand, nullptr, DoneText},
    {"export", ExportCommand, nullptr, ExportText},
    {"check", nullptr, CheckCommand, CheckText},
    {"doctor", DoctorCommand, nullptr, DoctorText},
    {"metrics", MetricsCommand, nullptr, MetricsText},
    {"completion", nullptr, CompletionCommand, CompletionText},
};

Answer Run(const Command& command, const CommandLine& line, Json* document) {
  if (command.run_alone) return command.run_alone(line);
  auto state = ReadState(line);
  if (!state) {
    return state.error().code() == EINVAL ? Failure(kUsage, state.error().message())
                                          : Failure(state.error());
  }
  (*document)["instance"] = state->instance;
  System system(*state);
  return command.run(line, *state, &system);
}

Style StyleOf(const CommandLine& line) {
  const bool to_terminal = isatty(STDOUT_FILENO) == 1 && !getenv("NO_COLOR");
  return {.colours = line.colour == "always" || (line.colour == "auto" && to_terminal),
          .now_s = time(nullptr)};
}

int Once(const Command& command, const CommandLine& line) {
  Json document = {
      {"schema", kSchema}, {"command", command.name}, {"time", TimeText(time(nullptr))}};
  Answer answer = Run(command, line, &document);
  if (answer.error.empty()) {
    document.update(answer.document);
  } else {
    document["error"] = answer.error;
    if (!line.json) std::fprintf(stderr, "bpftunectl: %s\n", answer.error.c_str());
  }
  if (line.json) {
    std::printf(
        "%s\n",
        document.dump(line.watch ? -1 : 2, ' ', false, Json::error_handler_t::replace).c_str());
  } else if (answer.error.empty()) {
    std::fputs(command.text(document, StyleOf(line)).c_str(), stdout);
  }
  return answer.exit_code;
}

volatile std::sig_atomic_t told_to_end = 0;

// Until it is told to end, which it does between two looks. Each look stands by itself: what is
// watched comes and goes.
int Watch(const Command& command, const CommandLine& line) {
  sigset_t ends, others;
  sigemptyset(&ends);
  struct sigaction end = {};
  end.sa_handler = [](int) { told_to_end = 1; };
  end.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);  // told again it ends at once
  for (const int signal : {SIGINT, SIGTERM}) {
    sigaddset(&ends, signal);
    sigaction(signal, &end, nullptr);
  }
  const auto seconds = static_cast<time_t>(line.every_s);
  const auto rest = line.every_s - static_cast<double>(seconds);
  const timespec pause = {seconds, static_cast<long>(rest * 1e9)};
  for (;;) {
    if (!line.json && isatty(STDOUT_FILENO) == 1) std::fputs("\033[H\033[2J", stdout);
    const int code = Once(command, line);
    if (code == kUsage || code == kNotAllowed) return code;
    if (std::fflush(stdout) != 0) return kProblem;  // nobody reads it any more
    sigprocmask(SIG_BLOCK, &ends, &others);  // from here on it can only be told while it waits
    if (told_to_end == 0) pselect(0, nullptr, nullptr, nullptr, &pause, &others);
    sigprocmask(SIG_SETMASK, &others, nullptr);
    if (told_to_end != 0) return code;
  }
}

int Main(const std::vector<std::string>& arguments) {
  const ParsedLine parsed = ParseCommandLine(arguments);
  if (parsed.leave) {
    std::fputs(parsed.text.c_str(), parsed.exit_code == kFine ? stdout : stderr);
    return parsed.exit_code;
  }
  CaptureLibbpfMessages();
  openlog("bpftunectl", LOG_PID, LOG_DAEMON);
  for (const Command& command : kCommands) {
    if (command.name != parsed.line.command) continue;
    return parsed.line.watch ? Watch(command, parsed.line) : Once(command, parsed.line);
  }
  return kUsage;
}

}  // namespace
}  // namespace bpftune::ctl

int main(int argc, char** argv) {
  return bpftune::ctl::Main(std::vector<std::string>(argv + 1, argv + argc));
}
