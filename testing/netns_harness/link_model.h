// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The arithmetic of one direction of a link: when a segment leaves the queue, and whether it is
// lost. Pure: the time is an argument, chance comes from a seed.

#include <cmath>
#include <cstdint>
#include <optional>

namespace bpftune::testing {

// A drop-tail queue before a line of constant rate. Its length is never stored: it follows from how
// long the line is still busy.
class TransmitQueue {
 public:
  void Configure(double rate_mbit, uint64_t limit_bytes) {
    ns_per_byte_ = rate_mbit > 0 ? 8000.0 / rate_mbit : 0;
    limit_bytes_ = limit_bytes;
  }

  // When the last bit of a segment that arrives at `now_ns` has left; nothing if the queue has no
  // room for it. A line of unlimited rate has no queue.
  std::optional<uint64_t> Enqueue(uint64_t now_ns, uint32_t bytes) {
    double waiting = ns_per_byte_ > 0 ? static_cast<double>(backlog_ns(now_ns)) / ns_per_byte_ : 0;
    if (ns_per_byte_ > 0 && waiting + bytes > static_cast<double>(limit_bytes_)) {
      return std::nullopt;
    }
    busy_until_ns_ =
        now_ns + backlog_ns(now_ns) + static_cast<uint64_t>(std::llround(bytes * ns_per_byte_));
    return busy_until_ns_;
  }

  // How long a segment that arrives now would wait.
  uint64_t backlog_ns(uint64_t now_ns) const {
    return busy_until_ns_ > now_ns ? busy_until_ns_ - now_ns : 0;
  }

 private:
  double ns_per_byte_ = 0;
  uint64_t limit_bytes_ = 0;
  uint64_t busy_until_ns_ = 0;
};

// Which segments are lost. One random number is used for each segment, whatever the parameters, so
// the fate of the n-th segment depends on the seed, on n and on the parameters alone.
class LossSequence {
 public:
  explicit LossSequence(uint64_t seed) : state_(seed) {}

  // Whether the next segment is lost. A `mean_burst` over 1 makes losses come in rows of that mean
  // length (Gilbert-Elliott: all is lost in the bad state, nothing in the good one); the mean share
  // stays `share` (0 to below 1).
  bool Next(double share, double mean_burst) {
    double chance = Uniform();
    if (mean_burst <= 1 || share <= 0) {
      bad_ = chance < share;
    } else {
      double leave_bad = 1 / mean_burst;
      double enter_bad = leave_bad * share / (1 - share);
      bad_ = bad_ ? chance >= leave_bad : chance < enter_bad;
    }
    return bad_;
  }

 private:
  // SplitMix64 (Steele, Lea and Flood 2014): any seed will do, 0 too.
  double Uniform() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return static_cast<double>((z ^ z >> 31) >> 11) * 0x1p-53;
  }

  uint64_t state_;
  bool bad_ = false;
};

}  // namespace bpftune::testing
