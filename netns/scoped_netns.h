// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The calling thread is in another network namespace for as long as a ScopedNetns lives:
//
//   auto inside = ScopedNetns::Enter(netns.get());
//   if (!inside) return inside.error();
//   ... sockets made and /proc/thread-self/net opened here are the other namespace's ...

#include <utility>

#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune {

// Preconditions: destroyed by the thread that made it, last one first, with the capabilities it was
// made with. A thread that cannot come back would do to one namespace what it means for another, so
// then the process aborts with a message.
class ScopedNetns {
 public:
  // Fails, and leaves the thread where it is: EINVAL, the descriptor is not one of a network
  // namespace; EPERM, no CAP_SYS_ADMIN here or in the user namespace that owns it.
  static Result<ScopedNetns> Enter(int netns_fd);

  ScopedNetns(ScopedNetns&&) noexcept = default;
  ScopedNetns& operator=(ScopedNetns&&) = delete;
  ~ScopedNetns();

 private:
  explicit ScopedNetns(UniqueFd home) : home_(std::move(home)) {}

  UniqueFd home_;  // none once moved from
};

}  // namespace bpftune
