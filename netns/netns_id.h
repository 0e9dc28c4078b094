// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Which network namespace? NetnsId is the answer that the BPF programs, the controller and the log
// share. It is the kernel's cookie, which is never used twice, where user space can ask for it
// (SO_NETNS_COOKIE, Linux 5.14), and the inode number, which is, everywhere else.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune {

// 0 is no namespace: it stands for the tunables that the whole kernel has only once.
struct NetnsId {
  uint64_t value = 0;

  friend auto operator<=>(NetnsId, NetnsId) = default;
};

inline constexpr NetnsId kNoNetns{};

enum class NetnsIdKind { kCookie, kInode };

// Decided at the first call and the same for the life of the process; the BPF programs are told, so
// that both sides mean the same. Whatever keeps us from asking for a cookie makes it kInode, which
// works on every kernel.
NetnsIdKind ProbeNetnsIdKind();

// The namespace of the calling thread. Needs no privilege.
Result<NetnsId> IdOfCurrent(NetnsIdKind kind = ProbeNetnsIdKind());

// The namespace behind a descriptor; EINVAL if it is not one of a network namespace. A cookie can
// only be asked for from inside, so kCookie enters it and comes back: CAP_SYS_ADMIN, about 10 us.
Result<NetnsId> IdOf(int netns_fd, NetnsIdKind kind = ProbeNetnsIdKind());

// The inode number; EINVAL as above. Needs no privilege.
Result<uint64_t> InodeOf(int netns_fd);

// The namespace the machine booted with, as far as can be told from where we are:
//   certain      it has the inode number reserved for it (6.17), or it is that of process 1 and
//                process 1 is the machine's
//   not certain  it is that of a container's process 1; or process 1 may not be looked at, and it
//                is our own
struct InitialNetns {
  NetnsId id;
  bool certain = false;
};
Result<InitialNetns> IdOfInitial(NetnsIdKind kind = ProbeNetnsIdKind());

// A descriptor on the namespace of the calling thread.
Result<UniqueFd> OpenCurrentNetns();

}  // namespace bpftune

template <>
struct std::hash<bpftune::NetnsId> {
  size_t operator()(bpftune::NetnsId id) const { return std::hash<uint64_t>{}(id.value); }
};
