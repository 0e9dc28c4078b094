// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// From the id of a network namespace to a descriptor on it. The controller uses it when it touches
// a namespace for the first time, opens the sysctl there, and closes the descriptor at once,
// because it keeps the namespace alive. Single-threaded, like the controller.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "controller/result.h"
#include "controller/unique_fd.h"
#include "netns/netns_id.h"
#include "netns/netns_places.h"

namespace bpftune {

// What the kernel can do with a file handle of a namespace, which names it by its cookie.
enum class NetnsHandles {
  kNone,         // 6.12 has none
  kWithInode,    // 6.18 wants the inode number beside the cookie
  kCookieAlone,  // 7.3 does not
};

// Decided by trying it on our own namespace.
NetnsHandles ProbeNetnsHandles(NetnsIdKind kind = ProbeNetnsIdKind());

// What is remembered between calls is a hint where to look, for at most kMaxHints namespaces. A
// hint cannot lie: what it leads to is asked for its id, as is everything else before it is
// returned. (Where the id is an inode number, that is as much as can be known: a namespace that
// took over the number of a dead one has the same id.)
class NetnsFinder {
 public:
  static constexpr size_t kMaxHints = 4096;

  explicit NetnsFinder(NetnsIdKind kind = ProbeNetnsIdKind())
      : NetnsFinder(kind, ProbeNetnsHandles(kind)) {}

  // With fewer ways to find one than the kernel has; tests of older kernels' ways use it.
  NetnsFinder(NetnsIdKind kind, NetnsHandles handles) : kind_(kind), handles_(handles) {}

  // By file handle where that is possible: about 12 us, without a search, also for a namespace that
  // only a descriptor holds (or, on 6.18 but no longer on 7.3, only a socket). Else a search:
  // processes, bind mounts, threads, 10 us for each namespace that has to be entered.
  //
  //   inode  the inode number of that namespace where it is known (BPF: net->ns.inum), else 0. With
  //          it Linux 6.18 needs no search either. It must be right: where it is given, and handles
  //          work, what they do not find counts as dead.
  //
  // Fails, and never with another namespace instead:
  //   ESRCH   the namespace is dead, or, after a search, nothing that we can see holds it. A search
  //           in vain is not repeated for the same id before 100 times as long as it took.
  //   EINVAL  kNoNetns
  //   and what keeps us from looking at all, such as EMFILE.
  // Needs CAP_SYS_ADMIN, and CAP_SYS_PTRACE to search among other users' processes.
  Result<UniqueFd> Find(NetnsId id, uint64_t inode = 0);

  NetnsIdKind kind() const { return kind_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Hint {
    NetnsPlace place;                // nothing known: inode 0
    Clock::time_point search_after;  // for one that was looked for in vain
  };

  Result<UniqueFd> FindByHandle(NetnsId id, uint64_t inode);
  Result<UniqueFd> FindBySearch(NetnsId id);
  Result<UniqueFd> OpenIfItIs(NetnsId id, const NetnsPlace& place);
  void Remember(NetnsId id, Hint hint);

  NetnsIdKind kind_;
  NetnsHandles handles_;
  std::unordered_map<NetnsId, Hint> hints_;
};

}  // namespace bpftune
