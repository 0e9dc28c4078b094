// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// overhead: what the daemon costs. One bulk flow at 1 Gbit/s, short connections, very many idle
// connections: the time of all its BPF programs plus its own CPU time (cost_meter.h). Beside it
// what connections and bulk transfers achieve with and without it, in alternating pairs.
//
// The programs are attached to the whole machine: foreign connections are in the figures. Run it
// when nothing else runs.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include "testing/benchmarks/cost_meter.h"
#include "testing/benchmarks/idle_crowd.h"
#include "testing/benchmarks/report.h"
#include "testing/netns_harness/traffic.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

// A look at idle connections runs its program more often than this.
constexpr uint64_t kFewRuns = 100;

struct Plan {
  double converge_s = 8;
  double settled_s = 10;
  int short_connections = 20000;
  int idle_connections = 10000;
  double idle_s = 10;
  int pairs = 7;
  int connections_in_pair = 8000;
  double bulk_in_pair_s = 1.5;
};

void Sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

void Progress(const std::string& text) { std::fprintf(stderr, "... %s\n", text.c_str()); }

void AddPrograms(Report& report, const std::string& key, const std::string& per, const Cost& cost,
                 double divisor) {
  for (const Cost::Program& program : cost.programs) {
    if (program.runs == 0) continue;
    const double runs = static_cast<double>(program.runs);
    report.Add({key + "_runs_" + program.name, "  runs of " + program.name + " per " + per},
               {runs / divisor});
    report.Add({key + "_ns_" + program.name, "  each", "ns"}, {program.ns / runs});
  }
}

Status Bulk(const Plan& plan, const Path& path, Daemon& daemon, CostMeter& meter, Report& report) {
  Progress("one bulk flow at 1 Gbit/s");
  (void)meter.Lap();  // what was before does not count; the next call tells of errors
  auto flow = BulkFlow::Start(path.link->a(), path.link->b());
  if (!flow) return flow.error();
  flow->WaitUntil(plan.converge_s);
  auto converging = meter.Lap();
  if (!converging) return converging.error();
  const size_t writes = CountChanges(daemon);
  const double end_s = plan.converge_s + plan.settled_s;
  flow->WaitUntil(end_s);
  auto settled = meter.Lap();
  if (!settled) return settled.error();
  const double mbit = flow->MbitPerSecond(plan.converge_s, end_s);

  report.Heading("one bulk flow, 1 Gbit/s, round trip 20 ms");
  report.Add({"bulk_settled_percent", "programs and daemon, once settled", "% of a core", 0.1},
             {settled->PercentOfCore()});
  report.Add({"bulk_settled_daemon_percent", "  of that the daemon", "% of a core"},
             {settled->daemon_ns / settled->seconds / 1e7});
  report.Add({"bulk_converging_percent",
              "programs and daemon, while it converges (first " +
                  std::to_string(static_cast<int>(plan.converge_s)) + " s)",
              "% of a core"},
             {converging->PercentOfCore()});
  report.Add({"bulk_writes_converging", "  values written meanwhile"},
             {static_cast<double>(writes)});
  report.Add({"bulk_writes_settled", "  values written once settled"},
             {static_cast<double>(CountChanges(daemon) - writes)});
  report.Add({"bulk_settled_mbit", "rate once settled", "Mbit/s"}, {mbit});
  AddPrograms(report, "bulk", "second", *settled, settled->seconds);
  return Ok();
}

Status Short(const Plan& plan, const Host& host, CostMeter& meter, Report& report) {
  Progress("short connections");
  const Endpoint self = Loopback(host);
  auto warm_up = ShortConnections(self, self, 500);
  if (!warm_up) return warm_up.error();
  (void)meter.Lap();  // likewise
  auto rate = ShortConnections(self, self, plan.short_connections);
  if (!rate) return rate.error();
  auto cost = meter.Lap();
  if (!cost) return cost.error();
  const double n = plan.short_connections;
  report.Heading("short connections, both ends here, " + std::to_string(plan.short_connections));
  report.Add({"short_us", "programs and daemon, per connection", "us", 1.2},
             {cost->TotalNs() / n / 1e3});
  report.Add({"short_programs_us", "  of that programs", "us"}, {cost->event_ns / n / 1e3});
  report.Add({"short_daemon_us", "  of that the daemon", "us"}, {cost->daemon_ns / n / 1e3});
  report.Add({"short_runs", "program runs per connection"},
             {static_cast<double>(cost->event_runs) / n});
  AddPrograms(report, "short", "connection", *cost, n);
  return Ok();
}

Status Idle(const Plan& plan, const Host& host, CostMeter& meter, Report& report) {
  Progress("idle connections");
  auto crowd = IdleCrowd::Open(host, plan.idle_connections);
  if (!crowd) return crowd.error();
  Sleep(3);  // until a connection that is young is no longer watched for its first data
  (void)meter.Lap();
  Sleep(plan.idle_s);
  auto cost = meter.Lap();
  if (!cost) return cost.error();
  report.Heading(std::to_string(plan.idle_connections) + " idle connections, both ends here");
  report.Add({"idle_percent", "programs and daemon", "% of a core", 0.3}, {cost->PercentOfCore()});
  AddPrograms(report, "idle", "second", *cost, cost->seconds);
  if (std::none_of(cost->programs.begin(), cost->programs.end(), [](const Cost::Program& program) {
        return program.is_iterator && program.runs >= kFewRuns;
      })) {
    report.Remark("the daemon did not look at the idle connections while they were measured");
  }
  return Ok();
}

double ThreadCpuSeconds() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

struct Achieved {
  double connections_per_s = 0;
  double cpu_us_per_connection = 0;  // of the thread that has both ends
  double bulk_gbit = 0;
};

