// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftune: puts the parts together and runs them.

#include <sys/resource.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "controller/capabilities.h"
#include "controller/cgroup.h"
#include "controller/daemon.h"
#include "controller/journald_log.h"
#include "controller/kernel_types.h"
#include "controller/log.h"
#include "controller/options.h"
#include "controller/support.h"
#include "controller/surroundings.h"
#include "controller/undo/undo_command.h"

namespace bpftune {
namespace {

std::unique_ptr<LogSink> MakeLog(const Options& options) {
  const LogLevel most = options.debug ? LogLevel::kDebug : LogLevel::kInfo;
  if (options.to_stdout || options.support || options.undo)
    return std::make_unique<StdoutLog>(most);
  if (auto journal = JournaldLog::Open(most)) return journal;
  return std::make_unique<SyslogLog>(most);
}

void SayEach(const std::vector<std::string>& lines, LogSink* log) {
  for (const std::string& line : lines) log->Notice(line);
}

// Also where nothing works: then most of all.
std::vector<std::string> DescribeSurroundings(const Options& options) {
  Surroundings s = ReadSurroundings();
  if (!s.has_btf && !options.btf.empty()) s.btf_file = BtfFile(options.btf, s.release);
  if (!s.has_btf) s.gives_out_btf = KernelTypes::AreGivenOut();
  rlimit locked = {};
  if (getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur == RLIM_INFINITY) {
    s.capabilities |= uint64_t{1} << CAP_SYS_RESOURCE;  // it was there, and has done its work
  }
  if (const auto root = OpenCgroupRoot(); !root) s.no_cgroup = root.error().message();
  return SurroundingsLines(s);
}

int Main(const std::vector<std::string>& arguments) {
  const ParsedOptions parsed = ParseOptions(arguments);
  if (parsed.leave) {
    std::fputs(parsed.text.c_str(), parsed.exit_code == 0 ? stdout : stderr);
    return parsed.exit_code;
  }
  const Options& options = parsed.options;
  CaptureLibbpfMessages();
  const auto log = MakeLog(options);
  const auto lacking = KeepOnlyWhatIsNeeded();
  if (!lacking) log->Warning(lacking.error().message() + "; continuing with more than it needs");
  if (lacking) {
    for (const std::string& line : *lacking) log->Warning(line);
  }
  if (options.undo) return Undo(options, log.get());
  auto daemon = Daemon::Start(options, log.get());
  if (!daemon) {
    if (options.support) SayEach(DescribeSurroundings(options), log.get());
    log->Error("cannot start: " + daemon.error().message());
    if (!options.to_stdout && !options.support) {
      std::fprintf(stderr, "bpftune: cannot start: %s\n", daemon.error().message().c_str());
    }
    return 1;
  }
  const TunerSet& tuners = (*daemon)->tuners();
  SayEach(SupportLines(tuners, ProbeNetnsIdKind()), log.get());
  if (options.support) {
    SayEach(DescribeSurroundings(options), log.get());
    SayEach(HookTable(tuners), log.get());
    return 0;
  }
  for (const std::string& lost : Losses(tuners)) log->Warning(lost + ", continuing without it");
  if (options.dry_run) log->Notice("this is a dry run: all is decided and said, nothing written");
  auto ran = (*daemon)->Run();
  SayEach((*daemon)->SummaryLines(), log.get());
  if (options.rollback) (*daemon)->Rollback();
  if (!ran) log->Error(ran.error().message());
  return ran ? 0 : 1;
}

}  // namespace
}  // namespace bpftune

int main(int argc, char** argv) {
  return bpftune::Main(std::vector<std::string>(argv + 1, argv + argc));
}
