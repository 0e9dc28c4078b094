// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Any bytes in the section of a description: they are refused, or what is read from them keeps the
// promises that the rest of the controller relies on.

#include <cstddef>
#include <span>

#include "controller/description.h"
#include "testing/fuzz.h"

namespace {

using bpftune::Require;

bool IsPlainText(const std::string& text) {
  for (const char c : text) {
    if (c < ' ' || c > '~') return false;
  }
  return !text.empty();
}

void CheckTunable(const bpftune::Description& description, const bpftune::Tunable& tunable) {
  Require(tunable.name.starts_with("net.") && tunable.name.find("..") == std::string::npos);
  Require(tunable.name.find('/') == std::string::npos && tunable.name.size() < 48);
  Require(IsPlainText(tunable.name) && IsPlainText(tunable.labels) && IsPlainText(tunable.set));
  Require(tunable.values >= 1 && tunable.values <= TUNER_MAX_VALUES);
  Require(tunable.min >= 0 && tunable.min <= tunable.max);
  Require(tunable.set_row < description.tunables.size());
  const bpftune::Tunable& first = description.tunables[tunable.set_row];
  Require(first.set == tunable.set && first.per_netns == tunable.per_netns);
}

void CheckSample(const bpftune::Sample& sample) {
  Require(sample.kind == SAMPLE_SYSCTL
              ? sample.source.starts_with("net.")
              : sample.source == "/proc/meminfo" || sample.source.starts_with("/proc/net/"));
  Require(sample.source.find("..") == std::string::npos && IsPlainText(sample.field));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto description = bpftune::ParseDescription(std::as_bytes(std::span(data, size)));
  if (!description) {
    Require(IsPlainText(description.error().message()));
    return 0;
  }
  Require(IsPlainText(description->name) && IsPlainText(description->summary));
  Require(description->tunables.size() <= TUNER_MAX_TUNABLES);
  Require(description->scenarios.size() <= TUNER_MAX_SCENARIOS);
  Require(description->samples.size() <= TUNER_MAX_SAMPLES);
  Require(description->counters.size() <= TUNER_MAX_COUNTERS);
  Require(description->hooks.size() <= TUNER_MAX_HOOKS);
  Require(description->strategies.size() <= TUNER_MAX_STRATEGIES);
  Require(description->modules.size() <= TUNER_MAX_MODULES);
  Require(description->reports.size() <= TUNER_MAX_REPORTS);
  for (const auto& module : description->modules) Require(module.name.starts_with("tcp_"));
  for (const auto& report : description->reports) {
    Require(IsPlainText(report.text));
    for (const auto row : report.counters) Require(row < description->counters.size());
  }
  for (const auto& strategy : description->strategies) {
    Require(strategy.seconds != 0 && strategy.hooks != 0);
    Require((strategy.hooks >> description->hooks.size()) == 0);
  }
  for (const auto& tunable : description->tunables) CheckTunable(*description, tunable);
  for (const auto& sample : description->samples) CheckSample(sample);
  for (const auto& scenario : description->scenarios) Require(IsPlainText(scenario.evidence));
  for (const auto& hook : description->hooks) {
    Require(hook.kind >= HOOK_EVENT && hook.kind <= HOOK_CHECK);
    Require((hook.kind == HOOK_PERIODIC) == (hook.period_ms >= 1000));
  }
  return 0;
}
