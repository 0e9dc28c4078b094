// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Connections over a path that loses segments, between hosts whose default congestion control takes
// loss for a full queue.

#include <memory>
#include <string>

#include "controller/result.h"
#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/host.h"
#include "testing/netns_harness/link.h"

namespace bpftune::testing {

inline constexpr char kCongestionControl[] = "net.ipv4.tcp_congestion_control";

// Makes cubic the host's default, or reno where the kernel lets no namespace have cubic (its list
// of allowed algorithms has it only where it is the machine's default). Returns which.
Result<std::string> UseLossBasedDefault(const Host& host);

// a sends to b. Both have buffers that are no limit.
struct LossyPath {
  std::unique_ptr<Host> a;
  std::unique_ptr<Host> b;
  std::unique_ptr<Link> link;
  std::string algorithm;  // the default of both

  static Result<LossyPath> Create(const LinkParameters& parameters, uint64_t seed = 1);
};

// What a long transfer takes: the default algorithm, unless another is given.
Result<BulkFlow> StartFlow(const LossyPath& path,
                           const BulkFlowOptions& options = {.congestion_control = ""});

// What the sender's algorithm is now; the error's text if it cannot be asked.
std::string AlgorithmOf(const BulkFlow& flow);

// What the daemon gives a connection over a path that loses, where the kernel can have it.
inline constexpr char kGentleBbr[] = "bpftune_bbr";

// It has that, or the kernel's own bbr.
bool HasBbr(const BulkFlow& flow);

// The number in front of `text` in the daemon's summary of tuner 'tcp_conn', asked for now; 0 where
// it is not there.
uint64_t CountOf(Daemon& daemon, const std::string& text);

}  // namespace bpftune::testing
