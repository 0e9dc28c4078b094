// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/outside.h"

#include <net/if.h>

#include "controller/kept/instance.h"
#include "netns/scoped_netns.h"

namespace bpftune::ctl {
namespace {

// Of namespaces that a confined daemon looks after, so many are listed though nothing has happened
// in them.
constexpr size_t kMostQuiet = 64;

std::vector<std::string> DevicesHere() {
  std::vector<std::string> out;
  if (struct if_nameindex* all = if_nameindex()) {
    for (const struct if_nameindex* one = all; one->if_index != 0; ++one) {
      out.emplace_back(one->if_name);
    }
    if_freenameindex(all);
  }
  return out;
}

}  // namespace

System::System(const State& state)
    : names_(&finder_),
      home_(IdOfCurrent().has_value() ? *IdOfCurrent() : kNoNetns),
      files_(&finder_, home_),
      confined_(state.instance != InstanceName({})) {
  for (const auto& [place, standing] : state.standings) inodes_[place.netns] = standing.inode;
  if (!confined_) {
    netns_ = {home_};
    return;
  }
  for (const NamespaceEntry& entry : state.namespaces) {
    if (netns_.size() < kMostQuiet) netns_.push_back(NetnsId{entry.id});
  }
}

std::vector<std::string> System::DevicesOf(NetnsId netns) {
  if (netns == home_) return DevicesHere();
  auto found = finder_.Find(netns);
  if (!found) return {};
  auto inside = ScopedNetns::Enter(found->get());
  if (!inside) return {};
  return DevicesHere();
}

bpftune::Status System::WriteAsOthers(const SysctlPlace& place, uint64_t inode,
                                      const Values& values) {
  const auto write = [&] {
    SysctlFiles files(&finder_, place.netns);  // that of this thread
    files.Allow(place.name);
    return files.Write(place, inode, values);
  };
  if (place.netns == kNoNetns || place.netns == home_) return write();
  auto netns = finder_.Find(place.netns, inode);
  if (!netns) return netns.error();
  auto inside = ScopedNetns::Enter(netns->get());
  if (!inside) return inside.error();
  return write();
}

Outside System::AsOutside() {
  return {.netns = netns_,
          .confined = confined_,
          .name_of = [this](NetnsId id) { return names_.DisplayName(id); },
          .value_of = [this](const SysctlPlace& place) -> std::optional<Values> {
            const auto inode = inodes_.find(place.netns);
            auto value = files_.Read(place, inode == inodes_.end() ? 0 : inode->second);
            if (!value) return std::nullopt;
            return *value;
          },
          .devices_of = [this](NetnsId id) { return DevicesOf(id); }};
}

}  // namespace bpftune::ctl
