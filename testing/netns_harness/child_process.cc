// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace bpftune::testing {

Result<Pipe> Pipe::Create() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error::FromErrno("making a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<ChildProcess> ChildProcess::Start(const std::function<int()>& body) {
  pid_t parent = getpid();
  pid_t child = fork();
  if (child < 0) return Error::FromErrno("starting a child process");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);  // died before we asked to be told
    _exit(body());
  }
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  if (!pidfd) {
    Error error = Error::FromErrno("opening a descriptor for a child process");
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    return error;
  }
  return ChildProcess(child, std::move(pidfd));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      status_(other.status_) {}

ChildProcess::~ChildProcess() {
  if (pid_ < 0 || status_) return;
  Signal(SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void ChildProcess::Signal(int signal) const {
  if (status_) return;
  kill(pid_, signal);  // not reaped yet, so the number is still its own
  siginfo_t stopped;
  if (signal == SIGSTOP)
    waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WEXITED | WNOWAIT);
}

std::optional<int> ChildProcess::Wait(std::chrono::milliseconds timeout) {
  if (status_) return status_;
  auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd exited{pidfd_.get(), POLLIN, 0};
    int ready = poll(&exited, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready == 0) return std::nullopt;
    int status = 0;
    if (ready > 0 && waitpid(pid_, &status, 0) == pid_) return status_ = status;
  }
}

}  // namespace bpftune::testing
