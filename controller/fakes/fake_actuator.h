// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Sysctls that are numbers in a map. As in the kernel, a write first passes the hook of the sysctl
// watcher and then reaches the handler, and whatever else happens may happen in between.

#include <cerrno>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "controller/sysctl_files.h"

namespace bpftune {

class FakeActuator : public Actuator {
 public:
  // The instants of a read and of a write at which others may act.
  enum class Instant { kBeforeRead, kAfterRead, kBeforeHook, kBeforeHandler, kAfterWrite };

  Result<Values> Read(const SysctlPlace& place, uint64_t) override {
    Reach(Instant::kBeforeRead);
    if (read_error != 0) return Error(read_error, "reading '" + place.name + "'");
    const auto file = files.find(place);
    if (file == files.end()) return Error(ENOENT, "reading '" + place.name + "'");
    const Values out = file->second;
    Reach(Instant::kAfterRead);
    return out;
  }

  Status Write(const SysctlPlace& place, uint64_t, const Values& values) override {
    tried.push_back({place, values});
    Reach(Instant::kBeforeHook);
    if (write_error != 0) return Error(write_error, "writing '" + place.name + "'");
    if (hook && !hook(place, values)) return Error(EPERM, "writing '" + place.name + "'");
    Reach(Instant::kBeforeHandler);
    const int refused = Handle(place, values);
    if (refused != 0) return Error(refused, "writing '" + place.name + "'");
    Reach(Instant::kAfterWrite);
    return Ok();
  }

  // The kernel's handler, for anybody. It takes the first numbers of a vector.
  int Handle(const SysctlPlace& place, const Values& written) {
    const Values values = clamp ? clamp(written) : written;
    const auto file = files.find(place);
    if (file == files.end()) return ENOENT;
    for (uint32_t i = 0; i < values.count; ++i) {
      if (values.number[i] == kRefused) return EINVAL;
    }
    for (uint32_t i = 0; i < values.count; ++i) {
      if (values.is_said(i)) file->second.number[i] = values.number[i];
    }
    return 0;
  }

  static constexpr int64_t kRefused = 666;  // a number that the kernel takes from nobody

  std::map<SysctlPlace, Values> files;  // there are no others
  int read_error = 0;
  int write_error = 0;
  std::function<bool(const SysctlPlace&, const Values&)> hook;  // the watcher: false denies it
  std::function<Values(Values)> clamp;  // what the kernel makes of a value, without a word
  std::function<void(Instant)> at;      // what others do meanwhile
  std::vector<std::pair<SysctlPlace, Values>> tried;  // the writes of the daemon

 private:
  void Reach(Instant instant) {
    if (at) at(instant);
  }
};

}  // namespace bpftune
