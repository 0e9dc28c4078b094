// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Gives sets of tunables back to bpftune. Whose a set is, only BPF may write: in user space a write
// of somebody else at the same moment would be lost. So the very program that carries out the
// daemon's orders is loaded once more, upon the pinned map of the owners and a table of orders of
// its own; it works whether the daemon runs, hangs or is gone.

#include <string>

#include "bpf/common/state_abi.h"
#include "controller/bpf_handles.h"
#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune::ctl {

class Orders {
 public:
  // `tuners`: the directory with the object of the sysctl watcher; `pins`: with the map.
  static Result<Orders> Load(const std::string& tuners, const std::string& pins);

  // Fails if somebody has written it since `generation`: then it is theirs.
  Status Reclaim(const state_key& set, uint64_t generation);

 private:
  // By one of its programs.
  static Result<Orders> LoadWith(const std::string& tuners, const std::string& name,
                                 const UniqueFd& owners);

  Orders(BpfObjectPtr object, UniqueFd owners)
      : object_(std::move(object)), owners_(std::move(owners)) {}

  BpfObjectPtr object_;
  UniqueFd owners_;
  BpfLinkPtr link_;  // goes first
};

}  // namespace bpftune::ctl
