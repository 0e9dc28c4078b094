// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Each tunable in each namespace where something is known of it: what it was, what bpftune made of
// it, whose it is. From the state alone; the values that are there now come from outside.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controller/sysctl_files.h"
#include "controller/values.h"
#include "netns/netns_id.h"
#include "tools/bpftunectl/state.h"

namespace bpftune::ctl {

enum class Owner {
  kNobody,         // it is as it was found, and may be tuned
  kBpftune,        // it is our value
  kAdministrator,  // somebody else wrote it, and it is left alone
};

struct TunableRow {
  const TunerView* tuner = nullptr;
  const Tunable* tunable = nullptr;
  state_key key = {};  // tuner and row count only where the tuner has a number
  std::string name;    // of a device, that of the device
  std::string netns;   // for people
  Owner owner = Owner::kNobody;
  std::optional<Values> first;    // before our first write
  std::optional<Values> written;  // our last write
  std::optional<Values> now;
  uint32_t writes = 0;
  uint32_t refused = 0;  // since the last write
  int64_t written_s = 0;
  // Of the administrator.
  std::optional<Values> theirs;
  int64_t theirs_s = 0;
  uint32_t pid = 0;
  std::string theirs_name;  // which of the set was written

  SysctlPlace place() const { return {NetnsId{key.netns}, name}; }
};

// What is asked of the system. Each may say that it does not know.
struct Outside {
  // Where a tunable is that nobody has written yet: the namespaces that bpftune looks after, and
  // whether it is confined to them.
  std::vector<NetnsId> netns;
  bool confined = false;
  std::function<std::string(NetnsId)> name_of;
  std::function<std::optional<Values>(const SysctlPlace&)> value_of;
  // The devices of a namespace, as the kernel names them.
  std::function<std::vector<std::string>(NetnsId)> devices_of;
};

// By tunable and namespace. `outside` may be asked often. Rows point into `state`.
std::vector<TunableRow> RowsOf(const State& state, const Outside& outside);

// "nobody", "bpftune", "administrator".
const char* NameOf(Owner owner);

// The tunables that are there, by name: for completion, and to suggest one.
std::vector<std::string> NamesOf(const State& state);
// The one that is most like what somebody typed; empty: none is.
std::string Nearest(const std::string& typed, const std::vector<std::string>& names);
// "no tunable 'x'; did you mean 'y'?"
std::string NoSuch(const char* what, const std::string& typed,
                   const std::vector<std::string>& names);

}  // namespace bpftune::ctl
