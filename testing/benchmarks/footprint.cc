// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// footprint: what the daemon takes by being there. Memory, threads, wake-ups, BPF maps and
// programs, time until it is ready, size on disk; and how memory grows with connections. Confined
// to a namespace where nothing happens; but connections of the whole machine wake it, so run this
// when nothing else runs.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "testing/benchmarks/bpf_usage.h"
#include "testing/benchmarks/idle_crowd.h"
#include "testing/benchmarks/report.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kMiB = 1 << 20;

#ifdef NDEBUG
constexpr bool kIsRelease = true;
#else
constexpr bool kIsRelease = false;
#endif

struct Plan {
  int starts = 9;
  double idle_s = 20;
  int connections = 10000;
  int rounds = 3;  // of memory with and without connections
};

void Sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

void Progress(const std::string& text) { std::fprintf(stderr, "... %s\n", text.c_str()); }

Status Starts(const Plan& plan, const Host& host, Report& report) {
  Progress("starting " + std::to_string(plan.starts) + " times");
  std::vector<double> wall_ms, cpu_ms;
  for (int i = 0; i < plan.starts; ++i) {
    const auto begin = Clock::now();
    auto daemon =
        Daemon::Start(kDaemonPath, Apart({"-s", "-l", kTunersPath, "-n", host.netns_path()}));
    if (!daemon) return daemon.error();
    const auto ready = daemon->WaitForLine("per-netns policy", std::chrono::seconds(30));
    if (!ready) return Error("the daemon did not say within 30 s what it supports");
    wall_ms.push_back(std::chrono::duration<double, std::milli>(ready->when - begin).count());
    auto cpu = CpuTimeNs(daemon->pid());
    if (!cpu) return cpu.error();
    cpu_ms.push_back(static_cast<double>(*cpu) / 1e6);
  }
  report.Heading("start, " + std::to_string(plan.starts) + " times (min / median / max)");
  report.Add({"ready_ms", "from exec to ready", "ms", 300}, wall_ms);
  report.Add({"ready_cpu_ms", "  CPU time of that", "ms"}, cpu_ms);
  return Ok();
}

Status Presence(const Plan& plan, pid_t pid, Report& report) {
  Progress("idle for " + std::to_string(static_cast<int>(plan.idle_s)) + " s");
  Sleep(3);
  auto pss = ProcNumber(pid, "smaps_rollup", "Pss:");
  auto anonymous = ProcNumber(pid, "smaps_rollup", "Pss_Anon:");
  auto threads = ProcNumber(pid, "status", "Threads:");
  auto peak = ProcNumber(pid, "status", "VmHWM:");
  auto wakes = ProcNumber(pid, "status", "voluntary_ctxt_switches:");
  auto cpu = CpuTimeNs(pid);
  for (const auto* number : {&pss, &anonymous, &threads, &peak, &wakes, &cpu}) {
    if (!*number) return number->error();
  }
  const auto begin = Clock::now();
  Sleep(plan.idle_s);
  auto wakes_after = ProcNumber(pid, "status", "voluntary_ctxt_switches:");
  auto cpu_after = CpuTimeNs(pid);
  if (!wakes_after) return wakes_after.error();
  if (!cpu_after) return cpu_after.error();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();

  report.Heading("idle, no connection");
  report.Add({"pss_mib", "memory of the process (PSS)", "MiB", 4},
             {static_cast<double>(*pss) / 1024});
  report.Add({"pss_anonymous_mib", "  of that its own", "MiB"},
             {static_cast<double>(*anonymous) / 1024});
  report.Add({"peak_rss_mib", "  most it ever had (RSS)", "MiB"},
             {static_cast<double>(*peak) / 1024});
  report.Add({"threads", "threads", "", 1}, {static_cast<double>(*threads)});
  report.Add({"wakeups_per_s", "wake-ups", "/s", 1},
             {static_cast<double>(*wakes_after - *wakes) / seconds});
  report.Add({"idle_cpu_percent", "CPU time", "% of a core"},
             {static_cast<double>(*cpu_after - *cpu) / seconds / 1e7});
  return Ok();
}

Status Programs(pid_t pid, Report& report) {
  auto usage = BpfUsageOf(pid);
  if (!usage) return usage.error();
  const uint64_t programs = usage->ProgramBytes();
  const uint64_t maps = usage->MapBytes();
  report.Add({"bpf_mib", "BPF maps and programs", "MiB", 4},
             {static_cast<double>(programs + maps) / kMiB});
  report.Add(
      {"bpf_programs_kib",
       "  " + std::to_string(usage->programs.size()) + " programs and their machine code", "KiB"},
      {static_cast<double>(programs) / 1024});
  report.Add({"bpf_maps_kib", "  " + std::to_string(usage->maps.size()) + " maps", "KiB"},
             {static_cast<double>(maps) / 1024});
  return Ok();
}

// Kernel memory that is not accounted to a map: the storage of sockets comes from the kmalloc
// caches. slabinfo(5): NAME ACTIVE_OBJECTS OBJECTS OBJECT_SIZE ...
Result<double> KmallocKiB() {
  std::ifstream file("/proc/slabinfo");
  double bytes = 0;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("kmalloc-")) continue;
    std::istringstream fields(line);
    std::string name;
    double active = 0, all = 0, size = 0;
    if (fields >> name >> active >> all >> size) bytes += active * size;
  }
  if (bytes == 0) return Error("there is no kmalloc cache in '/proc/slabinfo'");
  return bytes / 1024;
}

