// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Ping of traffic.h.

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>

#include "testing/netns_harness/packet.h"
#include "testing/netns_harness/realtime_thread.h"
#include "testing/netns_harness/sockets.h"
#include "testing/netns_harness/traffic.h"

namespace bpftune::testing {
namespace {

int64_t NowNs(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

// An echo request, and the answer to it, which has the same layout in both families. The checksum
// of ICMPv6 is the kernel's task.
struct Echo {
  uint8_t type;
  uint8_t code = 0;
  uint16_t checksum = 0;
  uint16_t identity;
  uint16_t sequence;
  int64_t sent_ns;  // CLOCK_REALTIME, as the kernel's receive stamps
};

class Pinger {
 public:
  static Result<Pinger> Open(const Endpoint& from, const Endpoint& to, Family family);

  Status Send(int sequence);
  // Takes what arrives until `until_ns` (CLOCK_MONOTONIC) or until `count` answers are here.
  void ReceiveUntil(int64_t until_ns, size_t count);
  const std::vector<double>& rtts_ms() const { return rtts_ms_; }

 private:
  Pinger(UniqueFd socket, Family family, uint16_t identity)
      : socket_(std::move(socket)), family_(family), identity_(identity) {}
  void ReceiveOne();

  UniqueFd socket_;
  Family family_;
  uint16_t identity_;
  std::vector<double> rtts_ms_;
};

Result<Pinger> Pinger::Open(const Endpoint& from, const Endpoint& to, Family family) {
  static std::atomic<uint16_t> identities = 1;
  bool v4 = family == Family::kIpv4;
  UniqueFd socket = from.host.Run([v4] {
    return UniqueFd(::socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                             v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}));
  });
  if (!socket) return Error::FromErrno("making a raw socket");
  auto address = MakeAddress(to.address(family), 0);
  if (!address) return address.error();
  int on = 1;
  if (setsockopt(socket.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
      connect(socket.get(), address->get(), address->length) != 0) {
    return Error::FromErrno("preparing a raw socket");
  }
  return Pinger(std::move(socket), family, identities++);
}

Status Pinger::Send(int sequence) {
  Echo echo{.type = family_ == Family::kIpv4 ? uint8_t{ICMP_ECHO} : uint8_t{ICMP6_ECHO_REQUEST},
            .identity = identity_,
            .sequence = static_cast<uint16_t>(sequence),
            .sent_ns = NowNs(CLOCK_REALTIME)};
  std::array<uint8_t, sizeof echo> bytes;
  std::memcpy(bytes.data(), &echo, sizeof echo);
  auto checksum = static_cast<uint16_t>(~InternetSum(bytes));
  bytes[2] = static_cast<uint8_t>(checksum >> 8);
  bytes[3] = static_cast<uint8_t>(checksum);
  if (send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
    return Error::FromErrno("sending an echo request");
  }
  return Ok();
}

void Pinger::ReceiveUntil(int64_t until_ns, size_t count) {
  while (rtts_ms_.size() < count) {
    int64_t left = until_ns - NowNs(CLOCK_MONOTONIC);
    if (left <= 0 || !WaitForEvents(socket_.get(), POLLIN, std::chrono::nanoseconds(left))) return;
    ReceiveOne();
  }
}

void Pinger::ReceiveOne() {
  alignas(cmsghdr) char control[128];
  uint8_t packet[512];
  iovec buffer{packet, sizeof packet};
  msghdr message{};
  message.msg_iov = &buffer;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t length = recvmsg(socket_.get(), &message, 0);
  if (length <= 0) return;
  // An IPv4 raw socket gives the IP header too.
  ssize_t start = family_ == Family::kIpv4 ? (packet[0] & 15) * 4 : 0;
  Echo echo;
  if (length < start + static_cast<ssize_t>(sizeof echo)) return;
  std::memcpy(&echo, packet + start, sizeof echo);
  int reply = family_ == Family::kIpv4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
  if (echo.type != reply || echo.identity != identity_) return;

  int64_t received_ns = NowNs(CLOCK_REALTIME);
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec stamp;
    std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
    received_ns = stamp.tv_sec * int64_t{1'000'000'000} + stamp.tv_nsec;
  }
  rtts_ms_.push_back(static_cast<double>(received_ns - echo.sent_ns) / 1e6);
}

PingReport Summarize(int sent, std::vector<double> rtts_ms) {
  PingReport report{.sent = sent, .received = static_cast<int>(rtts_ms.size())};
  if (rtts_ms.empty()) return report;
  std::sort(rtts_ms.begin(), rtts_ms.end());
  report.min_ms = rtts_ms.front();
  report.median_ms = rtts_ms[rtts_ms.size() / 2];
  report.mean_ms =
      std::accumulate(rtts_ms.begin(), rtts_ms.end(), 0.0) / static_cast<double>(rtts_ms.size());
  report.max_ms = rtts_ms.back();
  return report;
}

}  // namespace

Result<PingReport> Ping(const Endpoint& from, const Endpoint& to, const PingOptions& options) {
  auto pinger = Pinger::Open(from, to, options.family);
  if (!pinger) return pinger.error().Within("ping from host '" + from.host.name() + "'");
  RealtimeThread realtime;
  auto interval_ns = static_cast<int64_t>(options.interval_ms * 1e6);
  auto timeout_ns = static_cast<int64_t>(options.timeout_ms * 1e6);
  auto all = static_cast<size_t>(options.count);
  int64_t next_ns = NowNs(CLOCK_MONOTONIC);
  for (int i = 0; i < options.count; i++) {
    Status sent = pinger->Send(i);
    if (!sent) return sent.error();
    next_ns += i + 1 < options.count ? interval_ns : timeout_ns;
    pinger->ReceiveUntil(next_ns, i + 1 < options.count ? all + 1 : all);
  }
  return Summarize(options.count, pinger->rtts_ms());
}

}  // namespace bpftune::testing
