// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// This system, as tunable_rows.h asks it.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "controller/sysctl_files.h"
#include "netns/netns_finder.h"
#include "netns/netns_table.h"
#include "tools/bpftunectl/tunable_rows.h"

namespace bpftune::ctl {

class System {
 public:
  // `state`: which namespaces that bpftune looks after.
  explicit System(const State& state);

  // This must outlive it.
  Outside AsOutside();

  // As any process there would: the watcher takes it for somebody else's write, which it is.
  bpftune::Status WriteAsOthers(const SysctlPlace& place, uint64_t inode, const Values& values);

  NetnsTable& names() { return names_; }
  SysctlFiles& files() { return files_; }
  NetnsId home() const { return home_; }

 private:
  std::vector<std::string> DevicesOf(NetnsId netns);

  NetnsFinder finder_;
  NetnsTable names_;
  NetnsId home_;
  SysctlFiles files_;
  std::vector<NetnsId> netns_;
  bool confined_;
  std::map<NetnsId, uint64_t> inodes_;  // as far as the undo journal knows them
};

}  // namespace bpftune::ctl
