// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// many_sockets: what the daemon costs with very many idle TCP sockets and a few that move, and how
// often it looks at them. Once as it is, where only sockets that have carried data are remembered;
// once without the tracepoint of 6.16, where every connection is, from its beginning.

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "testing/benchmarks/bpf_usage.h"
#include "testing/benchmarks/idle_crowd.h"
#include "testing/benchmarks/report.h"
#include "testing/netns_harness/bulk_flow.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

struct Plan {
  int sockets = 100'000;
  int moving = 10;
  double seconds = 20;
};

void Progress(const std::string& text) { std::fprintf(stderr, "... %s\n", text.c_str()); }

Result<double> Looks(Daemon& daemon) {
  const size_t from = daemon.Lines().size();
  daemon.Signal(SIGUSR1);
  const auto line =
      daemon.WaitForLine("([0-9]+) looks at all connections", std::chrono::seconds(30), from);
  return line ? std::stod(line->captures[0]) : 0.0;
}

// CPU time and looks over a stretch of time.
Status Lap(const Plan& plan, Daemon& daemon, const std::string& key, const std::string& what,
           Report& report) {
  auto looks = Looks(daemon);
  auto cpu = CpuTimeNs(daemon.pid());
  const auto begin = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(plan.seconds));
  auto cpu_after = CpuTimeNs(daemon.pid());
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  auto looks_after = Looks(daemon);
  auto pss = ProcNumber(daemon.pid(), "smaps_rollup", "Pss:");
  if (!looks) return looks.error();
  if (!looks_after) return looks_after.error();
  if (!cpu) return cpu.error();
  if (!cpu_after) return cpu_after.error();
  if (!pss) return pss.error();
  report.Heading(what);
  report.Add({key + "_cpu_percent", "CPU time of the daemon", "% of a core", 2},
             {static_cast<double>(*cpu_after - *cpu) / seconds / 1e7});
  report.Add({key + "_looks_per_s", "looks at all connections", "/s"},
             {(*looks_after - *looks) / seconds});
  report.Add({key + "_pss_mib", "memory of the process (PSS)", "MiB"},
             {static_cast<double>(*pss) / 1024});
  return Ok();
}

Status Measure(const Plan& plan, const std::string& key, const std::string& what,
               const std::vector<std::string>& arguments, Report& report) {
  auto moving = Host::Create("moving");
  if (!moving) return moving.error();
  auto crowded = Host::Create("crowded");
  if (!crowded) return crowded.error();
  auto daemon = StartDaemon({&*moving, &*crowded}, arguments);
  if (!daemon) return daemon.error();
  std::vector<BulkFlow> flows;
  for (int i = 0; i < plan.moving; ++i) {
    auto flow = BulkFlow::Start(Loopback(*moving), Loopback(*moving),
                                {.write_bytes = 64 * 1024, .write_interval_ms = 100});
    if (!flow) return flow.error();
    flows.push_back(std::move(*flow));
  }
  auto alone =
      Lap(plan, *daemon, key + "_alone",
          what + ", " + std::to_string(plan.moving) + " connections that move, no others", report);
  if (!alone) return alone;
  Progress("opening " + std::to_string(plan.sockets) + " sockets");
  auto crowd = IdleCrowd::Open(*crowded, plan.sockets / 2);
  if (!crowd) return crowd.error();
  std::this_thread::sleep_for(std::chrono::seconds(3));  // until they have come to rest
  return Lap(plan, *daemon, key + "_crowd",
             what + ", and " + std::to_string(plan.sockets) + " idle sockets", report);
}

int Main(int argc, char** argv) {
  Plan plan;
  CLI::App app("what the daemon costs with very many idle sockets");
  app.add_option("--sockets", plan.sockets, "idle ones, both ends counted")
      ->check(CLI::PositiveNumber);
  app.add_option("--moving", plan.moving)->check(CLI::NonNegativeNumber);
  app.add_option("--seconds", plan.seconds, "of each measurement")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  if (const auto why_not = WhyNotPrivileged()) {
    std::fprintf(stderr, "many_sockets: needs root: %s\n", why_not->c_str());
    return Report::kCouldNotMeasure;
  }
  Report report("many_sockets");
  const std::vector<std::string> from_the_beginning = {"--without-hook", "grow__tp_btf"};
  for (const auto& [key, what, arguments] :
       {std::tuple{"carried", "remembered once they have carried data", std::vector<std::string>()},
        {"all", "remembered from their beginning", from_the_beginning}}) {
    Progress(what);
    auto measured = Measure(plan, key, what, arguments, report);
    if (measured) continue;
    std::fprintf(stderr, "many_sockets: %s\n", measured.error().message().c_str());
    return Report::kCouldNotMeasure;
  }
  return report.Finish();
}

}  // namespace
}  // namespace bpftune::testing

int main(int argc, char** argv) { return bpftune::testing::Main(argc, argv); }
