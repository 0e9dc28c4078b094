// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl doctor: what works here, and what to do about the rest.

#include <fcntl.h>
#include <linux/magic.h>
#include <spawn.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "controller/kept/starts.h"
#include "tools/bpftunectl/commands.h"
#include "tools/bpftunectl/support_table.h"
#include "tools/bpftunectl/sysctl_conf.h"

namespace bpftune::ctl {
namespace {

constexpr char kFineState[] = "ok";
constexpr char kWarning[] = "warning";
constexpr char kBad[] = "bad";

class Checks {
 public:
  void Add(const char* name, const char* state, const std::string& found,
           const std::string& advice = "") {
    checks_.push_back({{"name", name}, {"state", state}, {"found", found}, {"advice", advice}});
  }
  // `good` or not; then it is `otherwise`.
  void Require(const char* name, bool good, const char* otherwise, const std::string& found,
               const std::string& advice) {
    Add(name, good ? kFineState : otherwise, found, good ? "" : advice);
  }
  Json Take() { return std::move(checks_); }

 private:
  Json checks_ = Json::array();
};

// What a program prints, line by line; nothing if it cannot be started.
std::vector<std::string> LinesOf(const std::string& program,
                                 const std::vector<std::string>& arguments) {
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  pid_t pid = 0;
  const int failed = posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return {};
  write_end.reset();
  std::string text;
  char buffer[4096];
  for (ssize_t length = 0; (length = read(read_end.get(), buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<size_t>(length));
  }
  waitpid(pid, nullptr, 0);
  std::vector<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) out.push_back(line);
  return out;
}

bool IsOnFileSystem(const char* path, long magic) {
  struct statfs found = {};
  return statfs(path, &found) == 0 && found.f_type == magic;
}

void CheckDaemon(const State& state, Checks* checks) {
  switch (state.daemon.state) {
    case DaemonProcess::State::kGone:
      checks->Add(
          "daemon", kBad, "no bpftune runs",
          "start it (systemctl start bpftune), or say with --run-dir where it keeps its files");
      break;
    case DaemonProcess::State::kStopped:
      checks->Add("daemon", kBad, "it is stopped, by a signal or a debugger",
                  "kill -CONT " + std::to_string(state.daemon.pid));
      break;
    case DaemonProcess::State::kRuns:
      checks->Require("daemon", !state.hangs(), kBad,
                      state.hangs() ? "it does not answer what its tuners ask" : "it runs",
                      "see its log, then restart it; what it has learned is kept");
  }
  checks->Require("deaths", state.deaths < kQuickDeaths, kBad,
                  std::to_string(state.deaths) + " quick ones in a row",
                  "it only observes; see the log of those that died, then remove '" + state.folder +
                      "/starts' and restart it");
  checks->Require("pause", !state.frozen && state.all.paused == 0, kWarning,
                  state.frozen || state.all.paused != 0 ? "all is paused" : "nothing holds it back",
                  "bpftunectl resume ends that");
  if (state.daemon.exists()) {
    checks->Require("pinned maps", state.has_pins, kWarning,
                    state.has_pins ? "they are there" : "none in '" + state.pins + "'",
                    "what it learns goes when it ends: mount a BPF file system (mount -t bpf bpf "
                    "/sys/fs/bpf) and restart it");
  }
}

void CheckSystem(Checks* checks) {
  utsname name = {};
  uname(&name);
  int major = 0, minor = 0;
  const bool told = std::sscanf(name.release, "%d.%d", &major, &minor) == 2;
  checks->Require("kernel", told && (major > 5 || (major == 5 && minor >= 10)), kBad, name.release,
                  "bpftune needs Linux 5.10 or newer");
  const bool has_types = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  checks->Require("types of the kernel", has_types, kBad,
                  has_types ? "/sys/kernel/btf/vmlinux" : "there is no /sys/kernel/btf/vmlinux",
                  "use a kernel that was built with CONFIG_DEBUG_INFO_BTF");
  const bool has_bpffs = IsOnFileSystem("/sys/fs/bpf", BPF_FS_MAGIC);
  checks->Require("BPF file system", has_bpffs, kWarning,
                  has_bpffs ? "/sys/fs/bpf" : "none at /sys/fs/bpf",
                  "mount -t bpf bpf /sys/fs/bpf");
  const std::string ftrace = ReadText("/proc/sys/kernel/ftrace_enabled");
  checks->Require(
      "tracing", !ftrace.starts_with("0"), kWarning,
      ftrace.starts_with("0") ? "it is switched off: hooks attach and stay silent" : "it is on",
      "sysctl kernel.ftrace_enabled=1");
  // A folder of sysctls is never writable, a sysctl of every kernel is.
  const bool writable = access("/proc/sys/net/core/somaxconn", W_OK) == 0;
  checks->Require("sysctls", writable, kWarning,
                  writable ? "they can be written" : "/proc/sys/net cannot be written from here",
                  "in a container mount it read-write; as another user than root that is as it "
                  "should be");
}

// What will be somebody else's at the next `sysctl --system`.
void CheckFiles(const State& state, Checks* checks) {
  std::string found;
  for (const std::string& name : NamesOf(state)) {
    for (const ConfiguredValue& value : ConfiguredIn(kSysctlFolders, name)) {
      found += (found.empty() ? "" : ", ") + value.name + " in " + value.file;
    }
  }
  checks->Require("sysctl.d", found.empty(), kWarning,
                  found.empty() ? "no file sets a tunable of bpftune" : found,
                  "when such a file is loaded while bpftune runs, the tunable is left alone from "
                  "then on; take it out if bpftune shall tune it");
}

Json JsonOf(const SupportRow& row) {
  constexpr const char* kKinds[] = {"hook", "module", "stands down", "not loaded"};
  return {{"kind", kKinds[static_cast<size_t>(row.kind)]},
          {"tuner", row.tuner},
          {"name", row.hook},
          {"program", row.program},
          {"fires", row.fires},
          {"loss", row.loss},
          {"why", row.why},
          {"ok", row.is_fine()},
          {"advice", AdviceFor(row)}};
}

std::string RowWords(const Json& row) {
  const auto text = [&](const char* member) { return row.at(member).get<std::string>(); };
  if (row.at("kind") == "stands down") return "nothing to do here: " + text("why");
  std::string out = row.at("kind") == "not loaded" ? "not loaded"
                    : text("loss").empty()         ? text("program")
                                                   : "lost: " + text("loss");
  if (!text("why").empty()) out += " (" + text("why") + ")";
  return text("advice").empty() ? out : out + " -> " + text("advice");
}

}  // namespace

Answer DoctorCommand(const CommandLine& line, const State& state, System*) {
  Answer out;
  Checks checks;
  CheckDaemon(state, &checks);
  CheckSystem(&checks);
  CheckFiles(state, &checks);
  // One that runs has found out as it started.
  std::vector<std::string> lines = state.support;
  if (!state.daemon.exists() || lines.empty()) {
    lines = LinesOf(line.daemon, {"-S", "-l", line.tuners});
  }
  const std::vector<SupportRow> rows = ParseSupport(lines);
  checks.Require("hooks", !rows.empty(), kBad,
                 rows.empty() ? "it is not known which work: '" + line.daemon + "' -S says nothing"
                              : std::to_string(rows.size()) + " looked at",
                 "as root; say with --daemon where the program bpftune is");
  const bool fully = !rows.empty() && std::ranges::all_of(rows, &SupportRow::is_fine);
  out.document["works"] = fully ? "fully" : rows.empty() ? "unknown" : "in legacy mode";
  out.document["checks"] = checks.Take();
  Json hooks = Json::array();
  for (const SupportRow& row : rows) hooks.push_back(JsonOf(row));
  out.document["hooks"] = std::move(hooks);
  const bool is_bad = std::ranges::any_of(
      out.document["checks"], [](const Json& check) { return check.at("state") == kBad; });
  out.exit_code = state.daemon.exists() ? (is_bad ? kProblem : kFine) : kNoDaemon;
  return out;
}

std::string DoctorText(const Json& document, const Style& style) {
  Table checks({"CHECK", "STATE", "FOUND"});
  for (const Json& check : document.at("checks")) {
    const auto state = check.at("state").get<std::string>();
    const auto advice = check.at("advice").get<std::string>();
    checks.Add({check.at("name").get<std::string>(),
                {state, state == kFineState ? Colour::kGood
                        : state == kBad     ? Colour::kBad
                                            : Colour::kWarning},
                check.at("found").get<std::string>() + (advice.empty() ? "" : " -> " + advice)});
  }
  Table hooks({"TUNER", "HOOK", "DOES IT FIRE", "RUNS AS"});
  for (const Json& row : document.at("hooks")) {
    const bool is_fine = row.at("ok").get<bool>();
    const auto fires = row.at("fires").get<std::string>();
    hooks.Add({row.at("tuner").get<std::string>(),
               row.at("kind") == "module" ? "module" : row.at("name").get<std::string>(),
               {fires.empty() ? "-" : fires, fires == kSilent ? Colour::kBad : Colour::kPlain},
               {RowWords(row), is_fine ? Colour::kPlain : Colour::kWarning}});
  }
  return checks.Text(style) + (hooks.empty() ? "" : "\n" + hooks.Text(style));
}

}  // namespace bpftune::ctl
