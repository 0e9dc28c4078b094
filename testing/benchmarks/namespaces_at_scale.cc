// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// namespaces_at_scale: what namespaces cost the daemon. A thousand that live, a hundred of them
// with traffic, which is where the daemon is confined to; and ten thousand that come, are used by
// an administrator, and go, under a daemon that is not confined but has no tuner that would act.

#include <bpf/bpf.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "bpf/common/state_abi.h"
#include "controller/netns_reaper.h"
#include "testing/benchmarks/bpf_usage.h"
#include "testing/benchmarks/report.h"
#include "testing/netns_harness/bulk_flow.h"
#include "testing/objects/asker.h"
#include "testing/objects/held_objects.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

struct Plan {
  int living = 1000;
  int with_traffic = 100;  // a daemon is confined to 256 at most
  double seconds = 20;
  int passing = 10'000;
};

void Progress(const std::string& text) { std::fprintf(stderr, "... %s\n", text.c_str()); }
void Sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

// What the daemon takes now.
struct Usage {
  double cpu_ms = 0;
  double pss_kib = 0;
  double maps_kib = 0;
  double descriptors = 0;
};

Result<Usage> UsageOf(pid_t pid) {
  auto cpu = CpuTimeNs(pid);
  auto pss = ProcNumber(pid, "smaps_rollup", "Pss:");
  auto bpf = BpfUsageOf(pid);
  if (!cpu) return cpu.error();
  if (!pss) return pss.error();
  if (!bpf) return bpf.error();
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(pid) + "/fd", error);
  return Usage{static_cast<double>(*cpu) / 1e6, static_cast<double>(*pss),
               static_cast<double>(bpf->MapBytes()) / 1024,
               static_cast<double>(std::distance(begin(files), end(files)))};
}

Status Living(const Plan& plan, Report& report) {
  Progress("making " + std::to_string(plan.living) + " namespaces");
  std::vector<Host> hosts;
  std::vector<const Host*> scope;
  for (int i = 0; i < plan.living; ++i) {
    auto host = Host::Create("living" + std::to_string(i));
    if (!host) return host.error();
    hosts.push_back(*host);
  }
  for (int i = 0; i < plan.with_traffic; ++i) scope.push_back(&hosts[static_cast<size_t>(i)]);
  auto daemon = StartDaemon(scope);
  if (!daemon) return daemon.error();
  auto before = UsageOf(daemon->pid());
  if (!before) return before.error();
  std::vector<BulkFlow> flows;
  for (const Host* host : scope) {
    auto flow = BulkFlow::Start(Loopback(*host), Loopback(*host),
                                {.write_bytes = 32 * 1024, .write_interval_ms = 200});
    if (!flow) return flow.error();
    flows.push_back(std::move(*flow));
  }
  Sleep(5);  // until they are followed less closely
  Progress("traffic in " + std::to_string(plan.with_traffic) + " of them");
  auto begin = UsageOf(daemon->pid());
  if (!begin) return begin.error();
  Sleep(plan.seconds);
  auto end = UsageOf(daemon->pid());
  if (!end) return end.error();
  report.Heading(std::to_string(plan.living) + " namespaces, traffic in " +
                 std::to_string(plan.with_traffic));
  report.Add({"living_cpu_percent", "CPU time of the daemon", "% of a core", 2},
             {(end->cpu_ms - begin->cpu_ms) / plan.seconds / 10});
  report.Add({"living_pss_kib", "memory of the process (PSS)", "KiB"}, {end->pss_kib});
  report.Add({"living_pss_growth_kib", "  of that since traffic began", "KiB"},
             {end->pss_kib - before->pss_kib});
  report.Add({"living_maps_kib", "BPF maps", "KiB"}, {end->maps_kib});
  report.Add({"living_maps_growth_kib", "  of that since traffic began", "KiB"},
             {end->maps_kib - before->maps_kib});
  return Ok();
}

// Namespaces that live as long as it takes to write two sysctls in each.
Status Pass(int count) {
  Status passed = Ok();
  std::thread([&] {
    for (int i = 0; i < count && passed; ++i) {
      if (unshare(CLONE_NEWNET) != 0) passed = Error::FromErrno("making a namespace");
      // Opened anew: /proc/sys/net is that of the thread that opens it.
      std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << "20000 40000" << std::flush;
      std::ofstream("/proc/sys/net/ipv4/tcp_limit_output_bytes") << "2000000" << std::flush;
    }
  }).join();
  return passed;
}

