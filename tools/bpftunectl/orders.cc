// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/orders.h"

#include <bpf/bpf.h>
#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "controller/kept/map_form.h"
#include "controller/log.h"
#include "tools/bpftunectl/pinned.h"

namespace bpftune::ctl {
namespace {

bool CarriesOutOrders(const bpf_program* program) {
  return std::string_view(bpf_program__name(program)).ends_with("__" MAP_ORDERS);
}

// Those that do, in order of preference: which of them loads is up to the kernel.
std::vector<std::string> ProgramsIn(const bpf_object* object) {
  std::vector<std::string> names;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    if (CarriesOutOrders(program)) names.emplace_back(bpf_program__name(program));
  }
  return names;
}

Result<BpfObjectPtr> OpenWatcher(const std::string& tuners) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(tuners, error)) {
    if (!IsObjectName(entry.path().filename())) continue;
    auto object = OpenObject(entry.path().string());
    if (object && !ProgramsIn(object->get()).empty()) return object;
  }
  if (error) return Error(error.value(), "looking into '" + tuners + "'");
  return Error("no object in '" + tuners + "' watches sysctls; say with --tuners where it is");
}

}  // namespace

Result<Orders> Orders::Load(const std::string& tuners, const std::string& pins) {
  auto owners = OpenPinned(pins + "/" MAP_OWNERS, 0);
  if (!owners) return owners.error();
  auto watcher = OpenWatcher(tuners);
  if (!watcher) return watcher.error();
  Error why("no program of it carries out orders");
  for (const std::string& name : ProgramsIn(watcher->get())) {
    auto orders = LoadWith(tuners, name, *owners);
    if (orders) return orders;
    why = orders.error();
  }
  return why;
}

Result<Orders> Orders::LoadWith(const std::string& tuners, const std::string& name,
                                const UniqueFd& owners) {
  auto object = OpenWatcher(tuners);
  if (!object) return object.error();
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object->get()) {
    bpf_program__set_autoload(program, name == bpf_program__name(program));
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object->get()) bpf_map__set_pin_path(map, nullptr);
  bpf_map* shared = bpf_object__find_map_by_name(object->get(), MAP_OWNERS);
  const auto form = FormOf(owners.get());
  if (!shared || !form || FormOf(shared) != *form) {
    return Error("the object in '" + tuners + "' is of another version than the bpftune that ran");
  }
  if (int err = bpf_map__reuse_fd(shared, owners.get())) return Error(err, "sharing the owners");
  (void)TakeLibbpfMessages();
  if (int err = bpf_object__load(object->get())) {
    return Error(err, "loading the program that carries out orders");
  }
  Orders out(std::move(*object), UniqueFd(fcntl(owners.get(), F_DUPFD_CLOEXEC, 0)));
  program = bpf_object__find_program_by_name(out.object_.get(), name.c_str());
  bpf_iter_link_info info = {};
  info.map.map_fd =
      static_cast<__u32>(bpf_object__find_map_fd_by_name(out.object_.get(), MAP_ORDERS));
  LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));
  // One that walks the map itself is told which.
  const bool walks_it = std::string_view(bpf_program__section_name(program)) == "iter/bpf_map_elem";
  out.link_.reset(bpf_program__attach_iter(program, walks_it ? &options : nullptr));
  if (!out.link_) return Error::FromErrno("attaching the program that carries out orders");
  return out;
}

Status Orders::Reclaim(const state_key& set, uint64_t generation) {
  order reclaim = {};
  reclaim.kind = ORDER_RECLAIM;
  reclaim.generation = generation;
  const int orders = bpf_object__find_map_fd_by_name(object_.get(), MAP_ORDERS);
  if (bpf_map_update_elem(orders, &set, &reclaim, BPF_ANY) != 0) {
    return Error::FromErrno("giving the order");
  }
  auto ran = RunIterator(link_.get());
  (void)bpf_map_delete_elem(orders, &set);  // carried out, or void
  if (!ran) return ran.error();
  owner now = {};
  if (bpf_map_lookup_elem(owners_.get(), &set, &now) != 0) return Ok();  // nobody's any more
  if (now.generation == now.reclaimed) return Ok();
  return Error("somebody has just written it again");
}

}  // namespace bpftune::ctl
