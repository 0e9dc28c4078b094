// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/undo/undo_command.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "bpf/common/state_abi.h"
#include "controller/kept/instance.h"
#include "controller/undo/rollback.h"
#include "netns/netns_table.h"

namespace bpftune {
namespace {

// The folders with a journal, by name.
Result<std::vector<std::string>> InstancesOf(const Options& options) {
  if (!options.netns.empty()) {
    auto scope = ScopeOf(options.netns);
    if (!scope) return scope.error();
    return std::vector<std::string>{InstanceName(*scope)};
  }
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options.run_dir, error)) {
    if (std::filesystem::exists(entry.path() / UndoJournal::kFileName, error)) {
      out.push_back(entry.path().filename());
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Error(error.value(), "looking into '" + options.run_dir + "'");
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

Result<bool> UndoInstance(const std::string& run_dir, const std::string& pin_dir,
                          const std::string& instance, LogSink* log) {
  const std::string directory = run_dir + "/" + instance;
  if (!std::filesystem::exists(directory + "/" + UndoJournal::kFileName)) return true;
  auto lock = LockInstance(directory);
  if (!lock) return lock.error();
  auto journal = UndoJournal::Open(directory, UndoJournal::Missing::kIsAnError);
  if (!journal) return journal.error();
  if (journal->was_damaged()) {
    log->Warning("'" + journal->path() + "' is damaged: what was written after that is not undone");
  }
  NetnsFinder finder(journal->ids());
  NetnsTable names(&finder);
  const auto current = IdOfCurrent(journal->ids());
  const NetnsId home = current ? *current : kNoNetns;
  SysctlFiles files(&finder, home);
  for (const auto& [place, standing] : journal->standings()) files.Allow(place.name);
  const bool confined = instance != InstanceName({});
  const RollbackResult result =
      Rollback(journal->standings(), SystemEdges(&files, &names, log, home, confined));
  if (result.failed != 0) return false;
  // What was written last is not there any more; the next daemon must not look for it.
  if (!pin_dir.empty()) {
    std::error_code none;
    std::filesystem::remove(pin_dir + "/" + instance + "/" MAP_PUBLISHED, none);
  }
  if (auto removed = journal->Remove(); !removed) return removed.error();
  return true;
}

int Undo(const Options& options, LogSink* log) {
  auto instances = InstancesOf(options);
  if (!instances) {
    log->Error(instances.error().message());
    return 1;
  }
  bool complete = true;
  for (const std::string& instance : *instances) {
    auto undone = UndoInstance(options.run_dir, options.pin_dir, instance, log);
    if (!undone) log->Error(undone.error().message());
    complete &= undone && *undone;
  }
  log->Notice(complete ? "nothing that bpftune wrote is left"
                       : "something that bpftune wrote may be left; the lines above say what");
  return complete ? 0 : 1;
}

}  // namespace bpftune
