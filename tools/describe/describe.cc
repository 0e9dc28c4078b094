// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// describe FILE.bpf.o: what a tuner object says about itself, as JSON. The tables of the manual
// pages are made of it. Loads nothing, needs no privilege.

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "controller/bpf_handles.h"
#include "controller/description.h"
#include "controller/log.h"

namespace bpftune {
namespace {

using nlohmann::ordered_json;

ordered_json Of(const Tunable& tunable) {
  return {{"name", tunable.name},
          {"labels", tunable.labels},
          {"set", tunable.set},
          {"per_netns", tunable.per_netns},
          {"on_sockets", tunable.on_sockets},
          {"min", tunable.min},
          {"max", tunable.max}};
}

ordered_json Of(const Scenario& scenario) {
  return {{"id", scenario.id},
          {"name", scenario.name},
          {"description", scenario.description},
          {"reason", scenario.reason},
          {"evidence", scenario.evidence}};
}

ordered_json Of(const Hook& hook) {
  return {{"name", hook.name},
          {"loss", hook.loss},
          {"required", hook.required},
          {"programs", hook.programs}};
}

ordered_json Of(const Strategy& strategy) {
  return {{"name", strategy.name},
          {"description", strategy.description},
          {"seconds", strategy.seconds}};
}

ordered_json Of(const Module& module) { return {{"name", module.name}, {"loss", module.loss}}; }

template <typename Rows>
ordered_json Table(const Rows& rows) {
  ordered_json out = ordered_json::array();
  for (const auto& row : rows) out.push_back(Of(row));
  return out;
}

ordered_json Of(const Description& tuner) {
  return {{"name", tuner.name},
          {"summary", tuner.summary},
          {"tunables", Table(tuner.tunables)},
          {"scenarios", Table(tuner.scenarios)},
          {"hooks", Table(tuner.hooks)},
          {"strategies", Table(tuner.strategies)},
          {"modules", Table(tuner.modules)},
          {"counters", tuner.counters}};
}

int Main(const char* path) {
  CaptureLibbpfMessages();
  auto object = OpenObject(path);
  auto description = object ? ReadDescription(object->get()) : Result<Description>(object.error());
  if (!description) {
    std::fprintf(stderr, "%s: %s\n", path, description.error().message().c_str());
    return 1;
  }
  std::puts(Of(*description).dump(2).c_str());
  return 0;
}

}  // namespace
}  // namespace bpftune

int main(int argc, char** argv) {
  if (argc == 2) return bpftune::Main(argv[1]);
  std::fputs("usage: describe FILE.bpf.o\n", stderr);
  return 2;
}
