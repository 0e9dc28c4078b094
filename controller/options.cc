// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/options.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <sstream>

#include "controller/limits.h"

namespace bpftune {
namespace {

#define BPFTUNE_TEXT_OF(token) #token
#define BPFTUNE_TEXT(macro) BPFTUNE_TEXT_OF(macro)
constexpr char kVersion[] =
    "bpftune " BPFTUNE_TEXT(BPFTUNE_VERSION);  // see tools/build/version.bzl

// PREFIX/lib/bpftune of PREFIX/sbin/bpftune.
std::string DefaultTuners() {
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return (self.parent_path().parent_path() / "lib" / "bpftune").string();
}

// What another daemon of this name takes, and this one has no use for: what to do instead.
struct Refused {
  const char* option;
  const char* instead;
};

constexpr Refused kRefused[] = {
    {"-a,--allow", "all tuners run; 'bpftunectl pause TUNER' holds one back"},
    {"-c,--cgroup", "bpftune finds the root of the cgroup v2 tree itself"},
    {"-D,--daemon", "bpftune stays in the foreground; a service manager starts it, or '&'"},
    {"-L,--legacy",
     "each hook falls back by itself where it must (see -S); to leave one out: "
     "--without-hook"},
    {"--libdir",
     "further tuners are in a directory given with --objects; -l names that of all the "
     "others"},
    {"-p,--port", "bpftune listens on no port; ask bpftunectl"},
    {"-P,--print-libdir", "the directory of the tuners is the default of -l, below"},
    {"-q,--query", "ask bpftunectl"},
    {"-r,--learning_rate", "bpftune learns how far to go, for each tunable in each namespace"},
};

void AddRefused(CLI::App* app) {
  for (const Refused& refused : kRefused) {
    app->add_option_function<std::string>(refused.option,
                                          [&refused](const std::string&) {
                                            throw CLI::ValidationError(refused.option,
                                                                       refused.instead);
                                          })
        ->expected(0, 1)  // some have a value there
        ->group("");      // not in --help
  }
}

}  // namespace

ParsedOptions ParseOptions(const std::vector<std::string>& arguments) {
  ParsedOptions out;
  Options& options = out.options;
  options.tuners = DefaultTuners();
  options.run_dir = "/run/bpftune";
  options.pin_dir = "/sys/fs/bpf/bpftune";
  options.changes_per_minute = kMostChangesPerMinute;
  bool version = false;

  CLI::App app(
      "Tunes the Linux network stack while it runs: watches and decides in BPF, changes a "
      "sysctl only when it holds traffic back, and says why. Needs no configuration.",
      "bpftune");
  app.add_flag("-s,--stdout,--stderr", options.to_stdout,
               "log to standard output instead of the journal or syslog");
  app.add_flag(
      "-S,--support", options.support,
      "say what works on this system, and leave; the exit code is 0 if bpftune can run here");
  app.add_flag("-d,--debug", options.debug, "log diagnostics too");
  auto* dry_run =
      app.add_flag("--dry-run", options.dry_run, "decide and explain, but write nothing");
  auto* rollback =
      app.add_flag("-R,--rollback", options.rollback,
                   "as it ends, put back every value that nobody else has changed since");
  app.add_flag("--undo", options.undo,
               "put back what a bpftune that is dead has left, and leave; with -n only what one "
               "with the same -n has")
      ->excludes(dry_run)
      ->excludes(rollback);
  app.add_flag("-V,--version", version, "print the version, and leave");
  app.add_option("-l,--tuners", options.tuners, "directory of the tuner objects (*.bpf.o)")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  app.add_option("-n,--netns", options.netns,
                 "keep to this network namespace (/run/netns/NAME, /proc/PID/ns/net); may be given "
                 "more than once, global tunables are left alone then")
      ->check(CLI::ExistingPath);
  app.add_option(
      "--without-hook", options.without_hook,
      "do not use this program (a name from the table of -S); may be given more than once");
  app.add_option("--changes-per-minute", options.changes_per_minute,
                 "most changes of one tunable in one namespace within a minute")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option(
      "--objects", options.objects,
      "directory of further tuners, loaded and unloaded as their files come and go; only "
      "root may write in it or above it; may be given more than once");
  app.add_option(
      "--enable", options.enable,
      "let this tuner of --objects (a name) change values, not only observe; may be given "
      "more than once");
  app.add_option(
         "--btf", options.btf,
         "where /sys/kernel/btf is missing: file with the types of this kernel, or directory "
         "with RELEASE.btf (docs/fall-backs.md)")
      ->check(CLI::ExistingPath);
  app.add_option("--run-dir", options.run_dir, "directory for what it must not forget")
      ->capture_default_str();
  app.add_option("--pin-dir", options.pin_dir,
                 "directory of a BPF file system, for what it learns; empty: it forgets")
      ->capture_default_str();
  app.footer(
      "Signals: TERM and INT end it with a summary, USR1 prints the summary so far. While "
      "there is a file RUN-DIR/all/freeze, nothing is changed.");

  AddRefused(&app);
  app.failure_message(CLI::FailureMessage::help);  // what is allowed, not just what was wrong

  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    std::ostringstream text;
    out.leave = true;
    out.exit_code = app.exit(error, text, text) == 0 ? 0 : 2;
    out.text = text.str();
  }
  if (!out.leave && version) {
    out.leave = true;
    out.text = std::string(kVersion) + "\n";
  }
  return out;
}

}  // namespace bpftune
