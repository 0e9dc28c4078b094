// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/event_sources.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>

namespace bpftune {

uint64_t NowNs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

uint64_t ThreadTimeNs() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * kNsPerSecond + static_cast<uint64_t>(time.tv_nsec);
}

Result<UniqueFd> SignalFd() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return Error::FromErrno("blocking signals");
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return Error::FromErrno("making a signal descriptor");
  return fd;
}

Status AddTo(int epoll, int fd) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) return Error::FromErrno("adding to epoll");
  return Ok();
}

void Arm(int timer, uint64_t due_ns) {
  itimerspec when = {};
  if (due_ns != kNever) {
    when.it_value.tv_sec = static_cast<time_t>(due_ns / kNsPerSecond);
    when.it_value.tv_nsec = static_cast<long>(std::max<uint64_t>(due_ns % kNsPerSecond, 1));
  }
  (void)timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr);  // cannot fail: valid arguments
}

}  // namespace bpftune
