// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Datagrams in fragments of the test's choice: interleaved, or never complete. And what the kernel
// made of them.

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <string>

#include "controller/result.h"
#include "controller/unique_fd.h"
#include "testing/netns_harness/host.h"
#include "testing/netns_harness/sockets.h"

namespace bpftune::testing {

// The tunable of the family: "net.ipv4.ipfrag_high_thresh".
std::string FragThreshold(Family family);

// Sets the threshold of the family, and below it what the kernel does not let it fall below.
Status LimitFragments(const Host& host, Family family, int64_t bytes);
// How long the kernel waits for the rest of a datagram; 30 s (IPv6: 60 s) unless set.
Status SetReassemblyTimeout(const Host& host, Family family, int seconds);

// What has become of datagrams at that host, ever.
struct ReassemblyCounts {
  int64_t completed = 0;
  int64_t failed = 0;  // fragments that were dropped, and datagrams given up
};
Result<ReassemblyCounts> ReassembliesOf(const Host& host, Family family);

// Sends fragments through a raw socket.
class FragmentSource {
 public:
  static Result<FragmentSource> Create(const Endpoint& from, const Endpoint& to, Family family);

  // So many datagrams of so many fragments each: the first fragment of all of them, then the second
  // of all, and so on.
  Status SendInterleaved(int datagrams, int fragments);
  // Fragments of as many datagrams, the rest of which never comes.
  Status SendOrphans(int count);

 private:
  FragmentSource(UniqueFd socket, Family family, SocketAddress from, SocketAddress to)
      : socket_(std::move(socket)), family_(family), from_(from), to_(to) {}

  Status Send(uint32_t id, int index, bool is_last);

  UniqueFd socket_;
  Family family_;
  SocketAddress from_;
  SocketAddress to_;
  uint32_t last_id_ = 0;
};

}  // namespace bpftune::testing