size_t EntriesIn(int map) {
  size_t out = 0;
  state_key key = {};
  for (state_key* last = nullptr; bpf_map_get_next_key(map, last, &key) == 0; last = &key) ++out;
  return out;
}

Status Passing(const Plan& plan, Report& report) {
  auto folder = TunerFolder::Create({kSysctlObject, kNetnsObject, kAskObject});
  if (!folder) return folder.error();
  auto daemon = Daemon::Start(kDaemonPath, Apart({"-s", "-l", folder->path()}));
  if (!daemon) return daemon.error();
  if (!daemon->WaitForLine("per-netns policy", std::chrono::seconds(30))) {
    return Error("the daemon did not say within 30 s what it supports");
  }
  auto held = HeldObjects::Of(daemon->pid());
  if (!held) return held.error();
  auto owners = held->Map(MAP_OWNERS);
  if (!owners) return owners.error();
  auto before = UsageOf(daemon->pid());
  if (!before) return before.error();
  Progress(std::to_string(plan.passing) + " namespaces that come and go");
  constexpr int kTurns = 50;
  size_t most = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int turn = 0; turn < kTurns; ++turn) {
    auto passed = Pass(plan.passing / kTurns);
    if (!passed) return passed;
    most = std::max(most, EntriesIn(owners->get()));
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  // The kernel ends the last ones in its own time; the daemon looks when it is awake.
  Sleep(2);
  auto last = Pass(NetnsReaper::kMany);
  if (!last) return last;
  Sleep(1);
  auto after = UsageOf(daemon->pid());
  if (!after) return after.error();
  const double thousands = plan.passing / 1000.0;
  report.Heading(std::to_string(plan.passing) + " namespaces that came and went, two sysctls each");
  report.Add({"passing_seconds", "time it took", "s"}, {seconds});
  report.Add({"passing_cpu_ms_per_1000", "CPU time of the daemon for 1000", "ms"},
             {(after->cpu_ms - before->cpu_ms) / thousands});
  report.Add({"passing_entries_most", "entries known of them, at most", "", STATE_MAX_ENTRIES - 1},
             {static_cast<double>(most)});
  report.Add({"passing_entries_left", "  and at the end", ""},
             {static_cast<double>(EntriesIn(owners->get()))});
  report.Add({"passing_pss_growth_kib", "growth of the process (PSS)", "KiB", 4096},
             {after->pss_kib - before->pss_kib});
  report.Add({"passing_maps_growth_kib", "growth of the BPF maps", "KiB"},
             {after->maps_kib - before->maps_kib});
  report.Add({"passing_descriptors", "growth of open descriptors", "", 257},
             {after->descriptors - before->descriptors});
  report.Add({"passing_lines_per_1000", "lines in the log for 1000", ""},
             {static_cast<double>(daemon->Lines().size()) / thousands});
  return Ok();
}

int Main(int argc, char** argv) {
  Plan plan;
  CLI::App app("what namespaces cost the daemon");
  app.add_option("--living", plan.living)->check(CLI::PositiveNumber);
  app.add_option("--with-traffic", plan.with_traffic)->check(CLI::Range(1, SCOPE_MAX_ENTRIES));
  app.add_option("--seconds", plan.seconds, "of traffic")->check(CLI::PositiveNumber);
  app.add_option("--passing", plan.passing)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  if (const auto why_not = WhyNotPrivileged()) {
    std::fprintf(stderr, "namespaces_at_scale: needs root: %s\n", why_not->c_str());
    return Report::kCouldNotMeasure;
  }
  Report report("namespaces_at_scale");
  for (const auto& measure : {Living, Passing}) {
    auto measured = measure(plan, report);
    if (measured) continue;
    std::fprintf(stderr, "namespaces_at_scale: %s\n", measured.error().message().c_str());
    return Report::kCouldNotMeasure;
  }
  return report.Finish();
}

}  // namespace
}  // namespace bpftune::testing

int main(int argc, char** argv) { return bpftune::testing::Main(argc, argv); }
