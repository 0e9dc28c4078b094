// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/traffic.h"

#include <poll.h>

#include <chrono>
#include <thread>

#include "testing/netns_harness/sockets.h"

namespace bpftune::testing {

Result<TcpConnection> Connect(const Endpoint& from, const Endpoint& to, const TcpOptions& options) {
  auto listener = Listen(to, options);
  if (!listener) return listener.error();
  return ConnectTo(*listener, from, options);
}

Result<IdleConnections> IdleConnections::Open(const Endpoint& from, const Endpoint& to, int count,
                                              Family family) {
  TcpOptions options{.family = family};
  auto listener = Listen(to, options);
  if (!listener) return listener.error();
  std::vector<TcpConnection> connections;
  for (int i = 0; i < count; i++) {
    auto connection = ConnectTo(*listener, from, options);
    if (!connection) return connection.error().Within("connection " + std::to_string(i));
    connections.push_back(std::move(*connection));
  }
  return IdleConnections(std::move(connections));
}

namespace {

// One byte over `from`, which is there when this returns.
Status PassByte(const UniqueFd& from, const UniqueFd& to) {
  char byte = 'x';
  if (send(from.get(), &byte, 1, MSG_NOSIGNAL) != 1) return Error::FromErrno("sending");
  if (!WaitForEvents(to.get(), POLLIN, kConnectTimeout)) return Error(ETIMEDOUT, "receiving");
  if (recv(to.get(), &byte, 1, 0) != 1) return Error::FromErrno("receiving");
  return Ok();
}

}  // namespace

Result<double> ShortConnections(const Endpoint& from, const Endpoint& to, int count,
                                Family family) {
  TcpOptions options{.family = family};
  auto listener = Listen(to, options);
  if (!listener) return listener.error();
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; i++) {
    auto connection = ConnectTo(*listener, from, options);
    if (!connection) return connection.error().Within("connection " + std::to_string(i));
    Status request = PassByte(connection->from, connection->to);
    if (!request) return request.error().Within("request on connection " + std::to_string(i));
    Status response = PassByte(connection->to, connection->from);
    if (!response) return response.error().Within("response on connection " + std::to_string(i));
  }
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return count / took.count();
}

}  // namespace bpftune::testing