// In hosts of its own, so that no value tuned here is there the next time.
Result<Achieved> Achieve(const Plan& plan, bool with_daemon) {
  auto a = Host::Create("a");
  if (!a) return a.error();
  auto b = Host::Create("b");
  if (!b) return b.error();
  auto veth = VethPair::Create(*a, *b);
  if (!veth) return veth.error();
  std::vector<Daemon> daemon;
  if (with_daemon) {
    auto started = StartDaemon({&*a, &*b});
    if (!started) return started.error();
    daemon.push_back(std::move(*started));
  }
  Achieved achieved;
  const double cpu_s = ThreadCpuSeconds();
  auto rate = ShortConnections(veth->a, veth->b, plan.connections_in_pair);
  if (!rate) return rate.error();
  achieved.connections_per_s = *rate;
  achieved.cpu_us_per_connection =
      (ThreadCpuSeconds() - cpu_s) * 1e6 / static_cast<double>(plan.connections_in_pair);
  auto flow = BulkFlow::Start(veth->a, veth->b);
  if (!flow) return flow.error();
  flow->WaitUntil(plan.bulk_in_pair_s);
  achieved.bulk_gbit = flow->MbitPerSecond(0, plan.bulk_in_pair_s) / 1e3;
  return achieved;
}

Status Pairs(const Plan& plan, Report& report) {
  std::vector<double> rates[2], cpu[2], bulk[2], rate_ratio, cpu_ratio, bulk_ratio;
  for (int pair = 0; pair < plan.pairs; ++pair) {
    Progress("pair " + std::to_string(pair + 1) + " of " + std::to_string(plan.pairs));
    for (const int turn : {0, 1}) {
      const int with = (pair + turn) % 2;  // each goes first in every other pair
      auto achieved = Achieve(plan, with == 1);
      if (!achieved) return achieved.error();
      rates[with].push_back(achieved->connections_per_s);
      cpu[with].push_back(achieved->cpu_us_per_connection);
      bulk[with].push_back(achieved->bulk_gbit);
    }
    rate_ratio.push_back(rates[1].back() / rates[0].back());
    cpu_ratio.push_back(cpu[1].back() / cpu[0].back());
    bulk_ratio.push_back(bulk[1].back() / bulk[0].back());
  }
  report.Heading("without and with the daemon, over veth, " + std::to_string(plan.pairs) +
                 " alternating pairs (min / median / max)");
  report.Add({"rate_without", "short connections, without", "/s"}, rates[0]);
  report.Add({"rate_with", "short connections, with", "/s"}, rates[1]);
  report.Add({"rate_ratio", "  with / without, by pairs"}, rate_ratio);
  report.Add({"cpu_without", "CPU time per short connection, without", "us"}, cpu[0]);
  report.Add({"cpu_with", "CPU time per short connection, with", "us"}, cpu[1]);
  report.Add({"cpu_ratio", "  with / without, by pairs"}, cpu_ratio);
  report.Add({"bulk_without", "bulk transfer, without", "Gbit/s"}, bulk[0]);
  report.Add({"bulk_with", "bulk transfer, with", "Gbit/s"}, bulk[1]);
  report.Add({"bulk_ratio", "  with / without, by pairs"}, bulk_ratio);
  return Ok();
}

Status Measure(const Plan& plan, Report& report) {
  auto path = Path::Create({.side = Side::kSend, .cap = 1310720, .rtt_ms = 20});
  if (!path) return path.error();
  auto host = Host::Create("one");
  if (!host) return host.error();
  {
    auto daemon = StartDaemon({path->a.get(), path->b.get(), &*host});
    if (!daemon) return daemon.error();
    Progress("the cost of the statistics");
    auto statistics = MeasureStatistics(*host);
    if (!statistics) return statistics.error();
    report.Heading("taken off for each run, measured on empty programs");
    report.Add({"statistics_sockops_ns", "socket-ops", "ns"}, {statistics->sockops_ns});
    report.Add({"statistics_tracing_ns", "tracing", "ns"}, {statistics->tracing_ns});
    report.Add({"statistics_iterator_ns", "iterator", "ns"}, {statistics->iterator_ns});
    auto meter = CostMeter::Start(daemon->pid(), *statistics);
    if (!meter) return meter.error();
    auto bulk = Bulk(plan, *path, *daemon, *meter, report);
    if (!bulk) return bulk;
    auto brief = Short(plan, *host, *meter, report);
    if (!brief) return brief;
    auto idle = Idle(plan, *host, *meter, report);
    if (!idle) return idle;
  }
  return Pairs(plan, report);
}

int Main(int argc, char** argv) {
  Plan plan;
  CLI::App app("what the daemon costs: a bulk flow, short connections, idle connections");
  app.add_option("--settled-s", plan.settled_s, "measure the settled bulk flow for so long");
  app.add_option("--connections", plan.short_connections, "short connections")
      ->check(CLI::PositiveNumber);
  app.add_option("--idle", plan.idle_connections, "idle connections")->check(CLI::PositiveNumber);
  app.add_option("--idle-s", plan.idle_s, "look at them for so long");
  app.add_option("--pairs", plan.pairs, "runs without and with the daemon")
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  if (const auto why_not = WhyNotPrivileged()) {
    std::fprintf(stderr, "overhead: needs root: %s\n", why_not->c_str());
    return Report::kCouldNotMeasure;
  }
  Report report("overhead");
  auto measured = Measure(plan, report);
  if (!measured) {
    std::fprintf(stderr, "overhead: %s\n", measured.error().message().c_str());
    return Report::kCouldNotMeasure;
  }
  report.Remark("programs of other processes and foreign connections are not told apart");
  return report.Finish();
}

}  // namespace
}  // namespace bpftune::testing

int main(int argc, char** argv) { return bpftune::testing::Main(argc, argv); }
