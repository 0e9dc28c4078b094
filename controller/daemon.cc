// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/daemon.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "controller/cgroup.h"
#include "controller/event_sources.h"
#include "controller/inherited.h"
#include "controller/instance.h"
#include "netns/scoped_netns.h"

namespace bpftune {
namespace {

// The namespaces that were given with --netns.
Result<std::set<uint64_t>> ScopeOf(const std::vector<std::string>& paths) {
  std::set<uint64_t> scope;
  for (const std::string& path : paths) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return Error::FromErrno("opening '" + path + "'");
    auto id = IdOf(fd.get());
    if (!id) return id.error().Within("--netns '" + path + "'");
    scope.insert(id->value);
  }
  return scope;
}

Pins OpenPins(const Options& options, const std::set<uint64_t>& scope, LogSink* log) {
  if (options.support || options.pin_dir.empty()) return {};
  auto pins = Pins::Open(options.pin_dir + "/" + InstanceName(scope));
  if (pins) return std::move(*pins);
  log->Warning("what is learned will be forgotten when bpftune ends: " + pins.error().message() +
               "; continuing without");
  return {};
}

Status Visited(const Tuner& tuner) {
  auto ran = tuner.RunVisit();
  if (!ran) return ran.error();
  return Ok();
}

}  // namespace

Daemon::Daemon(LogSink* log, NetnsId home, std::set<uint64_t> scope, Pins pins, SharedMaps maps,
               UniqueFd signals, UniqueFd lock)
    : log_(log),
      lock_(std::move(lock)),
      signals_(std::move(signals)),
      pins_(std::move(pins)),
      maps_(std::move(maps)),
      kind_(ProbeNetnsIdKind()),
      finder_(kind_),
      names_(&finder_),
      home_(home),
      scope_(std::move(scope)),
      files_(&finder_, home_),
      state_(&maps_),
      sampler_(maps_.fd(MAP_SAMPLES)),
      applier_(MakeEdges()),
      overrides_(MakeEdges()) {}

Applier::Edges Daemon::MakeEdges() {
  return {
      .actuator = &files_,
      .state = &state_,
      .log = log_,
      .summary = &summary_,
      .name_of = [this](NetnsId id) { return names_.DisplayName(id); },
      .now_ns = NowNs,
  };
}

Result<std::unique_ptr<Daemon>> Daemon::Start(const Options& options, LogSink* log) {
  // First of all: a signal that comes while tuners are being loaded waits for Run().
  auto signals = SignalFd();
  if (!signals) return signals.error();
  auto home = IdOfCurrent();
  if (!home) return home.error();
  auto scope = ScopeOf(options.netns);
  if (!scope) return scope.error();
  UniqueFd lock;
  if (!options.support) {  // who only asks what works may do so beside a daemon
    auto locked = LockInstance(options.run_dir + "/" + InstanceName(*scope));
    if (!locked) return locked.error();
    lock = std::move(*locked);
  }
  Pins pins = OpenPins(options, *scope, log);
  auto maps = SharedMaps::Create(&pins);
  if (!maps) return maps.error();
  std::unique_ptr<Daemon> daemon(new Daemon(log, *home, std::move(*scope), std::move(pins),
                                            std::move(*maps), std::move(*signals),
                                            std::move(lock)));
  auto ready = daemon->Prepare(options);
  if (!ready) return ready.error();
  return daemon;
}

Status Daemon::Prepare(const Options& options) {
  auto confined = TellScope();
  if (!confined) return confined;
  auto loaded = LoadTuners(options);
  if (!loaded) return loaded;
  auto further = FurtherObjects::Watch(options.objects);
  if (!further) return further.error();
  further_ = std::move(*further);
  enabled_ = options.enable;
  LookForObjects();
  Inherit();
  ring_.reset(ring_buffer__new(maps_.fd(MAP_REQUESTS), OnRecord, this, nullptr));
  if (!ring_) return Error::FromErrno("opening the ring buffer");
  malloc_trim(0);  // parsing the kernel's BTF took megabytes that nothing needs again
  return Ok();
}

