// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The few socket calls that traffic.cc and bulk_flow.cc share, each with a deadline.

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "controller/result.h"
#include "controller/unique_fd.h"
#include "testing/netns_harness/traffic.h"

namespace bpftune::testing {

inline constexpr std::chrono::seconds kConnectTimeout{10};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  uint16_t port() const;
};

// From an address in numbers, "10.0.0.1" or "fd00::1".
Result<SocketAddress> MakeAddress(const std::string& address, uint16_t port);
// The address that a socket is bound to.
Result<SocketAddress> LocalAddress(int socket);

// Waits until one of `events` (poll(2)) is there; false when the time is up.
bool WaitForEvents(int fd, short events, std::chrono::nanoseconds timeout);

// A TCP socket that listens at `at`, on a port of the kernel's choice; with the buffers and the
// congestion control that accepted connections are to inherit. Non-blocking.
struct Listener {
  UniqueFd socket;
  SocketAddress address;
};
Result<Listener> Listen(const Endpoint& at, const TcpOptions& options);

// One more connection to `listener`, whose other end it takes from the queue.
Result<TcpConnection> ConnectTo(const Listener& listener, const Endpoint& from,
                                const TcpOptions& options);

}  // namespace bpftune::testing
