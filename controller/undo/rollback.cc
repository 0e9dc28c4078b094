// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/undo/rollback.h"

#include <sched.h>

#include <cerrno>
#include <thread>

namespace bpftune {
namespace {

class Run {
 public:
  Run(const Standings& standings, const RollbackEdges& edges)
      : standings_(standings), edges_(edges) {}

  RollbackResult Go() {
    // The heirs first: once the value they were born with has gone from their parent, nothing tells
    // that it was ours.
    for (const auto& [place, standing] : standings_) {
      if (place.netns == edges_.home) GoBackInHeirs(place, standing);
    }
    for (const auto& [place, standing] : standings_) GoBack(place, standing);
    return result_;
  }

 private:
  void GoBackInHeirs(const SysctlPlace& parent, const Standing& standing) {
    auto ours = edges_.actuator->Read(parent, standing.inode);
    if (!ours || *ours == standing.baseline || !standing.IsOurs(*ours)) return;
    // Where the kernel does not copy it, the same value is a coincidence, or somebody's choice.
    if (edges_.newborn(parent.name) != *ours) return;
    for (const NetnsEntry& netns : edges_.all_netns()) {
      const SysctlPlace place{netns.id, parent.name};
      if (standings_.contains(place)) continue;
      auto current = edges_.actuator->Read(place, netns.inode);
      if (!current || *current != *ours) continue;
      Restore(place, netns.inode, *current, standing.baseline);
    }
  }

  void GoBack(const SysctlPlace& place, const Standing& standing) {
    auto current = edges_.actuator->Read(place, standing.inode);
    if (!current) return Failed(place, current.error());
    if (*current == standing.baseline) return;
    if (!standing.IsOurs(*current)) return Leave(place, *current, standing.last);
    Restore(place, standing.inode, *current, standing.baseline);
  }

  void Restore(const SysctlPlace& place, uint64_t inode, const Values& current,
               const Values& back) {
    auto restored = edges_.restore(place, inode, current, back);
    if (!restored && restored.error().code() == EPERM) {
      auto stands = edges_.actuator->Read(place, inode);
      if (stands && *stands != current) return Leave(place, *stands, current);
    }
    if (!restored) return Failed(place, restored.error());
    ++result_.restored;
    Say(Outcome::kPutBack, place, current, back,
        " went back from (" + current.Text() + ") to (" + back.Text() + ")");
  }

  void Leave(const SysctlPlace& place, const Values& stands, const Values& ours) {
    ++result_.theirs;
    Say(Outcome::kYielded, place, ours, stands,
        " is (" + stands.Text() + ") where bpftune had written (" + ours.Text() +
            "): somebody else changed it; left alone");
  }

  void Say(Outcome outcome, const SysctlPlace& place, const Values& old_values,
           const Values& new_values, const std::string& line) const {
    DecisionRecord record = NewRecord(outcome);
    record.tunable = place.name;
    record.netns = place.netns.value;
    record.netns_name = edges_.name_of(place.netns);
    record.old_values = old_values;
    record.new_values = new_values;
    record.lines = {Named(place) + line};
    edges_.log->Decide(record);
  }

  void Failed(const SysctlPlace& place, const Error& error) {
    if (IsGone(error) && place.netns != kNoNetns) {
      ++result_.gone;
      return;
    }
    ++result_.failed;
    edges_.log->Error(Named(place) + " could not go back: " + error.message());
  }

  std::string Named(const SysctlPlace& place) const {
    return "'" + place.name + "' in " + edges_.name_of(place.netns);
  }

  const Standings& standings_;
  const RollbackEdges& edges_;
  RollbackResult result_;
};

// Makes a namespace, looks, and lets it go.
std::optional<Values> ValueInNewNetns(const std::string& tunable) {
  std::optional<Values> out;
  // In a thread, with which the namespace goes.
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) return;
    NetnsFinder finder;
    auto values = SysctlFiles(&finder, kNoNetns).Read({kNoNetns, tunable}, 0);
    if (values) out = *values;
  }).join();
  return out;
}

Status WriteBack(Actuator* files, const SysctlPlace& place, uint64_t inode, const Values& back) {
  if (auto written = files->Write(place, inode, back); !written) return written;
  auto stands = files->Read(place, inode);
  if (!stands) return stands.error();
  if (*stands != back) return Error("the kernel made (" + stands->Text() + ") of it");
  return Ok();
}

std::vector<NetnsEntry> AllNetns(const NetnsTable& table) {
  auto list = table.List();
  return list ? list->entries : std::vector<NetnsEntry>();
}

}  // namespace

RollbackResult Rollback(const Standings& standings, const RollbackEdges& edges) {
  return Run(standings, edges).Go();
}

RollbackEdges SystemEdges(Actuator* files, NetnsTable* names, LogSink* log, NetnsId home,
                          bool confined) {
  return {.actuator = files,
          .log = log,
          .name_of = [=](NetnsId id) { return names->DisplayName(id); },
          .restore = [=](const SysctlPlace& place, uint64_t inode, const Values&,
                         const Values& back) { return WriteBack(files, place, inode, back); },
          .home = home,
          .all_netns = [=] { return confined ? std::vector<NetnsEntry>() : AllNetns(*names); },
          .newborn = ValueInNewNetns};
}

}  // namespace bpftune