Status Daemon::TellScope() {
  for (const uint64_t netns : scope_) {
    const uint8_t in_scope = 1;
    if (bpf_map_update_elem(maps_.fd(MAP_SCOPE), &netns, &in_scope, BPF_ANY) != 0) {
      return Error::FromErrno("--netns: at most " + std::to_string(SCOPE_MAX_ENTRIES) +
                              " namespaces can be given");
    }
  }
  return Ok();
}

Status Daemon::LoadTuners(const Options& options) {
  auto cgroup = OpenCgroupRoot();
  if (cgroup) cgroup_ = std::move(*cgroup);
  facts_ = {.cgroup_fd = cgroup_.get(),
            .netns_by_inode = kind_ == NetnsIdKind::kInode,
            .confined = !scope_.empty(),
            .page_bytes = static_cast<uint32_t>(sysconf(_SC_PAGESIZE)),
            .without = options.without_hook,
            .log = log_};
  auto loaded = TunerSet::Load(options.tuners, maps_, &pins_, facts_);
  if (!loaded) return loaded.error();
  tuners_ = std::move(*loaded);
  for (const auto& tuner : tuners_.tuners()) StartClock(tuner.get());
  state_.set_watcher(&tuners_.watcher());
  auto introduced = tuners_.watcher().RunPulse();  // tells the watcher who we are
  if (!introduced) return introduced.error();
  return Ok();
}

// For the last of the tuners.
void Daemon::StartClock(Tuner* tuner) {
  const uint64_t now = NowNs();
  sampler_.Add(tuner->id(), tuner->description());
  Clock& clock = clocks_.emplace_back();
  clock.strategy.Start(tuner, &maps_, log_, now);
  if (tuner->has(HOOK_PULSE) && tuner != &tuners_.watcher()) clock.pulse.Wake(now);
  for (const HookState& state : tuner->hooks()) {
    clock.periodic_due_ns.push_back(
        state.hook.kind == HOOK_PERIODIC ? now + state.hook.period_ms * kNsPerMs : 0);
  }
}

// What an earlier daemon has left, of namespaces that are still there. (One that only a descriptor
// or a socket holds is not found, and starts anew.)
void Daemon::Inherit() {
  for (const std::string& line : pins_.TakeNews()) log_->Notice(line);
  if (!pins_.took_over()) return;
  std::set<uint64_t> there = scope_;
  if (there.empty()) {
    const auto list = names_.List();
    if (!list) return log_->Debug(list.error().message());
    for (const NetnsEntry& entry : list->entries) there.insert(entry.id.value);
  }
  const auto stays = [&](const state_key& key) {
    return pins_.IsNumber(key.tuner) && (key.netns == 0 || there.contains(key.netns));
  };
  for (const char* map : {MAP_OWNERS, MAP_PUBLISHED}) DropEntries(maps_.fd(map), stays);
  const std::vector<state_key> published = StateKeys(maps_.fd(MAP_PUBLISHED));
  for (const auto& tuner : tuners_.tuners()) {
    for (const int map : tuner->kept().by_state_key()) DropEntries(map, stays);
    YieldWhatChanged(tuner->description(), tuner->id(), published, MakeEdges(), &applier_);
  }
}

int Daemon::OnRecord(void* self, void* data, size_t size) {
  auto* daemon = static_cast<Daemon*>(self);
  if (size != sizeof(request)) {
    ++daemon->unknown_records_;
    return 0;
  }
  request record;
  std::memcpy(&record, data, sizeof(record));
  daemon->Handle(record);
  return 0;
}

