// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A cable between two hosts with the rate, delay, loss and queue of a real path. Needs /dev/net/tun
// but no traffic control in the kernel (see link_emulator.h for how and how well).
//
//   ASSERT_OK_AND_ASSIGN(Link link, Link::Create(client, server,
//                                                {.rate_mbit = 1000, .delay_ms = 10}));
//   link.Set(Direction::kAToB, {.rate_mbit = 1000, .delay_ms = 10, .loss_percent = 1});

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "controller/result.h"
#include "testing/netns_harness/host.h"
#include "testing/netns_harness/link_emulator.h"
#include "testing/netns_harness/link_parameters.h"

namespace bpftune::testing {

struct LinkOptions {
  uint64_t seed = 1;  // same seed: the same segments are lost, counted from the first
};

// The network layer is IP itself (TUN): there is no ARP and no neighbour discovery on a Link.
class Link {
 public:
  // The same parameters for both directions. Addresses are chosen, different for each link of the
  // process: 10.77.N.1/24 for a and 10.77.N.2 for b, fd77:N::1/64 and fd77:N::2.
  static Result<Link> Create(const Host& a, const Host& b, const LinkParameters& both_ways,
                             const LinkOptions& options = {});

  const Endpoint& a() const { return a_; }
  const Endpoint& b() const { return b_; }

  // May be called at any time from any thread. Holds for segments that arrive from now on: what is
  // in the queue or on its way leaves as it would have.
  void Set(Direction direction, const LinkParameters& parameters) {
    emulator_->Set(direction, parameters);
  }
  void SetBoth(const LinkParameters& parameters);

  LinkStatistics Statistics(Direction direction) const { return emulator_->Statistics(direction); }

  // Whether the emulator got a real-time priority. Without it a busy machine adds milliseconds.
  bool is_realtime() const { return emulator_->is_realtime(); }

 private:
  Link(Endpoint a, Endpoint b, std::unique_ptr<LinkEmulator> emulator)
      : a_(std::move(a)), b_(std::move(b)), emulator_(std::move(emulator)) {}

  Endpoint a_;
  Endpoint b_;
  std::unique_ptr<LinkEmulator> emulator_;
};

}  // namespace bpftune::testing
