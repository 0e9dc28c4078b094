// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// One bulk transfer over a path, with a tunable that is too small for it: what it achieves, what
// the daemon does about it. Scenario tests and benchmarks run the same cases.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "controller/result.h"
#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/host.h"
#include "testing/netns_harness/link.h"

namespace bpftune::testing {

inline constexpr int64_t kAmpleCap = 64 << 20;

// Where the daemon and its tuners are, from a test's working directory.
inline constexpr char kDaemonPath[] = "controller/bpftune";
inline constexpr char kTunersPath[] = "bpf/tuners";

// The arguments, and where not given a run directory of this test and no pin directory: so that
// the daemons of tests have nothing in common with others, nor with those of the next test.
std::vector<std::string> Apart(std::vector<std::string> arguments);

enum class Side { kReceive, kSend };  // tcp_rmem of the receiver, tcp_wmem of the sender

struct BulkCase {
  Side side = Side::kSend;
  int64_t cap = 1310720;  // the maximum to start with; the other side has kAmpleCap
  double rtt_ms = 20;
  double rate_mbit = 1000;
  double queue_bdp = 1;
  std::string congestion_control = "cubic";
  double seconds = 20;
};

// Two hosts and the path between them: a sends to b.
struct Path {
  std::unique_ptr<Host> a;
  std::unique_ptr<Host> b;
  std::unique_ptr<Link> link;

  static Result<Path> Create(const BulkCase& c);

  const Host& tuned(Side side) const { return side == Side::kReceive ? *b : *a; }
  // The maximum of the tunable of that side, now.
  Result<int64_t> Cap(Side side) const;
};

// Bytes that the path holds at the shortest round trip.
double BdpBytes(const BulkCase& c);
const char* TunableOf(Side side);  // "net.ipv4.tcp_rmem"

// The daemon, confined to the hosts of the path, ready.
Result<Daemon> StartDaemon(const std::vector<const Host*>& hosts,
                           const std::vector<std::string>& more_arguments = {});
// How many changes of that tunable the daemon has logged.
size_t CountChanges(const Daemon& daemon, const std::string& tunable = "net.ipv4.tcp_.mem");
// Waits for a look at all connections after this moment; false if there was none in time.
bool WaitForLooks(Daemon& daemon);

// A flow over the path for c.seconds.
Result<BulkFlow> RunFlow(const Path& path, const BulkCase& c);

}  // namespace bpftune::testing
