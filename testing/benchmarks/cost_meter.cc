// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/benchmarks/cost_meter.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <chrono>

#include "controller/bpf_handles.h"
#include "controller/cgroup.h"
#include "testing/netns_harness/traffic.h"

namespace bpftune::testing {
namespace {

constexpr char kEmptyPrograms[] = "testing/benchmarks/empty.bpf.o";
constexpr int kConnections = 3000;
constexpr int kWalks = 500;  // over at least the maps of the daemon

double NowSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Result<UniqueFd> EnableStatistics() {
  UniqueFd fd(bpf_enable_stats(BPF_STATS_RUN_TIME));
  if (!fd) return Error::FromErrno("enabling the run time statistics of BPF");
  return fd;
}

Result<BpfLinkPtr> Attached(bpf_link* link, const char* what) {
  BpfLinkPtr out(link);
  if (!out) return Error::FromErrno(std::string("attaching the empty program '") + what + "'");
  return out;
}

Result<double> MeanNs(const bpf_object* object, const char* name) {
  const bpf_program* program = bpf_object__find_program_by_name(object, name);
  bpf_prog_info info = {};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) != 0) {
    return Error::FromErrno("asking for the statistics of an empty program");
  }
  if (info.run_cnt == 0) return Error("the empty program '" + std::string(name) + "' never ran");
  return static_cast<double>(info.run_time_ns) / static_cast<double>(info.run_cnt);
}

}  // namespace

double StatisticsCost::Of(const ProgramUsage& program) const {
  if (program.is_iterator) return iterator_ns;
  return program.type == BPF_PROG_TYPE_TRACING ? tracing_ns : sockops_ns;
}

Result<StatisticsCost> MeasureStatistics(const Host& host) {
  auto cgroup = OpenCgroupRoot();
  if (!cgroup) return cgroup.error();

  auto object = OpenObject(kEmptyPrograms);
  if (!object) return object.error();
  if (const int err = bpf_object__load(object->get())) {
    return Error(-err, "loading the empty programs");
  }
  const auto program = [&](const char* name) {
    return bpf_object__find_program_by_name(object->get(), name);
  };
  auto sockops =
      Attached(bpf_program__attach_cgroup(program("empty_sockops"), cgroup->get()), "sockops");
  auto tracing = Attached(bpf_program__attach(program("empty_tracing")), "tracing");
  auto iterator = Attached(bpf_program__attach(program("empty_iterator")), "iterator");
  for (const auto* link : {&sockops, &tracing, &iterator}) {
    if (!*link) return link->error();
  }

  auto enabled = EnableStatistics();
  if (!enabled) return enabled.error();
  const Endpoint self = Loopback(host);
  auto rate = ShortConnections(self, self, kConnections);
  if (!rate) return rate.error();
  for (int i = 0; i < kWalks; ++i) {
    auto walk = RunIterator(iterator->get());
    if (!walk) return walk.error();
  }
  StatisticsCost cost;
  for (const auto& [name, into] : {std::pair{"empty_sockops", &cost.sockops_ns},
                                   {"empty_tracing", &cost.tracing_ns},
                                   {"empty_iterator", &cost.iterator_ns}}) {
    auto mean = MeanNs(object->get(), name);
    if (!mean) return mean.error();
    *into = *mean;
  }
  return cost;
}

Result<CostMeter> CostMeter::Start(pid_t daemon, const StatisticsCost& statistics) {
  auto enabled = EnableStatistics();
  if (!enabled) return enabled.error();
  CostMeter meter(daemon, statistics, std::move(*enabled));
  auto now = meter.Now();
  if (!now) return now.error();
  meter.last_ = std::move(*now);
  return meter;
}

Result<CostMeter::Moment> CostMeter::Now() const {
  auto usage = BpfUsageOf(daemon_);
  if (!usage) return usage.error();
  auto cpu = CpuTimeNs(daemon_);
  if (!cpu) return cpu.error();
  return Moment{NowSeconds(), *cpu, std::move(*usage)};
}

Result<Cost> CostMeter::Lap() {
  auto now = Now();
  if (!now) return now.error();
  Cost cost;
  cost.seconds = now->at_s - last_.at_s;
  cost.daemon_ns = static_cast<double>(now->cpu_ns - last_.cpu_ns);
  for (const ProgramUsage& program : now->usage.programs) {
    const auto& earlier = last_.usage.programs;
    const auto before = std::find_if(earlier.begin(), earlier.end(),
                                     [&](const ProgramUsage& p) { return p.id == program.id; });
    if (before == earlier.end()) continue;
    const uint64_t runs = program.runs - before->runs;
    const double statistics_ns = static_cast<double>(runs) * statistics_.Of(program);
    const double ns =
        std::max(0.0, static_cast<double>(program.run_ns - before->run_ns) - statistics_ns);
    cost.programs.push_back({program.name, program.is_iterator, runs, ns});
    if (program.is_iterator) {
      cost.daemon_ns -= statistics_ns;
    } else {
      cost.event_runs += runs;
      cost.event_ns += ns;
    }
  }
  last_ = std::move(*now);
  return cost;
}

}  // namespace bpftune::testing
