// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/limits.h"

namespace bpftune {
namespace {

constexpr uint64_t kMinuteNs = 60'000'000'000;

bool IsTooFar(int64_t baseline, int64_t wanted) {
  if (baseline <= 0) return false;
  const bool can_wrap = baseline > INT64_MAX / kMostDrift;
  return wanted < baseline / kMostDrift || (!can_wrap && wanted > baseline * kMostDrift);
}

}  // namespace

std::optional<std::string> TooFar(const Values& baseline, const Values& wanted) {
  for (uint32_t i = 0; i < wanted.count && i < baseline.count; ++i) {
    if (!IsTooFar(baseline.number[i], wanted.number[i])) continue;
    return "that is more than " + std::to_string(kMostDrift) + " times away from (" +
           baseline.Text() + "), which was there before bpftune";
  }
  return std::nullopt;
}

std::optional<std::string> ChangeLimits::Take(const SysctlPlace& place, uint64_t now_ns) {
  if (now_ns - minute_ns_ >= kMinuteNs) {
    minute_ns_ = now_ns;
    changes_ = 0;
    by_place_.clear();
  }
  if (changes_ >= overall_) {
    return "there were " + std::to_string(overall_) + " changes within a minute already";
  }
  uint32_t& here = by_place_[place];
  if (here >= per_place_) {
    return "it was changed " + std::to_string(per_place_) + " times within a minute already";
  }
  ++here;
  ++changes_;
  return std::nullopt;
}

}  // namespace bpftune
