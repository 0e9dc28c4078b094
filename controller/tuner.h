// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// One tuner at work: its object loaded, its hooks attached. Which of the alternatives of a hook is
// used is found out by loading and attaching that very program; a name in BTF proves nothing.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "controller/bpf_handles.h"
#include "controller/description.h"
#include "controller/firing.h"
#include "controller/kept/kept_maps.h"
#include "controller/log.h"
#include "controller/modules.h"
#include "controller/result.h"
#include "controller/shared_maps.h"

namespace bpftune {

// Which of the hooks are tried whether they fire (firing.h).
enum class TryUse {
  kInDoubt,  // those that may attach and stay silent here; for the time of a start
  kAll,
};

// What every object is told before it is loaded, and what to make of it.
struct TunerFacts {
  int cgroup_fd = -1;  // root of cgroup v2; negative: there is none; outlives the tuners
  bool netns_by_inode = false;
  bool confined = false;
  uint32_t page_bytes = 4096;
  std::set<std::string> without;             // programs not to be used (--without-hook)
  ModuleUse modules = ModuleUse::kLookOnly;  // those of the description, before anything is loaded
  TryUse firing = TryUse::kInDoubt;
  bool below_cgroup_root = true;  // else programs of control groups are in doubt
  std::string btf;                // of the kernel, in a file; empty: libbpf finds the kernel's own
  // Sections that the kernel refuses altogether (EPERM), as one object has found out: those of the
  // next are not tried, which takes milliseconds each. Outlives the tuners.
  std::set<std::string>* refused = nullptr;
  LogSink* log = nullptr;  // for what the verifier says of a program it refuses, at debug level
};

// How a hook came out.
struct HookState {
  Hook hook;
  std::string program = {};  // the one in use; empty: none works
  bool preferred = false;    // it is the first alternative
  std::string why_not = {};  // what the last alternative that failed said
  Firing firing = Firing::kNotTried;
};

// How a module came out.
struct ModuleState {
  Module module;
  std::string why_not;  // empty: the kernel has what is in it
};

// Ends with it. The registration, where there is one, has to go first.
struct Attachment {
  BpfLinkPtr link;
  UniqueFd registration;  // of functions that the kernel calls
};

class Tuner {
 public:
  // What the object says of itself, checked; nothing is loaded.
  static Result<Description> Describe(const ObjectFile& file);

  // `id` is the tuner's number in keys and requests. Fails, with the reason, if the object cannot
  // be used at all: damaged, or a required hook does not work. The hooks of all strategies are
  // attached then, which shows that they can be; Use() leaves those of one.
  static Result<Tuner> Load(const ObjectFile& file, Description description, uint16_t id,
                            const SharedMaps& maps, Pins* pins, const TunerFacts& facts);

  // Why there is nothing for it to do on this kernel, in its own words (HOOK_CHECK). Then it is to
  // be let go; that is no fault. Empty: there is something to do.
  const std::string& stands_down() const { return stands_down_; }

  uint16_t id() const { return id_; }
  const Description& description() const { return description_; }
  const std::vector<HookState>& hooks() const { return states_; }
  bool has(tuner_hook_kind kind) const;
  // One of its hooks runs by a program that walks this map.
  bool Walks(const std::string& map) const;
  // Its own maps whose key is a struct state_key.
  std::vector<int> StateMaps() const;
  // Descriptor of one of its maps; negative if it has no such map.
  int MapFd(const std::string& name) const;

  // Looks for the modules of the description.
  void LookForModules(ModuleUse use);
  const std::vector<ModuleState>& modules() const { return modules_; }

  // Why this strategy of the description cannot run; empty: all its hooks have a program.
  std::string WhyNot(size_t strategy) const;
  // Attaches the hooks of this strategy, and detaches those of the others. Fails if one does not
  // attach any more; then WhyNot() says so, and another strategy has to be used.
  Status Use(size_t strategy);

  // Run the program of the hook of that kind; RunPeriodic takes the row of the hook. Without such a
  // hook nothing happens, and there is no descriptor in the result (see RunIterator()). RunVisit
  // runs in the namespace of the calling thread.
  Result<UniqueFd> RunPulse() const { return RunFirst(HOOK_PULSE); }
  Result<UniqueFd> RunVisit() const { return RunFirst(HOOK_VISIT); }
  Result<UniqueFd> RunPeriodic(size_t hook) const;

  // The counters of the description, summed over the CPUs.
  std::vector<uint64_t> Counts() const;

 private:
  Tuner(uint16_t id, Description description, int cgroup_fd)
      : id_(id), description_(std::move(description)), cgroup_fd_(cgroup_fd) {}

  Result<UniqueFd> RunFirst(tuner_hook_kind kind) const;

  uint16_t id_;
  Description description_;
  int cgroup_fd_;
  KeptMaps kept_;
  std::vector<std::string> state_maps_;
  BpfObjectPtr object_;
  std::vector<HookState> states_;
  std::vector<ModuleState> modules_;
  std::string stands_down_;
  std::vector<Attachment> links_;  // beside states_; destroyed before the object
};

}  // namespace bpftune