void Daemon::Handle(const request& record) {
  const auto index = tuners_.IndexOf(record.tuner);
  if (!index) {
    ++unknown_records_;
    return;
  }
  const Description& tuner = tuners_.tuners()[*index]->description();
  switch (record.kind) {
    case REQUEST_SET:
      if (!InScope(record.netns)) return KeepOut(tuner.name, record);
      if (observing_.contains(record.tuner)) return Observe(tuner, record);
      return applier_.Apply(tuner, record);
    case REQUEST_NOTE:
      return applier_.Note(tuner, record);
    case REQUEST_WAKE:
      return clocks_[*index].pulse.Wake(NowNs());
    case REQUEST_OVERRIDE:
      return overrides_.Report(tuner, record);
    case REQUEST_VISIT:
      // The ring is being read; visits come after.
      visits_.push_back({*index, NetnsId{record.netns}, record.netns_inode});
      return;
    default:
      ++unknown_records_;
  }
}

// Tuners look only where they should; one that does not is refused here.
bool Daemon::InScope(uint64_t netns) const { return scope_.empty() || scope_.contains(netns); }

// A further tuner that nobody has enabled says what it would do, once for each tunable.
void Daemon::Observe(const Description& tuner, const request& record) {
  state_.ClearPending(
      {.netns = record.netns, .tuner = record.tuner, .row = record.tunable, .reserved = 0});
  if (record.tunable >= tuner.tunables.size() || record.scenario >= tuner.scenarios.size()) return;
  const Tunable& tunable = tuner.tunables[record.tunable];
  const NetnsId netns{record.netns};
  if (!summary_.Refused({netns, tunable.name}, "tuner '" + tuner.name + "' only observes")) return;
  log_->Notice("due to " + tuner.scenarios[record.scenario].reason + " tuner '" + tuner.name +
               "' would change " + tunable.name + " in " + names_.DisplayName(netns) + " from (" +
               Values::Of(record.seen, tunable.values).Text() + ") to (" +
               Values::Of(record.wanted, tunable.values).Text() +
               "); it only observes until bpftune is started with --enable " + tuner.name);
}

void Daemon::KeepOut(const std::string& tuner, const request& record) {
  const NetnsId netns{record.netns};
  state_.ClearPending(
      {.netns = record.netns, .tuner = record.tuner, .row = record.tunable, .reserved = 0});
  if (!summary_.Refused({netns, tuner}, "outside the namespaces given with --netns")) return;
  log_->Warning("tuner '" + tuner + "' asked for a change in " + names_.DisplayName(netns) +
                ", which is outside the namespaces given with --netns; refused");
}

void Daemon::Consume() {
  (void)ring_buffer__consume(ring_.get());  // negative only if our callback fails: it does not
}

// Everything that is in the ring, and what follows from it.
void Daemon::Drain() {
  Consume();
  applier_.Explain();
  while (!visits_.empty()) {
    const std::vector<Visit> visits = std::exchange(visits_, {});
    for (const Visit& visit : visits) {
      auto visited = RunVisit(visit);
      if (!visited) log_->Debug("visiting a namespace: " + visited.error().message());
    }
    Consume();
    applier_.Explain();
  }
}

Status Daemon::RunVisit(const Visit& visit) {
  const Tuner& tuner = *tuners_.tuners()[visit.index];
  if (!tuner.has(HOOK_VISIT)) return Ok();
  if (visit.netns == home_) return Visited(tuner);
  auto netns = finder_.Find(visit.netns, visit.inode);
  if (!netns) return netns.error();
  auto inside = ScopedNetns::Enter(netns->get());
  if (!inside) return inside.error();
  return Visited(tuner);
}

