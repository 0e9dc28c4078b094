// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What a service manager wants to hear (sd_notify(3)): that the daemon is ready, what it is doing,
// that its event loop still turns, that it is about to end. Where nobody has asked, in the
// environment, nothing is sent and nothing is ever due.

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "controller/event_sources.h"
#include "controller/unique_fd.h"

namespace bpftune {

// How often the watchdog is to be told that all is well: at half of its patience. 0: there is none,
// or it waits for another process. As in the environment; nullptr: not set.
uint64_t PingPeriodNs(const char* watchdog_usec, const char* watchdog_pid, pid_t own_pid);

class ServiceManager {
 public:
  // As the environment says: NOTIFY_SOCKET (a path, or "@name" for an abstract one in the network
  // namespace of the caller), WATCHDOG_USEC, WATCHDOG_PID.
  static ServiceManager FromEnvironment();

  void Ready(const std::string& status, uint64_t now_ns);
  void Status(const std::string& status) { Send("STATUS=" + status); }
  void Stopping() { Send("STOPPING=1"); }

  // When the watchdog is to be told next, once it is ready; kNever without one.
  uint64_t due_ns() const { return due_ns_; }
  void PingIfDue(uint64_t now_ns);

 private:
  void Open(std::string_view name);
  void Send(std::string_view text) const;

  UniqueFd socket_;  // none: nobody asks
  sockaddr_un to_ = {};
  socklen_t to_length_ = 0;
  uint64_t period_ns_ = 0;
  uint64_t due_ns_ = kNever;
};

}  // namespace bpftune
