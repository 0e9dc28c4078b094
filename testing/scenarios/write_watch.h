// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Which sysctls a process opens for writing, seen from outside of it: the kernel tells (fanotify)
// when a file that was open for writing is closed, written or not, in whatever namespace.

#include <sys/types.h>

#include <string>
#include <vector>

#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune::testing {

class WriteWatch {
 public:
  // From now on.
  static Result<WriteWatch> Create();

  // Files below /proc that this process has had open for writing and has closed; when it is gone,
  // all, but those of namespaces that are gone too. Not what was told before.
  Result<std::vector<std::string>> ClosedBy(pid_t pid);

 private:
  explicit WriteWatch(UniqueFd events) : events_(std::move(events)) {}

  UniqueFd events_;
};

}  // namespace bpftune::testing
