// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What has been done since the start, for the last words of the daemon: how often each scenario
// occurred, from what to what each value went, what was refused.

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "controller/explain.h"
#include "controller/sysctl_files.h"

namespace bpftune {

class Summary {
 public:
  // Different scenarios, tunables and namespaces that are counted one by one; what is beyond that
  // is only added up.
  static constexpr size_t kMostRows = 4096;

  void Changed(const SysctlPlace& place, const Decision& decision);
  void Noted(const SysctlPlace& place, const Decision& decision);
  // Returns true the first time for this place and reason: then it should be explained.
  bool Refused(const SysctlPlace& place, const std::string& reason);

  std::vector<std::string> Lines() const;

 private:
  struct Occurrence {
    std::string scenario;
    std::string rest;  // what, where, why
    uint64_t times = 0;
  };
  struct Change {
    std::string netns;
    Values first;
    Values last;
  };

  void Count(const SysctlPlace& place, const Decision& decision);

  std::map<std::tuple<SysctlPlace, std::string>, Occurrence> occurrences_;
  std::map<SysctlPlace, Change> changes_;
  std::map<std::tuple<SysctlPlace, std::string>, uint64_t> refusals_;
  uint64_t beyond_ = 0;
};

}  // namespace bpftune
