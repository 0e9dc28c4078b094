// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The network namespaces of this machine, for people: a list of them, and what to call one in a log
// line. Looks only when asked; keeps no descriptor.

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "controller/result.h"
#include "netns/netns_finder.h"
#include "netns/netns_id.h"

namespace bpftune {

struct NetnsEntry {
  NetnsId id;
  uint64_t inode = 0;
  std::string path;  // where it can be opened: its name's file, another mount, or a process
  pid_t pid = 0;     // the first process (or thread) in it; 0 if none was seen
  std::string name;  // as `ip netns` knows it; empty if it has none
};

struct NetnsList {
  std::vector<NetnsEntry> entries;  // in the order of their ids
  size_t not_read = 0;              // processes and namespaces that we may not look at
};

// The directory whose mounts are names of namespaces (ip-netns(8)).
inline constexpr char kNetnsNamesDir[] = "/run/netns";

class NetnsTable {
 public:
  static constexpr size_t kMaxNames = 1024;

  // `finder` must outlive the table.
  explicit NetnsTable(NetnsFinder* finder, std::string names_dir = kNetnsNamesDir);

  // Every namespace that a process, a thread or a mount holds (not those that only a descriptor or
  // a socket does). Enters each one: about 10 us.
  Result<NetnsList> List() const;

  // "global ns" for kNoNetns and the initial namespace; else the best known of
  //   netns 'blue' (id 4711)
  //   netns of pid 123 'nginx' (id 4711)
  //   netns id 4711
  // Foreign strings are made harmless. What was found is said again without looking for 100 times
  // as long as looking took, and looking takes no more than 1 % of the time altogether. The name of
  // a namespace that is gone is remembered where ids are cookies, which are never used twice.
  std::string DisplayName(NetnsId id);

 private:
  using Clock = std::chrono::steady_clock;

  struct Name {
    std::string text;  // empty: nothing known but the id
    Clock::time_point look_after;
  };

  std::string Look(NetnsId id) const;
  std::string NameOfMount(const std::string& path) const;

  NetnsFinder* finder_;
  std::string names_dir_;
  NetnsId initial_;
  std::unordered_map<NetnsId, Name> names_;
  Clock::time_point budget_since_{};
  Clock::duration budget_spent_{};
};

}  // namespace bpftune
