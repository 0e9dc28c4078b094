// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What one direction of an emulated link is like, and what happened on it.

#include <algorithm>
#include <cstdint>

namespace bpftune::testing {

enum class Direction { kAToB, kBToA };

// A burst of losses is counted in segments, not in time: it may hit a lone retransmission again and
// again, and TCP then waits for seconds.
struct LinkParameters {
  double rate_mbit = 0;        // bits of IP packets, 10^6 a second; 0: unlimited
  double delay_ms = 0;         // one way
  double loss_percent = 0;     // of segments, by chance, after the queue
  double loss_burst = 1;       // mean number of segments lost in a row (Gilbert-Elliott if over 1)
  double reorder_percent = 0;  // of segments, by chance: delivered ...
  double reorder_ms = 0;       // ... so much later, behind those that followed
  double queue_bdp = 1;        // drop-tail queue in units of rate x 2 x delay, at least 64 KiB
  uint64_t queue_bytes = 0;    // the queue in bytes, as it is; 0: queue_bdp decides

  uint64_t QueueLimitBytes() const {
    constexpr double kOneSuperPacket = 64 << 10;
    if (queue_bytes != 0) return queue_bytes;
    double bytes_per_ms = rate_mbit * 1000 / 8;
    return static_cast<uint64_t>(
        std::max(kOneSuperPacket, queue_bdp * bytes_per_ms * 2 * delay_ms));
  }
};

// Counts since the link was made. A segment is what goes over a wire as one packet; TCP hands us
// up to 45 of them at a time.
struct LinkStatistics {
  uint64_t segments_in = 0;
  uint64_t segments_out = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t dropped_by_queue = 0;  // segments
  uint64_t dropped_by_loss = 0;   // segments
  uint64_t reordered = 0;         // segments
  uint64_t refused = 0;        // packets the receiving device would not take; 0 unless it is down
  uint64_t overruns = 0;       // packets for which the emulator had no memory; 0 in a valid test
  double queue_ms_max = 0;     // longest wait in the queue
  double late_ms_max = 0;      // how much later than due a packet was delivered, worst and mean:
  double late_ms_mean = 0;     // the emulator's own error
  uint64_t late_over_1ms = 0;  // packets
};

}  // namespace bpftune::testing
