// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Neighbours by the thousand, what the kernel's tables of them say, and their thresholds. The
// tables are the whole machine's: but for reading, only for tests with a machine of their own.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "controller/result.h"
#include "controller/unique_fd.h"
#include "testing/netns_harness/host.h"

namespace bpftune::testing {

// A host that sends, and a host with so many addresses that they are as many neighbours.
class Neighbourhood {
 public:
  // Of the family, `answering` neighbours that are there. `device`: that of the sender.
  static Result<Neighbourhood> Create(Family family, int answering,
                                      const std::string& device = "cable");

  // Sends each of the first `count` neighbours, there or not, its first datagram: one every
  // `pause`, or as fast as can be.
  Status SendToEach(int count, std::chrono::nanoseconds pause);
  // Neighbour `n`, from 1 on, there or not: many datagrams at once.
  Status SendMany(int n, int datagrams);
  // These are there from now on.
  Status Appear(int first, int last);
  // How many datagrams have arrived so far.
  int Arrived();

  const Host& sender() const { return sender_; }
  // "net.ipv4.neigh.cable.unres_qlen_bytes", of the sender
  std::string QueueTunable() const;

 private:
  Neighbourhood(Family family, std::string device, Host sender, Host neighbours)
      : family_(family),
        device_(std::move(device)),
        sender_(std::move(sender)),
        neighbours_(std::move(neighbours)) {}

  Family family_;
  std::string device_;
  Host sender_;
  Host neighbours_;
  UniqueFd from_;
  UniqueFd to_;
  uint16_t port_ = 0;
  int arrived_ = 0;
};

// A column of /proc/net/stat/arp_cache or ndisc_cache, all CPUs together ("table_fulls"), or for
// "entries" the one number there is.
uint64_t TableCount(Family family, const std::string& column);

// "net.ipv4.neigh.default.gc_thresh", to which 1, 2 or 3 belong
std::string ThresholdName(Family family);
std::vector<int64_t> Thresholds(Family family);
// By this process, as an administrator would, which is not the daemon.
void SetThreshold(Family family, int which, int64_t value);
void SetThresholds(Family family, const std::vector<int64_t>& values);

}  // namespace bpftune::testing
