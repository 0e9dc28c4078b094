// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// The daemon's part in undoing: what it finds in the journal as it starts, what it puts back as it
// ends.

#include "controller/daemon.h"
#include "controller/place.h"
#include "controller/undo/rollback.h"

namespace bpftune {

// Who may write it, and as which row; nobody: its tuner is not loaded.
Daemon::Row Daemon::RowOf(const std::string& tunable) const {
  const std::string pattern = PatternOf(tunable);
  for (const auto& tuner : tuners_.tuners()) {
    const auto& rows = tuner->description().tunables;
    for (size_t row = 0; row < rows.size(); ++row) {
      if (rows[row].name == tunable || rows[row].name == pattern) {
        return {tuner.get(), static_cast<uint16_t>(row)};
      }
    }
  }
  return {nullptr, 0};
}

// Takes up where the daemon before us, of this boot, has left.
void Daemon::Resume() {
  if (!journal_) return;
  const Standings left = journal_->standings();
  for (const auto& [place, standing] : left) {
    const Row owner = RowOf(place.name);
    if (!owner.tuner) continue;
    request record = {};
    record.netns = place.netns.value;
    record.tuner = owner.tuner->id();
    record.tunable = owner.row;
    NameDevice(owner.tuner->description().tunables[owner.row], place.name, &record);
    applier_.Resume(owner.tuner->description(),
                    KeyOf(owner.tuner->description(), record, owner.row), place, standing);
  }
}

void Daemon::Rollback() {
  if (!journal_) return;
  if (freeze_->Check()) {
    return log_->Warning("all is frozen, so nothing is put back now; bpftune --undo does it later");
  }
  RollbackEdges edges = SystemEdges(&files_, &names_, log_, home_, !scope_.empty());
  edges.restore = [this](const SysctlPlace& place, uint64_t inode, const Values& current,
                         const Values& back) { return Restore(place, inode, current, back); };
  const Standings standings = journal_->standings();  // which changes as they go back
  const RollbackResult result = bpftune::Rollback(standings, edges);
  auto removed = result.failed == 0 ? journal_->Remove() : Ok();
  if (!removed) log_->Error(removed.error().message());
}

Status Daemon::Restore(const SysctlPlace& place, uint64_t inode, const Values& current,
                       const Values& back) {
  files_.Allow(place.name);  // of a tuner that an earlier daemon had, or while we only observe
  const Row owner = RowOf(place.name);
  if (!owner.tuner) return files_.Write(place, inode, back);
  request record = {};
  record.kind = REQUEST_SET;
  record.tuner = owner.tuner->id();
  record.tunable = owner.row;
  record.netns = place.netns.value;
  record.netns_inode = static_cast<uint32_t>(inode);
  NameDevice(owner.tuner->description().tunables[owner.row], place.name, &record);
  current.CopyTo(record.seen);
  back.CopyTo(record.wanted);
  return applier_.Restore(owner.tuner->description(), record);
}

}  // namespace bpftune
