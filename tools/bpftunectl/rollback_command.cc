// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl rollback

#include <bpf/bpf.h>

#include <algorithm>

#include "controller/kept/instance.h"
#include "controller/sysctl_name.h"
#include "controller/undo/rollback.h"
#include "controller/undo/undo_command.h"
#include "tools/bpftunectl/done.h"
#include "tools/bpftunectl/pinned.h"

namespace bpftune::ctl {
namespace {

bool IsMeant(const CommandLine& line, const std::string& name) {
  return line.name.empty() || name == line.name ||
         (IsOfEachDevice(line.name) && PatternOf(name) == line.name);
}

// What is said of the way back, as things done.
class DoneLog : public LogSink {
 public:
  explicit DoneLog(Done* done) : done_(done) {}
  void Write(LogLevel level, const std::string& line) override {
    if (level <= LogLevel::kWarning) {
      done_->Fail("", "", line);
    } else if (level == LogLevel::kNotice) {
      done_->Add("rolled back", "", "", line);
    }
  }

 private:
  Done* done_;
};

// While a daemon runs, what it wrote is overwritten as any administrator would: it sees that, even
// if it hangs, and leaves the tunable alone from then on.
void GoBackBesideDaemon(const SysctlPlace& place, const Standing& standing, System* system,
                        Done* done) {
  const std::string netns = system->names().DisplayName(place.netns);
  const std::string what = "'" + place.name + "' in " + netns;
  auto current = system->files().Read(place, standing.inode);
  if (!current) {
    if (!IsGone(current.error()) || place.netns == kNoNetns) {
      done->Fail(place.name, netns, what + " could not go back: " + current.error().message());
    }
    return;
  }
  if (*current == standing.baseline) return;
  if (!standing.IsOurs(*current)) {
    return done->Add("left alone", place.name, netns,
                     what + " is (" + current->Text() + ") where bpftune had written (" +
                         standing.last.Text() + "): somebody else changed it; left alone");
  }
  auto written = system->WriteAsOthers(place, standing.inode, standing.baseline);
  if (!written) {
    return done->Fail(place.name, netns, what + " could not go back: " + written.error().message());
  }
  done->Add("rolled back", place.name, netns,
            what + " went back from (" + current->Text() + ") to (" + standing.baseline.Text() +
                "); bpftune leaves it alone until bpftunectl reclaim " + place.name);
}

// Of one tunable; the daemon is gone. What was written last is not there any more: the next daemon
// must not look for it.
bpftune::Status GoBackAlone(const CommandLine& line, const State& state, System* system,
                            Done* done) {
  auto lock = LockInstance(state.folder);
  if (!lock) return lock.error();
  auto journal = UndoJournal::Open(state.folder, UndoJournal::Missing::kIsAnError);
  if (!journal) return journal.error();
  Standings meant;
  for (const auto& [place, standing] : journal->standings()) {
    if (!IsMeant(line, place.name)) continue;
    meant.emplace(place, standing);
    system->files().Allow(place.name);
  }
  DoneLog log(done);
  const bool confined = state.instance != InstanceName({});
  const RollbackResult result = Rollback(
      meant, SystemEdges(&system->files(), &system->names(), &log, system->home(), confined));
  if (result.failed != 0) return Ok();  // which the log has said
  for (const auto& [place, standing] : meant) {
    auto released = journal->Append(
        {JournalRecord::Kind::kReleased, place, standing.inode, standing.last, standing.baseline});
    if (!released) return released;
  }
  auto published = OpenPinned(state.pins + "/" MAP_PUBLISHED, 0);
  if (!published) return Ok();  // then nobody will look there
  for (const TunableRow& row : RowsOf(state, system->AsOutside())) {
    if (IsMeant(line, row.name)) (void)bpf_map_delete_elem(published->get(), &row.key);
  }
  return Ok();
}

}  // namespace

Answer RollbackCommand(const CommandLine& line, const State& state, System* system) {
  const std::vector<std::string> names = NamesOf(state);
  const bool is_known = std::ranges::any_of(
      state.standings, [&](const auto& entry) { return IsMeant(line, entry.first.name); });
  if (!is_known && !line.name.empty() && std::ranges::find(names, line.name) == names.end()) {
    return Failure(kUsage, NoSuch("tunable", line.name, names));
  }
  Answer out;
  Done done(&out);
  if (!is_known) return out;  // nothing of it is ours
  if (state.daemon.exists()) {
    for (const auto& [place, standing] : state.standings) {
      if (IsMeant(line, place.name)) GoBackBesideDaemon(place, standing, system, &done);
    }
    return out;
  }
  if (!line.name.empty()) {
    auto gone_back = GoBackAlone(line, state, system, &done);
    return gone_back ? out : Failure(gone_back.error());
  }
  DoneLog log(&done);
  auto undone = UndoInstance(line.run_dir, line.pin_dir, state.instance, &log);
  if (!undone) return Failure(undone.error());
  if (!*undone) out.exit_code = kProblem;
  return out;
}

}  // namespace bpftune::ctl
