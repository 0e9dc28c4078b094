// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Is there a daemon? Asked without touching its lock, so that one that starts at this moment finds
// the lock free.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace bpftune::ctl {

struct DaemonProcess {
  enum class State {
    kGone,  // nobody holds the lock
    kRuns,
    kStopped,  // by a signal, or a debugger
  };
  State state = State::kGone;
  pid_t pid = 0;        // 0: not known
  int64_t since_s = 0;  // seconds since 1970; 0: not known

  bool exists() const { return state != State::kGone; }
};

// By the lock in the folder of an instance.
DaemonProcess FindDaemon(const std::string& folder);

// Whether somebody has locked the whole file with that device and inode number, by the text of
// /proc/locks. Pure.
bool IsLocked(std::string_view locks, unsigned major, unsigned minor, uint64_t inode);

// The state letter and the time of the start (clock ticks since boot) in /proc/PID/stat; '?' if it
// is not such a text. Pure.
struct ProcessStat {
  char state = '?';
  uint64_t start_ticks = 0;
};
ProcessStat ParseStat(std::string_view stat);

// The text of a small file; empty if it cannot be read.
std::string ReadText(const std::string& path);

}  // namespace bpftune::ctl