// How much they grow when the connections come; in a host of its own, whose end gives all back.
Result<double> GrowthKiB(const Plan& plan) {
  auto host = Host::Create("crowd");
  if (!host) return host.error();
  auto before = KmallocKiB();
  if (!before) return before;
  auto crowd = IdleCrowd::Open(*host, plan.connections);
  if (!crowd) return crowd.error();
  Sleep(1);
  auto after = KmallocKiB();
  if (!after) return after;
  return *after - *before;
}

Status Growth(const Plan& plan, Report& report) {
  std::vector<double> without_mib, with_mib, storage_mib, map_kib, pss_kib;
  for (int round = 0; round < plan.rounds; ++round) {
    Progress("connections without and with the daemon, round " + std::to_string(round + 1) +
             " of " + std::to_string(plan.rounds));
    auto without = GrowthKiB(plan);
    if (!without) return without.error();
    Sleep(1);  // the slabs of the connections that have gone
    auto host = Host::Create("quiet");
    if (!host) return host.error();
    auto daemon = StartDaemon({&*host});
    if (!daemon) return daemon.error();
    Sleep(0.5);
    auto usage = BpfUsageOf(daemon->pid());
    auto pss = ProcNumber(daemon->pid(), "smaps_rollup", "Pss:");
    auto with = GrowthKiB(plan);
    auto usage_after = BpfUsageOf(daemon->pid());
    auto pss_after = ProcNumber(daemon->pid(), "smaps_rollup", "Pss:");
    if (!with) return with.error();
    if (!usage || !usage_after) return Error("the daemon is gone");
    if (!pss || !pss_after) return Error("the daemon is gone");
    without_mib.push_back(*without / 1024);
    with_mib.push_back(*with / 1024);
    storage_mib.push_back((*with - *without) / 1024 / 2);
    map_kib.push_back(
        (static_cast<double>(usage_after->MapBytes()) - static_cast<double>(usage->MapBytes())) /
        1024);
    pss_kib.push_back(static_cast<double>(*pss_after) - static_cast<double>(*pss));
    Sleep(1);
  }
  const std::string n = std::to_string(plan.connections);
  report.Heading("growth with " + n + " connections (min / median / max of " +
                 std::to_string(plan.rounds) + ")");
  report.Add({"storage_mib", "storage of " + n + " sockets (one end each)", "MiB"}, storage_mib);
  report.Add({"kmalloc_without_mib", "  kmalloc caches without the daemon, both ends", "MiB"},
             without_mib);
  report.Add({"kmalloc_with_mib", "  and with it", "MiB"}, with_mib);
  report.Add({"maps_growth_kib", "BPF maps themselves", "KiB"}, map_kib);
  report.Add({"pss_growth_kib", "the process (PSS)", "KiB"}, pss_kib);
  report.Remark(
      "storage is half the difference of the kmalloc caches with and without the daemon, since "
      "both ends are on this machine; anything else that runs is in it");
  return Ok();
}

Status Installed(Report& report) {
  std::error_code err;
  const auto size = [&err](const std::filesystem::path& path) {
    return static_cast<double>(std::filesystem::file_size(path, err));
  };
  const double binary = size(kDaemonPath);
  double objects = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kTunersPath, err)) {
    if (entry.path().string().ends_with(".bpf.o")) objects += size(entry.path());
  }
  if (err) return Error(err.value(), "looking at the size of the files");
  Figure all = {"installed_mib", "on disk", "MiB"};
  if (kIsRelease) all.at_most = 4;
  report.Heading(kIsRelease ? "size" : "size (not a release build: not judged)");
  report.Add(all, {(binary + objects) / kMiB});
  report.Add({"binary_mib", "  the daemon", "MiB"}, {binary / kMiB});
  report.Add({"objects_kib", "  the tuners", "KiB"}, {objects / 1024});
  return Ok();
}

Status Measure(const Plan& plan, Report& report) {
  auto host = Host::Create("quiet");
  if (!host) return host.error();
  auto starts = Starts(plan, *host, report);
  if (!starts) return starts;
  {
    auto daemon = StartDaemon({&*host});
    if (!daemon) return daemon.error();
    auto presence = Presence(plan, daemon->pid(), report);
    if (!presence) return presence;
    auto programs = Programs(daemon->pid(), report);
    if (!programs) return programs;
  }
  auto growth = Growth(plan, report);
  if (!growth) return growth;
  return Installed(report);
}

int Main(int argc, char** argv) {
  Plan plan;
  CLI::App app("what the daemon takes: memory, wake-ups, time to start, size");
  app.add_option("--starts", plan.starts)->check(CLI::PositiveNumber);
  app.add_option("--idle-s", plan.idle_s, "count wake-ups for so long");
  app.add_option("--connections", plan.connections)->check(CLI::PositiveNumber);
  app.add_option("--rounds", plan.rounds, "of memory without and with connections")
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  if (const auto why_not = WhyNotPrivileged()) {
    std::fprintf(stderr, "footprint: needs root: %s\n", why_not->c_str());
    return Report::kCouldNotMeasure;
  }
  Report report("footprint");
  auto measured = Measure(plan, report);
  if (!measured) {
    std::fprintf(stderr, "footprint: %s\n", measured.error().message().c_str());
    return Report::kCouldNotMeasure;
  }
  return report.Finish();
}

}  // namespace
}  // namespace bpftune::testing

int main(int argc, char** argv) { return bpftune::testing::Main(argc, argv); }
