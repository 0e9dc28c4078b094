// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// How much may change, whatever is asked for: a guard against a tuner that has gone wrong, far from
// what one that works ever does.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "controller/sysctl_files.h"
#include "controller/values.h"

namespace bpftune {

// A pulse may come every 100 ms, but it judges a raise before the next, which takes seconds.
inline constexpr uint32_t kMostChangesPerMinute = 30;  // of one tunable in one namespace
// So many places at their limit; also bounds what is remembered of a minute.
inline constexpr uint32_t kMostPlacesAtTheirLimit = 100;

// Up or down from what was there before us. The defaults of buffers (6 MB) fit 1 Gbit/s x 50 ms;
// 200 Gbit/s x 250 ms, once around the world, is 1000 times that.
inline constexpr int64_t kMostDrift = 1024;

// Nothing, or why `wanted` is too far from `baseline`. A number that was 0 (off, or unlimited) has
// no such distance.
std::optional<std::string> TooFar(const Values& baseline, const Values& wanted);

class ChangeLimits {
 public:
  explicit ChangeLimits(uint32_t per_place = kMostChangesPerMinute)
      : per_place_(per_place), overall_(uint64_t{per_place} * kMostPlacesAtTheirLimit) {}

  // Counts one more change, in minutes that follow each other; or says why it is one too many.
  std::optional<std::string> Take(const SysctlPlace& place, uint64_t now_ns);

 private:
  uint32_t per_place_;
  uint64_t overall_;
  uint64_t minute_ns_ = 0;  // when it began
  uint64_t changes_ = 0;    // in it
  std::map<SysctlPlace, uint32_t> by_place_;
};

}  // namespace bpftune
