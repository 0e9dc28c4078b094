// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/service_manager.h"

#include <sys/time.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>

namespace bpftune {
namespace {

constexpr uint64_t kNsPerUs = 1000;

// 0: no such number.
uint64_t NumberIn(const char* text) {
  const std::string_view digits = text;
  uint64_t out = 0;
  const auto [rest, err] = std::from_chars(digits.begin(), digits.end(), out);
  return err == std::errc{} && rest == digits.end() ? out : 0;
}

}  // namespace

uint64_t PingPeriodNs(const char* watchdog_usec, const char* watchdog_pid, pid_t own_pid) {
  if (!watchdog_usec) return 0;
  if (watchdog_pid && NumberIn(watchdog_pid) != static_cast<uint64_t>(own_pid)) return 0;
  const uint64_t usec = NumberIn(watchdog_usec);
  return usec > UINT64_MAX / kNsPerUs ? 0 : usec * kNsPerUs / 2;
}

ServiceManager ServiceManager::FromEnvironment() {
  ServiceManager out;
  const char* const name = std::getenv("NOTIFY_SOCKET");
  if (!name) return out;
  out.Open(name);
  if (!out.socket_) return out;
  out.period_ns_ =
      PingPeriodNs(std::getenv("WATCHDOG_USEC"), std::getenv("WATCHDOG_PID"), getpid());
  return out;
}

void ServiceManager::Open(std::string_view name) {
  const bool is_abstract = name.starts_with('@');
  if (name.size() >= sizeof(to_.sun_path) || !(is_abstract || name.starts_with('/'))) return;
  to_.sun_family = AF_UNIX;
  name.copy(to_.sun_path, name.size());
  if (is_abstract) to_.sun_path[0] = '\0';
  to_length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  socket_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Whoever does not read what is sent holds us for no longer than that.
  const timeval patience = {.tv_sec = 1, .tv_usec = 0};
  (void)setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

void ServiceManager::Ready(const std::string& status, uint64_t now_ns) {
  Send("READY=1\nSTATUS=" + status);
  if (period_ns_ != 0) due_ns_ = now_ns + period_ns_;
}

void ServiceManager::PingIfDue(uint64_t now_ns) {
  if (due_ns_ > now_ns) return;
  Send("WATCHDOG=1");
  due_ns_ = now_ns + period_ns_;
}

// Best effort: a manager that hears nothing does what it was told to do then.
void ServiceManager::Send(std::string_view text) const {
  if (!socket_) return;
  (void)!sendto(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&to_), to_length_);
}

}  // namespace bpftune
