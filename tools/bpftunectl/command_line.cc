// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/command_line.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <sstream>

#include "tools/bpftunectl/exit_code.h"

namespace bpftune::ctl {
namespace {

constexpr char kVersion[] = "bpftunectl 0.1.0";

// PREFIX of PREFIX/sbin/bpftunectl.
std::filesystem::path Prefix() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().parent_path();
}

enum class Operand { kNone, kOptional, kRequired };

struct Command {
  const char* name;
  const char* description;
  Operand operand;
  const char* operand_name;
  const char* operand_description;
};

constexpr char kTunable[] = "a sysctl, \"net.ipv4.tcp_rmem\"";

constexpr Command kCommands[] = {
    {"status", "whether bpftune runs, what it does, what it did last", Operand::kNone, "", ""},
    {"tunables", "each tunable: its value now, what it was before, whose it is", Operand::kNone, "",
     ""},
    {"tuners", "each tuner: whether it acts, its strategy, its tunables", Operand::kNone, "", ""},
    {"explain",
     "all that is known of one tunable: values, owner, last decisions, what would move it",
     Operand::kRequired, "TUNABLE", kTunable},
    {"history", "the last decisions, oldest first", Operand::kOptional, "TUNABLE",
     "only those about it"},
    {"hosts", "what was learned of each remote host, beside the control group", Operand::kNone, "",
     ""},
    {"namespaces", "the network namespaces that bpftune knows", Operand::kNone, "", ""},
    {"pause", "change nothing until resume: a tuner, or all", Operand::kOptional, "TUNER",
     "only this one; it stays paused when bpftune is started anew"},
    {"resume", "end a pause", Operand::kOptional, "TUNER", "only that of this one"},
    {"reclaim", "give a tunable that somebody else wrote back to bpftune", Operand::kRequired,
     "TUNABLE", kTunable},
    {"rollback", "put back what was there before bpftune, where nobody else has changed it since",
     Operand::kOptional, "TUNABLE",
     "only this one; while bpftune runs it is left alone after that, until reclaim"},
    {"export", "a file for sysctl.d with the values that bpftune found", Operand::kNone, "", ""},
    {"check", "what is wrong with a tuner's object file, without loading it", Operand::kRequired,
     "FILE", "NAME.bpf.o"},
    {"doctor", "what works on this system, hook by hook, and what to do about the rest",
     Operand::kNone, "", ""},
    {"metrics", "counters and values as OpenMetrics text, for node exporter or a scrape",
     Operand::kNone, "", ""},
    {"completion", "a completion script for a shell", Operand::kRequired, "SHELL",
     "bash, zsh or fish; tunables and tuners are the names that the scripts ask for"},
};

}  // namespace

std::unique_ptr<CLI::App> MakeApp(CommandLine* line) {
  line->tuners = (Prefix() / "lib" / "bpftune").string();
  line->daemon = (Prefix() / "sbin" / "bpftune").string();
  auto app = std::make_unique<CLI::App>(
      "Asks bpftune what it does and why, and tells it what to leave alone. It reads what bpftune "
      "keeps in pinned maps and files, so it works when the daemon hangs or is gone.",
      "bpftunectl");
  app->fallthrough();
  app->require_subcommand(1);
  app->set_version_flag("-V,--version", kVersion, "print the version, and leave");
  app->add_flag("-j,--json", line->json, "one JSON document instead of text for people");
  app->add_flag("-w,--watch", line->watch, "again and again, until Ctrl-C");
  app->add_option("--every", line->every_s, "seconds between two looks of --watch")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  app->add_option("--colour,--color", line->colour, "auto: on a terminal")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  app->add_option("-c,--last", line->last, "so many decisions, of history")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app->add_option("-n,--netns", line->netns,
                  "of the bpftune that was started with this --netns; as often as that was")
      ->check(CLI::ExistingPath);
  app->add_option("--instance", line->instance,
                  "likewise, by the name of its folder below --run-dir");
  app->add_option("-l,--tuners", line->tuners, "directory of the tuner objects (*.bpf.o)")
      ->capture_default_str();
  app->add_option("--daemon", line->daemon, "the program bpftune, for doctor")
      ->capture_default_str();
  app->add_option("--run-dir", line->run_dir, "as of the daemon")->capture_default_str();
  app->add_option("--pin-dir", line->pin_dir, "as of the daemon")->capture_default_str();
  app->footer(
      "Exit codes: 0 fine; 1 it failed, or something is not as it should be; 2 the command line "
      "is wrong, or names something that is not there; 3 no bpftune runs, or has left anything to "
      "read; 4 not allowed.\n"
      "The documents of --json: docs/bpftunectl-schema.json.");
  app->failure_message([](const CLI::App* failed, const CLI::Error& error) {
    return "bpftunectl: " + std::string(error.what()) + "\nSee '" + failed->get_name() +
           " --help'\n";
  });
  for (const Command& command : kCommands) {
    CLI::App* sub = app->add_subcommand(command.name, command.description);
    sub->callback([line, &command] { line->command = command.name; });
    if (command.operand == Operand::kNone) continue;
    auto* operand = sub->add_option(command.operand_name, line->name, command.operand_description);
    if (command.operand == Operand::kRequired) operand->required();
    if (command.operand_name == std::string("SHELL")) {
      operand->check(CLI::IsMember({"bash", "zsh", "fish", "tunables", "tuners"}));
    }
  }
  return app;
}

ParsedLine ParseCommandLine(const std::vector<std::string>& arguments) {
  ParsedLine out;
  const auto app = MakeApp(&out.line);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
  try {
    app->parse(reversed);
  } catch (const CLI::ParseError& error) {
    std::ostringstream text;
    out.leave = true;
    out.exit_code = app->exit(error, text, text) == 0 ? kFine : kUsage;
    out.text = text.str();
  }
  return out;
}

}  // namespace bpftune::ctl
