// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Attached is not called: with ftrace off or kprobes disarmed the kernel lets programs attach to
// functions and never runs them; those of a control group it runs only for who is inside. So what
// has attached is tried: we do something that makes the kernel run it, and look whether it did.

#include <string_view>
#include <vector>

#include "controller/bpf_handles.h"

namespace bpftune {

enum class Firing {
  kNotTried,
  kFires,
  kSilent,
  kCouldNotTell,  // nothing that we could do for sure makes the kernel run it; or it does not count
};

// What we can do that has no consequence for anybody, and makes the kernel run a program.
enum class Cause {
  kNone,       // we know of nothing
  kRead,       // a sysctl that no tuner has
  kConnect,    // to port 0 of the loopback device, where nobody listens: never established
  kSetOption,  // of a socket of our own, which is closed again
  kDrop,       // of a packet nobody has read, between two sockets of our own, local ones
};

// By the section alone: "sockops", "tp_btf/kfree_skb". Pure.
Cause CauseOf(std::string_view section);

// Programs in this section attach to the code of a function. Pure.
bool IsOnFunction(std::string_view section);

// False: in its own control-group namespace this process is outside of the root, so that a program
// attached there is not run for it. By the text of /proc/self/cgroup. Pure.
bool IsBelowCgroupRoot(std::string_view proc_self_cgroup);

// While it lives the kernel counts how often each program runs: about 20 ns a run, and some
// milliseconds each to begin and to end with it (it changes code that runs). Later ones cost
// nothing while there is another.
class RunCounting {
 public:
  RunCounting();
  // False where the kernel does not (before 5.8) or we may not.
  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  UniqueFd fd_;
};

// One answer a program, in that order. None of them is kNotTried.
std::vector<Firing> TryFiring(const std::vector<const bpf_program*>& programs);

}  // namespace bpftune