void Daemon::RunPulse(size_t index, uint64_t now_ns) {
  const Tuner& tuner = *tuners_.tuners()[index];
  sampler_.Refresh(tuner.id(), now_ns);
  const uint64_t begin = ThreadTimeNs();
  auto ran = tuner.RunPulse();
  Consume();  // at once: what was decided is not to wait for anything
  const uint64_t end = ThreadTimeNs();
  if (!ran) log_->Debug(ran.error().message());
  Drain();
  const uint32_t key = tuner.id();
  beat wanted = {};
  if (bpf_map_lookup_elem(maps_.fd(MAP_BEATS), &key, &wanted) != 0) wanted.period_ms = 1000;
  clocks_[index].pulse.Ran(NowNs(), end - begin, ran ? wanted.period_ms : 1000);
}

void Daemon::RunDue(uint64_t now_ns) {
  for (size_t i = 0; i < clocks_.size(); ++i) {
    const Tuner& tuner = *tuners_.tuners()[i];
    if (clocks_[i].strategy.Check(now_ns) && tuner.has(HOOK_PULSE)) clocks_[i].pulse.Wake(now_ns);
    if (clocks_[i].pulse.due_ns().value_or(kNever) <= now_ns) RunPulse(i, now_ns);
    for (size_t hook = 0; hook < clocks_[i].periodic_due_ns.size(); ++hook) {
      uint64_t& due = clocks_[i].periodic_due_ns[hook];
      if (due == 0 || due > now_ns) continue;
      due = now_ns + tuner.hooks()[hook].hook.period_ms * kNsPerMs;
      auto ran = tuner.RunPeriodic(hook);
      if (!ran) log_->Debug(ran.error().message());
      Drain();
    }
  }
  if (overrides_.due_ns().value_or(kNever) <= now_ns) overrides_.Check();
}

uint64_t Daemon::NextDue() const {
  uint64_t due = overrides_.due_ns().value_or(kNever);
  for (const Clock& clock : clocks_) {
    due = std::min(
        {due, clock.pulse.due_ns().value_or(kNever), clock.strategy.due_ns().value_or(kNever)});
    for (const uint64_t periodic : clock.periodic_due_ns) {
      if (periodic != 0) due = std::min(due, periodic);
    }
  }
  return due;
}

Status Daemon::Run() {
  const UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  const UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!timer || !epoll) return Error::FromErrno("making the event loop");
  for (const int fd : {signals_.get(), timer.get(), ring_buffer__epoll_fd(ring_.get())}) {
    auto added = AddTo(epoll.get(), fd);
    if (!added) return added;
  }
  if (further_.fd() >= 0) {
    auto added = AddTo(epoll.get(), further_.fd());
    if (!added) return added;
  }
  for (;;) {
    Arm(timer.get(), NextDue());
    epoll_event events[4];
    const int ready = epoll_wait(epoll.get(), events, 4, -1);
    if (ready < 0 && errno != EINTR) return Error::FromErrno("waiting for events");
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.fd == further_.fd()) LookForObjects();
      if (events[i].data.fd != signals_.get()) continue;
      signalfd_siginfo info;
      if (read(signals_.get(), &info, sizeof(info)) != sizeof(info)) continue;
      if (info.ssi_signo != SIGUSR1) return Ok();
      for (const std::string& line : SummaryLines()) log_->Notice(line);
    }
    uint64_t expirations;
    (void)!read(timer.get(), &expirations,
                sizeof(expirations));  // only to make it unreadable again
    Drain();
    RunDue(NowNs());
  }
}

std::vector<std::string> Daemon::SummaryLines() const {
  std::vector<std::string> out = summary_.Lines();
  for (const auto& tuner : tuners_.tuners()) {
    const std::vector<uint64_t> counts = tuner->Counts();
    for (size_t row = 0; row < counts.size(); ++row) {
      if (counts[row] == 0) continue;
      out.push_back("Summary: tuner '" + tuner->description().name +
                    "': " + std::to_string(counts[row]) + " " + tuner->description().counters[row]);
    }
  }
  if (unknown_records_ != 0) {
    out.push_back("Summary: " + std::to_string(unknown_records_) + " unknown records in the ring");
  }
  return out;
}

}  // namespace bpftune
