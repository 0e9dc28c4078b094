// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// decision_latency: from a decision in BPF to the value in the kernel. A tuner of the benchmark's
// own (latency_probe.bpf.c) asks the real daemon for a change of tcp_rmem in two namespaces, the
// daemon's own and another: in one pulse in one of them, in the next in the other, then two pulses
// in both at once. Programs of the benchmark's own see the value arrive (latency_observer.bpf.c).
// Decided at: the time in the request. There at: when the daemon's write has returned, so the
// latency is never understated. The limit is for a decision alone; one of two at once waits for the
// other.

#include <bpf/bpf.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "controller/bpf_handles.h"
#include "controller/cgroup.h"
#include "netns/netns_id.h"
#include "testing/benchmarks/bpf_usage.h"
#include "testing/benchmarks/latency_probe.h"
#include "testing/benchmarks/report.h"
#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

constexpr char kProbe[] = "testing/benchmarks/latency_probe.bpf.o";
constexpr char kObserver[] = "testing/benchmarks/latency_observer.bpf.o";
constexpr char kTunable[] = "net.ipv4.tcp_rmem";
constexpr char kMemory[] = "/dev/shm";   // a tmpfs, as /run is where systemd runs
constexpr int kDecisionsPerSecond = 15;  // six in four pulses

