// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Back to what was before us, by the undo journal: each place that still has the value we wrote
// gets its first one. What somebody else has written since stays, and is said. Used by --undo (the
// daemon is dead) and by --rollback (it ends).

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controller/log.h"
#include "controller/sysctl_files.h"
#include "controller/undo/undo_journal.h"
#include "netns/netns_table.h"

namespace bpftune {

struct RollbackEdges {
  Actuator* actuator;
  LogSink* log;
  std::function<std::string(NetnsId)> name_of;  // for people
  // Writes `back` where `current`, ours, stands. EPERM: it is somebody else's after all.
  std::function<Status(const SysctlPlace&, uint64_t inode, const Values& current,
                       const Values& back)>
      restore;
  // For what namespaces inherit: the one that others are made from, those there are, and the value
  // of a tunable in one that is made now. The kernel copies some tunables (tcp_rmem, tcp_wmem:
  // net/ipv4/tcp_ipv4.c, tcp_sk_init) from its first namespace to each new one.
  NetnsId home;
  std::function<std::vector<NetnsEntry>()> all_netns;
  std::function<std::optional<Values>(const std::string& tunable)> newborn;
};

struct RollbackResult {
  size_t restored = 0;
  size_t theirs = 0;  // left alone
  size_t gone = 0;    // with their namespace
  size_t failed = 0;  // still ours: worth another try
};

RollbackResult Rollback(const Standings& standings, const RollbackEdges& edges);

// The edges of this system, with every namespace there is, or none where we are `confined` to some.
// What goes back is written without a word to anybody and read again. All must outlive the result.
RollbackEdges SystemEdges(Actuator* files, NetnsTable* names, LogSink* log, NetnsId home,
                          bool confined);

}  // namespace bpftune
