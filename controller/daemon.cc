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
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>

#include "controller/cgroup.h"
#include "netns/scoped_netns.h"

namespace bpftune {
namespace {

constexpr uint64_t kNever = UINT64_MAX;
constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kNsPerSecond = 1'000'000'000;
// Between two visits at start: one may take milliseconds, and there may be thousands.
constexpr uint64_t kFirstVisitPauseNs = 20 * kNsPerMs;

uint64_t NowNs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

// What this thread has cost: a pulse that lost its CPU to others has not become more expensive.
uint64_t ThreadTimeNs() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * kNsPerSecond + static_cast<uint64_t>(time.tv_nsec);
}

Result<UniqueFd> SignalFd() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return Error::FromErrno("blocking signals");
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return Error::FromErrno("making a signal descriptor");
  return fd;
}

Status AddTo(int epoll, int fd) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) return Error::FromErrno("adding to epoll");
  return Ok();
}

// Absolute; kNever disarms.
void Arm(int timer, uint64_t due_ns) {
  itimerspec when = {};
  if (due_ns != kNever) {
    when.it_value.tv_sec = static_cast<time_t>(due_ns / kNsPerSecond);
    when.it_value.tv_nsec = static_cast<long>(std::max<uint64_t>(due_ns % kNsPerSecond, 1));
  }
  (void)timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr);  // cannot fail: valid arguments
}

Status Visited(const Tuner& tuner) {
  auto ran = tuner.RunVisit();
  if (!ran) return ran.error();
  return Ok();
}

}  // namespace

Daemon::Daemon(LogSink* log, NetnsId home, SharedMaps maps, UniqueFd signals)
    : log_(log),
      signals_(std::move(signals)),
      maps_(std::move(maps)),
      kind_(ProbeNetnsIdKind()),
      finder_(kind_),
      names_(&finder_),
      home_(home),
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
  auto maps = SharedMaps::Create();
  if (!maps) return maps.error();
  std::unique_ptr<Daemon> daemon(new Daemon(log, *home, std::move(*maps), std::move(*signals)));
  auto ready = daemon->Prepare(options);
  if (!ready) return ready.error();
  return daemon;
}

Status Daemon::Prepare(const Options& options) {
  auto confined = Confine(options.netns);
  if (!confined) return confined;
  auto loaded = LoadTuners(options);
  if (!loaded) return loaded;
  ring_.reset(ring_buffer__new(maps_.fd(MAP_REQUESTS), OnRecord, this, nullptr));
  if (!ring_) return Error::FromErrno("opening the ring buffer");
  malloc_trim(0);  // parsing the kernel's BTF took megabytes that nothing needs again
  return Ok();
}

Status Daemon::Confine(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return Error::FromErrno("opening '" + path + "'");
    auto id = IdOf(fd.get(), kind_);
    if (!id) return id.error().Within("--netns '" + path + "'");
    const uint8_t in_scope = 1;
    if (bpf_map_update_elem(maps_.fd(MAP_SCOPE), &id->value, &in_scope, BPF_ANY) != 0) {
      return Error::FromErrno("--netns '" + path + "': at most " +
                              std::to_string(SCOPE_MAX_ENTRIES) + " namespaces can be given");
    }
    scope_.insert(id->value);
  }
  return Ok();
}

Status Daemon::LoadTuners(const Options& options) {
  auto cgroup = OpenCgroupRoot();
  auto loaded = TunerSet::Load(options.tuners, maps_,
                               {.cgroup_fd = cgroup ? cgroup->get() : -1,
                                .netns_by_inode = kind_ == NetnsIdKind::kInode,
                                .confined = !scope_.empty(),
                                .page_bytes = static_cast<uint32_t>(sysconf(_SC_PAGESIZE)),
                                .without = options.without_hook,
                                .log = log_});
  if (!loaded) return loaded.error();
  tuners_ = std::move(*loaded);
  const uint64_t now = NowNs();
  for (const Tuner& tuner : tuners_.tuners()) {
    sampler_.Add(tuner.id(), tuner.description());
    Clock& clock = clocks_.emplace_back();
    if (tuner.has(HOOK_PULSE) && &tuner != &tuners_.watcher()) clock.pulse.Wake(now);
    for (const HookState& state : tuner.hooks()) {
      clock.periodic_due_ns.push_back(
          state.hook.kind == HOOK_PERIODIC ? now + state.hook.period_ms * kNsPerMs : 0);
    }
  }
  state_.set_watcher(&tuners_.watcher());
  auto introduced = tuners_.watcher().RunPulse();  // tells the watcher who we are
  if (!introduced) return introduced.error();
  return Ok();
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
  if (record.tuner >= tuners_.tuners().size()) {
    ++unknown_records_;
    return;
  }
  const Description& tuner = tuners_.tuners()[record.tuner].description();
  switch (record.kind) {
    case REQUEST_SET:
      if (!InScope(record.netns)) return KeepOut(record);
      return applier_.Apply(tuner, record);
    case REQUEST_NOTE:
      return applier_.Note(tuner, record);
    case REQUEST_WAKE:
      return clocks_[record.tuner].pulse.Wake(NowNs());
    case REQUEST_OVERRIDE:
      return overrides_.Report(tuner, record);
    case REQUEST_VISIT:
      // The ring is being read; visits come after.
      visits_.push_back({record.tuner, NetnsId{record.netns}, record.netns_inode});
      return;
    default:
      ++unknown_records_;
  }
}

