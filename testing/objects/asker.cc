// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/objects/asker.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/objects/held_objects.h"

namespace bpftune::testing {
namespace {

Status Run(int link, const std::string& program) {
  const UniqueFd iterator(bpf_iter_create(link));
  char nothing;  // it prints nothing
  if (!iterator || read(iterator.get(), &nothing, sizeof(nothing)) != 0) {
    return Error::FromErrno("running " + program);
  }
  return Ok();
}

}  // namespace

using namespace std::chrono_literals;

Result<Asker> Asker::Of(pid_t daemon) {
  auto held = HeldObjects::Of(daemon);
  if (!held) return held.error();
  Asker out;
  auto walk = held->LinkOf("ask");
  if (!walk) return walk.error();
  out.walk_ = std::move(*walk);
  auto carry_out = held->LinkOf("orders");
  if (!carry_out) return carry_out.error();
  out.carry_out_ = std::move(*carry_out);
  for (const auto& [name, fd] : {std::pair{"asked", &out.asked_},
                                 {MAP_ORDERS, &out.orders_},
                                 {MAP_OWNERS, &out.owners_},
                                 {MAP_PENDING, &out.pending_},
                                 {MAP_PUBLISHED, &out.published_},
                                 {"remembered", &out.remembered_}}) {
    auto map = held->Map(name);
    if (!map) return map.error();
    *fd = std::move(*map);
  }
  // Which number the daemon gave the tuner, and by what it tells namespaces apart, the watcher
  // knows.
  auto watched = held->Map(MAP_WATCHED);
  if (!watched) return watched.error();
  watched_key key = {};
  std::string path = kAskOutputName;
  std::replace(path.begin(), path.end(), '.', '/');
  path.copy(key.name, sizeof(key.name) - 1);
  struct watched value = {};
  if (bpf_map_lookup_elem(watched->get(), &key, &value) != 0) {
    return Error::FromErrno("looking for the tuner 'ask' among the watched");
  }
  out.tuner_ = value.tuner;
  return out;
}

uint64_t Asker::IdOf(const Host& host) const {
  return host.cookie() != 0 ? host.cookie() : host.inode();
}

state_key Asker::Key(uint64_t netns, uint16_t tunable) const {
  return {.netns = netns, .tuner = tuner_, .row = tunable, .reserved = 0};
}

request Asker::Set(const Host& host, uint16_t tunable, const std::vector<int64_t>& seen,
                   const std::vector<int64_t>& wanted) {
  request record = {};
  record.kind = REQUEST_SET;
  record.tunable = tunable;
  record.sequence = ++sequence_;
  record.mask = (1U << wanted.size()) - 1;
  record.netns = IdOf(host);
  record.netns_inode = static_cast<uint32_t>(host.inode());
  std::copy(seen.begin(), seen.end(), record.seen);
  std::copy(wanted.begin(), wanted.end(), record.wanted);
  return record;
}

Status Asker::Ask(const request& record) {
  const uint32_t first = 0;
  if (bpf_map_update_elem(asked_.get(), &first, &record, BPF_ANY) != 0) {
    return Error::FromErrno("telling the tuner 'ask' what to ask");
  }
  return Run(walk_.get(), "the program of the tuner 'ask'");
}

Status Asker::Order(const Host& host, uint16_t tunable, const order& what) {
  const state_key key = Key(IdOf(host), tunable);
  if (bpf_map_update_elem(orders_.get(), &key, &what, BPF_ANY) != 0) {
    return Error::FromErrno("giving an order");
  }
  auto ran = Run(carry_out_.get(), "the program that carries out orders");
  (void)bpf_map_delete_elem(orders_.get(), &key);  // carried out or void
  return ran;
}

bool Asker::IsAnswered(const request& record) const {
  const state_key key = Key(record.netns, record.tunable);
  pending entry = {};
  return bpf_map_lookup_elem(pending_.get(), &key, &entry) != 0;
}

bool Asker::Raise(const Host& host) {
  const auto value = [&host]() -> int64_t {
    const auto text = host.GetSysctl(kAskOutputName);
    return text ? std::stoll(*text) : -1;
  };
  const int64_t wanted = value() + 1;
  const request record = Set(host, kAskOutput, {wanted - 1}, {wanted});
  return Ask(record) && EventuallyTrue([&] { return IsAnswered(record); }, 5s) && value() == wanted;
}

std::optional<owner> Asker::Owner(const Host& host, uint16_t tunable) const {
  const state_key key = Key(IdOf(host), tunable);
  owner entry = {};
  if (bpf_map_lookup_elem(owners_.get(), &key, &entry) != 0) return std::nullopt;
  return entry;
}

std::optional<published> Asker::Published(const Host& host, uint16_t tunable) const {
  const state_key key = Key(IdOf(host), tunable);
  published entry = {};
  if (bpf_map_lookup_elem(published_.get(), &key, &entry) != 0) return std::nullopt;
  return entry;
}

uint64_t Asker::TimesAsked(const Host& host, uint16_t tunable) const {
  const state_key key = Key(IdOf(host), tunable);
  uint64_t times = 0;
  return bpf_map_lookup_elem(remembered_.get(), &key, &times) == 0 ? times : 0;
}

Status Asker::GiveBack(const Host& host, uint16_t tunable) {
  const state_key key = Key(IdOf(host), tunable);
  auto entry = Owner(host, tunable);
  if (!entry) return Ok();
  (void)bpf_map_delete_elem(published_.get(), &key);  // may never have been there
  entry->reclaimed = entry->generation;
  if (bpf_map_update_elem(owners_.get(), &key, &*entry, BPF_ANY) != 0) {
    return Error::FromErrno("giving a set back");
  }
  return Ok();
}

}  // namespace bpftune::testing
