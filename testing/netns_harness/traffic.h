// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Traffic between two endpoints, and what it achieved. Port numbers are chosen by the kernel; every
// wait has a deadline (10 s for a connection to be made). For a bulk transfer see bulk_flow.h.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "controller/result.h"
#include "controller/unique_fd.h"
#include "testing/netns_harness/host.h"

namespace bpftune::testing {

// A TCP connection, both ends non-blocking.
struct TcpConnection {
  UniqueFd from;
  UniqueFd to;
};
struct TcpOptions {
  Family family = Family::kIpv4;
  std::string congestion_control = {};  // of both ends; empty: the system's default
  int receive_buffer_bytes = 0;  // SO_RCVBUF of the end that accepts, which ends its autotuning
  int send_buffer_bytes = 0;     // SO_SNDBUF of the end that connects, likewise
};
Result<TcpConnection> Connect(const Endpoint& from, const Endpoint& to,
                              const TcpOptions& options = {});

// Connections that are made and then do nothing.
class IdleConnections {
 public:
  static Result<IdleConnections> Open(const Endpoint& from, const Endpoint& to, int count,
                                      Family family = Family::kIpv4);
  size_t size() const { return connections_.size(); }

 private:
  explicit IdleConnections(std::vector<TcpConnection> connections)
      : connections_(std::move(connections)) {}

  std::vector<TcpConnection> connections_;
};

struct PingOptions {
  int count = 20;
  double interval_ms = 20;
  double timeout_ms = 1000;  // how long to wait for answers after the last request
  Family family = Family::kIpv4;
};
struct PingReport {
  int sent = 0;
  int received = 0;
  double min_ms = 0;  // all 0 when nothing was received
  double median_ms = 0;
  double mean_ms = 0;
  double max_ms = 0;

  double loss_percent() const { return sent == 0 ? 0 : 100.0 * (sent - received) / sent; }
};
// ICMP echo; blocks for about count x interval. Times are the kernel's own receive stamps, and the
// calling thread has a real-time priority meanwhile if it may, so a busy machine does not count.
Result<PingReport> Ping(const Endpoint& from, const Endpoint& to, const PingOptions& options = {});

// `count` times, one after the other: connect, one byte there, one byte back, close. Returns
// connections per second.
Result<double> ShortConnections(const Endpoint& from, const Endpoint& to, int count,
                                Family family = Family::kIpv4);

}  // namespace bpftune::testing
