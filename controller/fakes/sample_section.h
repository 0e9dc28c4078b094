// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The section of a description with a record or two of each kind, to be damaged by tests.

#include <cstddef>

#include "bpf/common/tuner_abi.h"

namespace bpftune {

// The section as TUNER_DEFINE lays it out: the header, then table behind table.
struct Section {
  tuner_header header = {};
  tuner_tunable tunables[2] = {};
  tuner_scenario scenarios[1] = {};
  tuner_sample samples[2] = {};
  tuner_counter counters[1] = {};
  tuner_hook hooks[2] = {};
  tuner_strategy strategies[2] = {};
  tuner_module modules[1] = {};
  tuner_report reports[1] = {};
};

#define TABLE(member, type)                                           \
  tuner_table {                                                       \
    .offset = offsetof(Section, member), .record_size = sizeof(type), \
    .count = sizeof(Section::member) / sizeof(type)                   \
  }

inline Section GoodSection() {
  Section s;
  s.header = {.magic = TUNER_MAGIC,
              .major = TUNER_ABI_MAJOR,
              .minor = TUNER_ABI_MINOR,
              .header_size = sizeof(tuner_header),
              .name = "sample",
              .summary = "to test with",
              .tunables = TABLE(tunables, tuner_tunable),
              .scenarios = TABLE(scenarios, tuner_scenario),
              .samples = TABLE(samples, tuner_sample),
              .counters = TABLE(counters, tuner_counter),
              .hooks = TABLE(hooks, tuner_hook),
              .strategies = TABLE(strategies, tuner_strategy),
              .modules = TABLE(modules, tuner_module),
              .reports = TABLE(reports, tuner_report)};
  s.tunables[0] = {.name = "net.ipv4.tcp_rmem",
                   .labels = "min default max",
                   .set = "buffers",
                   .values = 3,
                   .flags = TUNABLE_PER_NETNS,
                   .min = 4096,
                   .max = 1 << 30};
  s.tunables[1] = s.tunables[0];
  std::strcpy(s.tunables[1].name, "net.ipv4.tcp_wmem");
  s.scenarios[0] = {.id = "WINDOW_LIMITED",
                    .name = "need to increase",
                    .description = "It is full",
                    .reason = "it being full",
                    .evidence = "{peer}: {arg0} of {tunable}, {old} and {new} in {netns}."};
  s.samples[0] = {
      .source = "net.ipv4.tcp_mem", .field = "1", .kind = SAMPLE_SYSCTL, .every_ms = 5000};
  s.samples[1] = {
      .source = "/proc/net/sockstat", .field = "TCP mem", .kind = SAMPLE_KEYED, .every_ms = 1000};
  s.counters[0] = {.text = "flows seen"};
  s.hooks[0] = {.name = "watch",
                .loss = "nothing is seen",
                .kind = HOOK_EVENT,
                .flags = HOOK_REQUIRED,
                .period_ms = 0,
                .reserved = 0};
  s.hooks[1] = {.name = "sweep",
                .loss = "old ones stay",
                .kind = HOOK_PERIODIC,
                .flags = 0,
                .period_ms = 60'000,
                .reserved = 0};
  s.strategies[0] = {.name = "need", .description = "by measured need", .seconds = 600, .hooks = 1};
  s.strategies[1] = {.name = "steps", .description = "by steps", .seconds = 60, .hooks = 3};
  s.modules[0] = {.name = "tcp_htcp", .loss = "htcp is not tried"};
  s.reports[0] = {.text = "{0} flows, {ratio} times", .counters = {0, 0, 0, 0}};
  return s;
}

#undef TABLE

}  // namespace bpftune
