// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A child process that cannot outlive us: owned here, killed with the thread that started it.
// Used by Host (a process that only sits in its namespace) and Daemon (the program under test).

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune::testing {

// For what a child has to tell; both ends are closed by exec.
struct Pipe {
  UniqueFd read;
  UniqueFd write;

  static Result<Pipe> Create();
};

class ChildProcess {
 public:
  // Forks and calls `body` in the child; what it returns is the child's exit status. The process
  // may have other threads, so `body` must keep to what is allowed after fork: system calls, exec.
  // The child gets SIGKILL when the *thread* that called Start ends (PR_SET_PDEATHSIG), so start
  // children from a thread that outlives them.
  static Result<ChildProcess> Start(const std::function<int()>& body);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();  // kills and reaps it if it still runs

  pid_t pid() const { return pid_; }
  // SIGSTOP has taken effect when this returns: what the child had under way is done.
  void Signal(int signal) const;

  // The status as of wait(2), or nothing when the child still runs after `timeout`. May be asked
  // again.
  std::optional<int> Wait(std::chrono::milliseconds timeout);

 private:
  ChildProcess(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid_;
  UniqueFd pidfd_;
  std::optional<int> status_;
};

}  // namespace bpftune::testing
