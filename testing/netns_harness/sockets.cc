// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

namespace bpftune::testing {
namespace {

Status SetOption(int socket, int level, int name, int value, const char* doing) {
  if (value == 0) return Ok();
  if (setsockopt(socket, level, name, &value, sizeof value) == 0) return Ok();
  return Error::FromErrno(doing);
}

Result<UniqueFd> MakeTcpSocket(const Endpoint& at, const TcpOptions& options) {
  int family = options.family == Family::kIpv4 ? AF_INET : AF_INET6;
  UniqueFd socket = at.host.Run(
      [&] { return UniqueFd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); });
  if (!socket) return Error::FromErrno("making a TCP socket");
  const std::string& algorithm = options.congestion_control;
  if (!algorithm.empty() && setsockopt(socket.get(), IPPROTO_TCP, TCP_CONGESTION, algorithm.data(),
                                       static_cast<socklen_t>(algorithm.size())) != 0) {
    return Error::FromErrno("choosing congestion control '" + algorithm + "'");
  }
  return socket;
}

Status FinishConnecting(int socket) {
  if (!WaitForEvents(socket, POLLOUT, kConnectTimeout)) return Error(ETIMEDOUT, "connecting");
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return Error(error, "connecting");
  return Ok();
}

}  // namespace

uint16_t SocketAddress::port() const {
  if (storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

Result<SocketAddress> MakeAddress(const std::string& address, uint16_t port) {
  SocketAddress result;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    result.length = sizeof *v4;
    return result;
  }
  result = SocketAddress();
  if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    result.length = sizeof *v6;
    return result;
  }
  return Error("'" + address + "' is no IP address");
}

Result<SocketAddress> LocalAddress(int socket) {
  SocketAddress address;
  if (getsockname(socket, address.get(), &address.length) != 0) {
    return Error::FromErrno("asking for the address of a socket");
  }
  return address;
}

bool WaitForEvents(int fd, short events, std::chrono::nanoseconds timeout) {
  pollfd waiting{fd, events, 0};
  timespec left{static_cast<time_t>(timeout.count() / 1'000'000'000),
                static_cast<long>(timeout.count() % 1'000'000'000)};
  return ppoll(&waiting, 1, &left, nullptr) > 0;
}

Result<Listener> Listen(const Endpoint& at, const TcpOptions& options) {
  auto failed = [&at](const Error& error) {
    return error.Within("listening on host '" + at.host.name() + "'");
  };
  auto address = MakeAddress(at.address(options.family), /*port=*/0);
  if (!address) return failed(address.error());
  auto socket = MakeTcpSocket(at, options);
  if (!socket) return failed(socket.error());
  Status status = SetOption(socket->get(), SOL_SOCKET, SO_RCVBUF, options.receive_buffer_bytes,
                            "setting the receive buffer");
  if (!status) return failed(status.error());
  if (bind(socket->get(), address->get(), address->length) != 0 ||
      listen(socket->get(), SOMAXCONN) != 0) {
    return failed(Error::FromErrno("at '" + at.address(options.family) + "'"));
  }
  auto bound = LocalAddress(socket->get());
  if (!bound) return failed(bound.error());
  return Listener{std::move(*socket), *bound};
}

Result<TcpConnection> ConnectTo(const Listener& listener, const Endpoint& from,
                                const TcpOptions& options) {
  auto failed = [&from](const Error& error) {
    return error.Within("connecting from host '" + from.host.name() + "'");
  };
  auto socket = MakeTcpSocket(from, options);
  if (!socket) return failed(socket.error());
  Status status = SetOption(socket->get(), SOL_SOCKET, SO_SNDBUF, options.send_buffer_bytes,
                            "setting the send buffer");
  if (!status) return failed(status.error());
  if (connect(socket->get(), listener.address.get(), listener.address.length) != 0 &&
      errno != EINPROGRESS) {
    return failed(Error::FromErrno("connecting"));
  }
  status = FinishConnecting(socket->get());
  if (!status) return failed(status.error());

  // Our end stands once the SYN-ACK is here; theirs only when the last ACK has crossed the link.
  if (!WaitForEvents(listener.socket.get(), POLLIN, kConnectTimeout)) {
    return failed(Error(ETIMEDOUT, "accepting"));
  }
  UniqueFd accepted(accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted) return failed(Error::FromErrno("accepting"));
  return TcpConnection{std::move(*socket), std::move(accepted)};
}

}  // namespace bpftune::testing