// Tuners look only where they should; one that does not is refused here.
bool Daemon::InScope(uint64_t netns) const { return scope_.empty() || scope_.contains(netns); }

void Daemon::KeepOut(const request& record) {
  const std::string& tuner = tuners_.tuners()[record.tuner].description().name;
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
  const Tuner& tuner = tuners_.tuners()[visit.tuner];
  if (!tuner.has(HOOK_VISIT)) return Ok();
  if (visit.netns == home_) return Visited(tuner);
  auto netns = finder_.Find(visit.netns, visit.inode);
  if (!netns) return netns.error();
  auto inside = ScopedNetns::Enter(netns->get());
  if (!inside) return inside.error();
  return Visited(tuner);
}

// What is older than the daemon, in every namespace it may look at.
Status Daemon::PlanFirstVisits(uint64_t now_ns) {
  for (const Tuner& tuner : tuners_.tuners()) {
    const bool wanted = std::ranges::any_of(tuner.hooks(), [](const HookState& state) {
      return state.hook.at_start && !state.program.empty();
    });
    if (!wanted) continue;
    auto namespaces = names_.List();
    if (!namespaces) return namespaces.error();
    for (const NetnsEntry& entry : namespaces->entries) {
      if (InScope(entry.id.value)) first_visits_.push_back({tuner.id(), entry.id, entry.inode});
    }
  }
  first_visit_due_ns_ = now_ns;
  return Ok();
}

void Daemon::RunFirstVisit(uint64_t now_ns) {
  visits_.push_back(first_visits_.back());
  first_visits_.pop_back();
  Drain();
  first_visit_due_ns_ = now_ns + kFirstVisitPauseNs;
}

void Daemon::RunPulse(size_t index, uint64_t now_ns) {
  const Tuner& tuner = tuners_.tuners()[index];
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
    const Tuner& tuner = tuners_.tuners()[i];
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
  if (!first_visits_.empty() && first_visit_due_ns_ <= now_ns) RunFirstVisit(now_ns);
  if (overrides_.due_ns().value_or(kNever) <= now_ns) overrides_.Check();
}

uint64_t Daemon::NextDue() const {
  uint64_t due = overrides_.due_ns().value_or(kNever);
  if (!first_visits_.empty()) due = std::min(due, first_visit_due_ns_);
  for (const Clock& clock : clocks_) {
    due = std::min(due, clock.pulse.due_ns().value_or(kNever));
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
  auto planned = PlanFirstVisits(NowNs());
  if (!planned)
    log_->Debug("what is older than the daemon is not seen: " + planned.error().message());
  for (;;) {
    Arm(timer.get(), NextDue());
    epoll_event events[4];
    const int ready = epoll_wait(epoll.get(), events, 4, -1);
    if (ready < 0 && errno != EINTR) return Error::FromErrno("waiting for events");
    for (int i = 0; i < ready; ++i) {
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
  for (const Tuner& tuner : tuners_.tuners()) {
    const std::vector<uint64_t> counts = tuner.Counts();
    for (size_t row = 0; row < counts.size(); ++row) {
      if (counts[row] == 0) continue;
      out.push_back("Summary: tuner '" + tuner.description().name +
                    "': " + std::to_string(counts[row]) + " " + tuner.description().counters[row]);
    }
  }
  if (unknown_records_ != 0) {
    out.push_back("Summary: " + std::to_string(unknown_records_) + " unknown records in the ring");
  }
  return out;
}

}  // namespace bpftune
