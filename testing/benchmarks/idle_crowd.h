// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Very many idle TCP connections of a host with itself. A process may hold only so many descriptors
// (and both ends are ours), so several child processes share the work.

#include <vector>

#include "controller/result.h"
#include "testing/netns_harness/child_process.h"
#include "testing/netns_harness/host.h"

namespace bpftune::testing {

class IdleCrowd {
 public:
  // Returns when all connections stand. They end with the object.
  static Result<IdleCrowd> Open(const Host& host, int connections);

 private:
  explicit IdleCrowd(std::vector<ChildProcess> holders) : holders_(std::move(holders)) {}

  std::vector<ChildProcess> holders_;
};

}  // namespace bpftune::testing
