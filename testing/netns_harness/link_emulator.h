// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Carries packets between two TUN devices as a link of given rate, delay, loss and queue would.
// Link (link.h) sets up the devices; tests seldom need this file.
//
// Each direction is a single server queue in virtual time. A segment that arrives is dropped if the
// queue has no room for it, else occupies the line from the time the line is free until its bits
// have gone; then it may be lost by chance; else it is delivered a constant delay later. All this
// is computed when it arrives, so what is left to do in time is to deliver packets in order.
//
// The devices speak IFF_VNET_HDR with TSO and, from Linux 6.2, USO: TCP hands over up to 64 KB as
// one super-packet, which costs one read and one write. It crosses whole unless the queue or chance
// hits one of its segments; then the pieces between the holes are cut out (packet.h). A piece is
// delivered when its last bit has arrived.
//
// One thread does both directions, at SCHED_FIFO so that load on the machine does not become delay.
// A thread and not a process, because Set and Statistics are plain calls then, and what else the
// test does hardly reaches it: children do not inherit its packet memory (so there is no copying
// after fork), and it waits for no lock that another thread may hold.

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "controller/result.h"
#include "controller/unique_fd.h"
#include "testing/netns_harness/link_parameters.h"

namespace bpftune::testing {

class LinkDirection;

// A TUN device in the calling thread's namespace, gone when the descriptor is closed.
Result<UniqueFd> OpenTun(const std::string& device);

class LinkEmulator {
 public:
  // Goes on without a real-time priority where that is refused.
  static Result<std::unique_ptr<LinkEmulator>> Start(UniqueFd tun_a, UniqueFd tun_b,
                                                     const LinkParameters& both_ways,
                                                     uint64_t seed);
  ~LinkEmulator();

  void Set(Direction direction, const LinkParameters& parameters);
  LinkStatistics Statistics(Direction direction) const;
  bool is_realtime() const { return is_realtime_; }

 private:
  LinkEmulator(UniqueFd tun_a, UniqueFd tun_b, UniqueFd stop, std::unique_ptr<LinkDirection> a_to_b,
               std::unique_ptr<LinkDirection> b_to_a);
  void Loop();
  // Until a packet waits or is due; false when the emulator is to end.
  bool WaitForWork();

  UniqueFd tun_a_;
  UniqueFd tun_b_;
  UniqueFd stop_;  // eventfd: readable when the thread is to end
  std::unique_ptr<LinkDirection> a_to_b_;
  std::unique_ptr<LinkDirection> b_to_a_;
  bool is_realtime_ = false;
  std::thread thread_;
};

}  // namespace bpftune::testing
