// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A little of everything that tuners look at, again and again, between hosts that stay, and with
// one that comes and goes: what a machine that serves many does all day, in seconds.

#include <vector>

#include "controller/result.h"
#include "testing/netns_harness/host.h"
#include "testing/netns_harness/link.h"
#include "testing/netns_harness/sockets.h"
#include "testing/scenarios/datagram_case.h"
#include "testing/scenarios/frag_case.h"
#include "testing/scenarios/neigh_case.h"

namespace bpftune::testing {

class MixedTraffic {
 public:
  static Result<MixedTraffic> Create();

  // Those that stay, for a daemon to be confined to.
  std::vector<const Host*> hosts() const { return {&server_, &client_, &neighbours_.sender()}; }

  // Transfers over a path that is long and one that loses; short connections, a burst of them, and
  // some with a host made for them; datagrams at once, in fragments, and to a hundred neighbours.
  // Returns when all is over, after some seconds.
  Status Round();

 private:
  MixedTraffic(Host server, Host client, Link far, Link lossy, VethPair near, Listener listener,
               DatagramPair datagrams, FragmentSource fragments, Neighbourhood neighbours);

  Status Transfers() const;
  Status Connections();
  Status Datagrams();

  Host server_;
  Host client_;
  Link far_;
  Link lossy_;
  VethPair near_;
  Listener listener_;
  DatagramPair datagrams_;
  FragmentSource fragments_;
  Neighbourhood neighbours_;
};

}  // namespace bpftune::testing
