// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// request_flood: what the daemon costs while a tuner asks ten thousand times a second for what it
// cannot have, half of the records not even of a known kind.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "testing/benchmarks/bpf_usage.h"
#include "testing/benchmarks/report.h"
#include "testing/objects/asker.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using Clock = std::chrono::steady_clock;

struct Plan {
  double per_second = 10'000;
  double seconds = 10;
};

// Every millisecond as many as are due.
Status Ask(const Plan& plan, const Host& host, Asker& asker) {
  request nonsense = {};
  nonsense.kind = REQUEST_TEST;
  const auto begin = Clock::now();
  const double all = plan.per_second * plan.seconds;
  for (double asked = 0; asked < all;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::chrono::duration<double> passed = Clock::now() - begin;
    for (; asked < all && asked < passed.count() * plan.per_second; asked += 2) {
      auto sent = asker.Ask(nonsense);
      if (sent) sent = asker.Ask(asker.Set(host, kAskOutput, {0}, {INT64_MAX}));
      if (!sent) return sent;
    }
  }
  return Ok();
}

Status Measure(const Plan& plan, Report& report) {
  auto host = Host::Create("asked-for");
  if (!host) return host.error();
  auto folder = TunerFolder::Create({kSysctlObject, kAskObject}, "/tmp");
  if (!folder) return folder.error();
  auto daemon =
      Daemon::Start(kDaemonPath, Apart({"-s", "-l", folder->path(), "-n", host->netns_path()}));
  if (!daemon) return daemon.error();
  if (!daemon->WaitForLine("per-netns policy", std::chrono::seconds(30))) {
    return Error("the daemon does not start");
  }
  auto asker = Asker::Of(daemon->pid());
  if (!asker) return asker.error();
  const auto cpu = CpuTimeNs(daemon->pid());
  const auto begin = Clock::now();
  if (auto asked = Ask(plan, *host, *asker); !asked) return asked;
  const std::chrono::duration<double> took = Clock::now() - begin;
  const auto cpu_after = CpuTimeNs(daemon->pid());
  const auto pss = ProcNumber(daemon->pid(), "smaps_rollup", "Pss:");
  if (!cpu) return cpu.error();
  if (!cpu_after) return cpu_after.error();
  if (!pss) return pss.error();
  const auto spent = static_cast<double>(*cpu_after - *cpu);
  const double asked = plan.per_second * plan.seconds;
  report.Add({"requests_per_s", "requests", "/s"}, {asked / took.count()});
  report.Add({"cpu_percent", "CPU time of the daemon", "% of a core"},
             {spent / took.count() / 1e7});
  report.Add({"cpu_us_per_request", "... for each", "us"}, {spent / asked / 1e3});
  report.Add({"pss_mib", "memory of the process (PSS)", "MiB"}, {static_cast<double>(*pss) / 1024});
  return Ok();
}

int Main(int argc, char** argv) {
  Plan plan;
  CLI::App app("what the daemon costs while a tuner floods it with requests");
  app.add_option("--per-second", plan.per_second)->check(CLI::PositiveNumber);
  app.add_option("--seconds", plan.seconds)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  if (const auto why_not = WhyNotPrivileged()) {
    std::fprintf(stderr, "request_flood: needs root: %s\n", why_not->c_str());
    return Report::kCouldNotMeasure;
  }
  Report report("request_flood");
  auto measured = Measure(plan, report);
  if (measured) return report.Finish();
  std::fprintf(stderr, "request_flood: %s\n", measured.error().message().c_str());
  return Report::kCouldNotMeasure;
}

}  // namespace
}  // namespace bpftune::testing

int main(int argc, char** argv) { return bpftune::testing::Main(argc, argv); }