// The tuners of this run: our own and the watcher, without which there is no daemon. And room for
// the daemon's run directory.
class TunerFolder {
 public:
  static Result<TunerFolder> Create() {
    std::string path = std::string(kMemory) + "/bpftune-XXXXXX";
    if (!mkdtemp(path.data())) return Error::FromErrno("making a folder '" + path + "'");
    TunerFolder folder(path);
    for (const std::filesystem::path& object :
         {std::filesystem::path(kProbe), std::filesystem::path(kTunersPath) / "sysctl.bpf.o"}) {
      std::error_code err;
      std::filesystem::copy_file(object, path / object.filename(), err);
      if (err) return Error(err.value(), "copying '" + object.string() + "'");
    }
    return folder;
  }
  TunerFolder(TunerFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TunerFolder& operator=(TunerFolder&&) = delete;
  ~TunerFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

 private:
  explicit TunerFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// A map of the daemon, by name.
Result<UniqueFd> OpenMapOf(pid_t daemon, const std::string& name) {
  auto usage = BpfUsageOf(daemon);
  if (!usage) return usage.error();
  const MapUsage* map = usage->FindMap(name);
  if (!map) return Error("the daemon has no map '" + name + "'");
  UniqueFd fd(bpf_map_get_fd_by_id(map->id));
  if (!fd) return Error::FromErrno("opening the map '" + name + "'");
  return fd;
}

struct Observer {
  BpfObjectPtr object;
  BpfLinkPtr write;
  BpfLinkPtr returned;

  // Behind the daemon's own watcher, which is attached already.
  static Result<Observer> Attach(pid_t daemon) {
    auto object = OpenObject(kObserver);
    if (!object) return object.error();
    const auto tgid = static_cast<uint32_t>(daemon);
    auto told = SetRodata(object->get(), "daemon_tgid", &tgid, sizeof(tgid));
    if (!told) return told.error();
    if (const int err = bpf_object__load(object->get())) return Error(-err, "loading the observer");
    auto cgroup = OpenCgroupRoot();
    if (!cgroup) return cgroup.error();
    Observer observer;
    observer.write.reset(bpf_program__attach_cgroup(
        bpf_object__find_program_by_name(object->get(), "see_write"), cgroup->get()));
    if (!observer.write) return Error::FromErrno("attaching to cgroup/sysctl");
    observer.returned.reset(
        bpf_program__attach(bpf_object__find_program_by_name(object->get(), "see_return")));
    if (!observer.returned) return Error::FromErrno("attaching to sys_exit");
    observer.object = std::move(*object);
    return observer;
  }
};

Status SetTarget(const UniqueFd& targets, uint32_t row, const Host& host) {
  auto text = host.GetSysctl(kTunable);
  if (!text) return text.error();
  const std::vector<int64_t> values = ParseVector(*text);
  if (values.size() != 3) return Error(std::string(kTunable) + " is '" + *text + "'");
  const bool by_inode = ProbeNetnsIdKind() == NetnsIdKind::kInode;
  probe_target target = {.netns = by_inode ? host.inode() : host.cookie(),
                         .seen = {values[0], values[1], values[2]},
                         .ready = 1,
                         .reserved = 0};
  if (bpf_map_update_elem(targets.get(), &row, &target, BPF_ANY) != 0) {
    return Error::FromErrno("telling the probe about host '" + host.name() + "'");
  }
  return Ok();
}

struct Latencies {
  // By namespace (0: the daemon's own) and place in the pulse.
  std::vector<double> us[PROBE_NAMESPACES][PROBE_PLACES];
  std::vector<double> handler_us;  // from the hook to the return of the write
  size_t lost = 0;                 // decided, never seen to arrive
};

template <typename T>
T Lookup(int map, uint32_t key) {
  T value = {};
  (void)bpf_map_lookup_elem(map, &key, &value);  // an array: there is always something
  return value;
}

Latencies Match(int decisions, int arrivals) {
  Latencies out;
  for (uint32_t i = 0; i < PROBE_DECISIONS_MAX; ++i) {
    const auto decision = Lookup<probe_decision>(decisions, i);
    if (decision.time_ns == 0) break;
    const auto arrival = Lookup<probe_arrival>(arrivals, i);
    if (arrival.after_ns < decision.time_ns) {
      ++out.lost;
      continue;
    }
    out.us[decision.target & 1][decision.place % PROBE_PLACES].push_back(
        static_cast<double>(arrival.after_ns - decision.time_ns) / 1e3);
    out.handler_us.push_back(static_cast<double>(arrival.after_ns - arrival.before_ns) / 1e3);
  }
  return out;
}

double Percentile99(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() * 99 / 100];
}

Status Judge(const Latencies& latencies, Report& report) {
  const char* const kNames[] = {"own namespace", "another namespace"};
  const char* const kKeys[] = {"own", "other"};
  report.Heading("from the decision in BPF to the value in the kernel (min / median / max)");
  for (int target = 0; target < PROBE_NAMESPACES; ++target) {
    const std::string key = kKeys[target];
    const auto& us = latencies.us[target];
    for (const std::vector<double>& figures : us) {
      if (figures.empty()) return Error("no decision arrived");
    }
    report.Add({key + "_us", kNames[target], "us", 50}, us[PROBE_ALONE]);
    report.Add({key + "_p99_us", "  99 of 100 within", "us"}, {Percentile99(us[PROBE_ALONE])});
    report.Add({key + "_first_us", "  first of two at once", "us"}, us[PROBE_FIRST]);
    report.Add({key + "_second_us", "  second of two, which waits for it", "us"}, us[PROBE_SECOND]);
  }
  report.Add({"handler_us", "of that the kernel's handler and the return", "us"},
             latencies.handler_us);
  report.Add({"lost", "decisions that never arrived", "", 0},
             {static_cast<double>(latencies.lost)});
  return Ok();
}

Status Measure(size_t decisions, Report& report) {
  auto own = Host::Create("own");
  if (!own) return own.error();
  auto other = Host::Create("other");
  if (!other) return other.error();
  auto folder = TunerFolder::Create();
  if (!folder) return folder.error();
  auto daemon = Daemon::Start(
      kDaemonPath,
      Apart({"-s", "-l", folder->path(), "-n", own->netns_path(), "-n", other->netns_path(),
             "--changes-per-minute", "1000", "--run-dir", folder->path() + "/run"}),
      {.inside = *own});
  if (!daemon) return daemon.error();
  if (!daemon->WaitForLine("per-netns policy", std::chrono::seconds(30))) {
    return Error("the daemon did not say within 30 s what it supports");
  }
  auto observer = Observer::Attach(daemon->pid());
  if (!observer) return observer.error();
  auto targets = OpenMapOf(daemon->pid(), "probe_targets");
  if (!targets) return targets.error();
  auto decided = OpenMapOf(daemon->pid(), "probe_decisions");
  if (!decided) return decided.error();
  for (const auto& [row, host] : {std::pair{0U, &*own}, {1U, &*other}}) {
    auto set = SetTarget(*targets, row, *host);
    if (!set) return set;
  }
  const double seconds = static_cast<double>(decisions) / kDecisionsPerSecond;
  std::fprintf(stderr, "... %zu decisions, about %.0f s\n", decisions, seconds);
  const auto last = static_cast<uint32_t>(decisions - 1);
  if (!EventuallyTrue([&] { return Lookup<probe_decision>(decided->get(), last).time_ns != 0; },
                      std::chrono::milliseconds(static_cast<int64_t>(seconds * 4000) + 5000))) {
    return Error("the decisions did not come in time");
  }
  for (uint32_t row = 0; row < PROBE_NAMESPACES; ++row) {
    probe_target stop = {};
    (void)bpf_map_update_elem(targets->get(), &row, &stop, BPF_ANY);  // it stops in any case
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // what is under way arrives
  const int arrivals = bpf_object__find_map_fd_by_name(observer->object.get(), "arrivals");
  return Judge(Match(decided->get(), arrivals), report);
}

int Main(int argc, char** argv) {
  size_t decisions = 1000;
  CLI::App app("how long it takes from a decision in BPF to the value in the kernel");
  app.add_option("--decisions", decisions, "in both namespaces together; 15 a second")
      ->check(CLI::Range(10, PROBE_DECISIONS_MAX));
  CLI11_PARSE(app, argc, argv);
  if (const auto why_not = WhyNotPrivileged()) {
    std::fprintf(stderr, "decision_latency: needs root: %s\n", why_not->c_str());
    return Report::kCouldNotMeasure;
  }
  Report report("decision_latency");
  auto measured = Measure(decisions, report);
  if (!measured) {
    std::fprintf(stderr, "decision_latency: %s\n", measured.error().message().c_str());
    return Report::kCouldNotMeasure;
  }
  return report.Finish();
}

}  // namespace
}  // namespace bpftune::testing

int main(int argc, char** argv) { return bpftune::testing::Main(argc, argv); }
