// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/netns_reaper.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "controller/event_sources.h"
#include "controller/shared_maps.h"

namespace bpftune {
namespace {

constexpr uint64_t kQuietFactor = 100;

bool IsAlive(const alive& set, uint64_t netns) {
  const alive_place place = alive_place_of(netns);
  return std::ranges::all_of(
      place.bit, [&](uint32_t bit) { return ((set.bits[bit / 64] >> (bit % 64)) & 1) != 0; });
}

}  // namespace

Result<size_t> NetnsReaper::RunIfDue(uint64_t now_ns) {
  const uint64_t pause = noticed_ < kMany ? kUsuallyNs : kSoonNs;
  if (now_ns < last_ns_ + std::max(pause, kQuietFactor * cost_ns_)) return 0;
  last_ns_ = now_ns;
  noticed_ = 0;
  const uint64_t begin = ThreadTimeNs();
  auto forgotten = Run();
  cost_ns_ = ThreadTimeNs() - begin;
  return forgotten;
}

// First the keys, then the walk: whatever a namespace has left in a map before the walk, the walk
// sees that namespace, if it is alive.
Result<size_t> NetnsReaper::Run() {
  std::vector<std::pair<int, state_key>> entries;
  for (const int map : edges_.state_maps()) {
    for (const state_key& key : StateKeys(map)) {
      if (key.netns != 0) entries.emplace_back(map, key);
    }
  }
  const uint32_t first = 0;
  const auto set = std::make_unique<alive>();
  if (bpf_map_update_elem(edges_.alive, &first, set.get(), BPF_ANY) != 0) {
    return Error::FromErrno("clearing the list of namespaces");
  }
  if (auto walked = edges_.walk(); !walked) return walked.error();
  if (bpf_map_lookup_elem(edges_.alive, &first, set.get()) != 0) {
    return Error::FromErrno("reading the list of namespaces");
  }
  if (set->complete == 0) return Error("there are too many namespaces to walk them all");
  size_t forgotten = 0;
  size_t disappeared = 0;
  for (const auto& [map, key] : entries) {
    if (IsAlive(*set, key.netns) || bpf_map_delete_elem(map, &key) != 0) continue;
    ++(map == edges_.namespaces ? disappeared : forgotten);
  }
  Count(disappeared);
  return forgotten;
}

// The walk has entered in the table all that live, and those that do not are deleted from it.
void NetnsReaper::Count(size_t disappeared) {
  const size_t now = StateKeys(edges_.namespaces).size();
  if (!counts_) {
    counts_ = {.appeared = 0, .disappeared = 0, .now = now};
    return;
  }
  counts_->appeared += now + disappeared - counts_->now;
  counts_->disappeared += disappeared;
  counts_->now = now;
}

}  // namespace bpftune
