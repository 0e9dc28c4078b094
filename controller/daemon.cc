// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/daemon.h"

#include <bpf/bpf.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "controller/event_sources.h"
#include "controller/kept/instance.h"
#include "controller/place.h"
#include "netns/scoped_netns.h"

namespace bpftune {
namespace {

// Between two visits at start: one may take milliseconds, and there may be thousands.
constexpr uint64_t kFirstVisitPauseNs = 20 * kNsPerMs;

// In the namespace of the calling thread.
Status VisitHere(const Tuner& tuner, Sampler* sampler) {
  sampler->RefreshForVisit(tuner.id());
  if (auto ran = tuner.RunVisit(); !ran) return ran.error();
  return Ok();
}

}  // namespace

Daemon::Daemon(const Options& options, LogSink* log, NetnsId home, Holdings holdings)
    : own_log_(std::move(holdings.log)),
      log_(own_log_ ? own_log_.get() : log),
      lock_(std::move(holdings.lock)),
      signals_(std::move(holdings.signals)),
      mode_(options.dry_run || holdings.starts.IsCrashLoop() ? Mode::kObserve : Mode::kAuto),
      journal_(std::move(holdings.journal)),
      pins_(std::move(holdings.pins)),
      maps_(std::move(holdings.maps)),
      kind_(ProbeNetnsIdKind()),
      finder_(kind_),
      names_(&finder_),
      home_(home),
      scope_(std::move(holdings.scope)),
      files_(&finder_, home_),
      state_(maps_),
      sampler_(maps_.fd(MAP_SAMPLES)),
      applier_(MakeEdges(), ChangeLimits(options.changes_per_minute)),
      overrides_(MakeEdges()),
      reaper_({.alive = maps_.fd(MAP_ALIVE),
               .namespaces = maps_.fd(MAP_NAMESPACES),
               .state_maps = [this] { return StateMaps(); },
               .walk = [this] { return tuners_.Walk(MAP_ALIVE); }}),
      service_(ServiceManager::FromEnvironment()),
      starts_(std::move(holdings.starts)) {
  if (!journal_) return;
  freeze_ = std::make_unique<Freeze>(options.run_dir + "/" + InstanceName(scope_), log_);
  journal_->set_is_gone([this](const SysctlPlace& place, uint64_t inode) {
    auto value = files_.Read(place, inode);
    return !value && place.netns != kNoNetns && IsGone(value.error());
  });
}

Applier::Edges Daemon::MakeEdges() {
  return {
      .actuator = &files_,
      .state = &state_,
      .log = log_,
      .summary = &summary_,
      .name_of = [this](NetnsId id) { return names_.DisplayName(id); },
      .now_ns = NowNs,
      .journal = journal_.get(),
      .is_frozen = [this] { return freeze_ && freeze_->Check(); },
      .home = home_,
      .mode = mode_,
  };
}

std::vector<int> Daemon::StateMaps() const {
  std::vector<int> out = maps_.StateMaps();
  for (const auto& tuner : tuners_.tuners()) {
    const std::vector<int> own = tuner->StateMaps();
    out.insert(out.end(), own.begin(), own.end());
  }
  return out;
}

void Daemon::Reap(uint64_t now_ns) { Reaped(reaper_.RunIfDue(now_ns)); }

void Daemon::Reaped(const Result<size_t>& forgotten) {
  if (!forgotten) return log_->Debug("forgetting namespaces: " + forgotten.error().message());
  if (*forgotten == 0) return;
  log_->Debug("forgot " + std::to_string(*forgotten) + " entries of namespaces that are gone");
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
      if (!InScope(record.netns)) return KeepOut(tuner, record);
      reaper_.Noticed();
      return applier_.Apply(tuner, record);
    case REQUEST_NOTE:
      return applier_.Note(tuner, record);
    case REQUEST_WAKE:
      return clocks_[*index].pulse.Wake(NowNs());
    case REQUEST_OVERRIDE:
      reaper_.Noticed();
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

void Daemon::KeepOut(const Description& tuner, const request& record) {
  const NetnsId netns{record.netns};
  state_.ClearPending(KeyOf(tuner, record, record.tunable));
  if (!summary_.Refused({netns, tuner.name}, "outside the namespaces given with --netns")) return;
  log_->Warning("tuner '" + tuner.name + "' asked for a change in " + names_.DisplayName(netns) +
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
  const auto index = tuners_.IndexOf(visit.tuner);
  if (!index) return Ok();  // it has been unloaded
  const Tuner& tuner = *tuners_.tuners()[*index];
  if (!tuner.has(HOOK_VISIT)) return Ok();
  if (visit.netns == home_) return VisitHere(tuner, &sampler_);
  auto netns = finder_.Find(visit.netns, visit.inode);
  if (!netns) return netns.error();
  auto inside = ScopedNetns::Enter(netns->get());
  if (!inside) return inside.error();
  return VisitHere(tuner, &sampler_);
}

// What is older than the daemon, in every namespace it may look at.
Status Daemon::PlanFirstVisits(uint64_t now_ns) {
  first_visit_due_ns_ = now_ns;
  const auto namespaces = names_.List();
  if (!namespaces) return namespaces.error();
  for (const auto& tuner : tuners_.tuners()) {
    const bool wanted = std::ranges::any_of(tuner->hooks(), [](const HookState& state) {
      return state.hook.at_start && !state.program.empty();
    });
    for (const NetnsEntry& entry : namespaces->entries) {
      if (!wanted || !InScope(entry.id.value)) continue;
      first_visits_.push_back({tuner->id(), entry.id, entry.inode});
    }
  }
  return Ok();
}

void Daemon::RunFirstVisit(uint64_t now_ns) {
  visits_.push_back(first_visits_.back());
  first_visits_.pop_back();
  Drain();
  first_visit_due_ns_ = now_ns + kFirstVisitPauseNs;
}

void Daemon::RunPulse(size_t index, uint64_t now_ns) {
  const Tuner& tuner = *tuners_.tuners()[index];
  sampler_.Refresh(tuner.id(), now_ns, clocks_[index].samples);
  applier_.LookAgain(tuner.description(), tuner.id());
  const uint64_t begin = ThreadTimeNs();
  auto ran = tuner.RunPulse();
  Consume();  // at once: what was decided is not to wait for anything
  const uint64_t end = ThreadTimeNs();
  if (!ran) log_->Debug(ran.error().message());
  Drain();
  const uint32_t key = tuner.id();
  beat wanted = {};
  if (bpf_map_lookup_elem(maps_.fd(MAP_BEATS), &key, &wanted) != 0) wanted.period_ms = 1000;
  clocks_[index].samples = wanted.samples;
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
      due = DueAfter(now_ns, tuner.hooks()[hook].hook.period_ms);
      auto ran = tuner.RunPeriodic(hook);
      if (!ran) log_->Debug(ran.error().message());
      Drain();
    }
  }
  if (!first_visits_.empty() && first_visit_due_ns_ <= now_ns) RunFirstVisit(now_ns);
  if (overrides_.due_ns().value_or(kNever) <= now_ns) overrides_.Check();
  Reap(now_ns);
  if (settled_due_ns_ <= now_ns) starts_.Settle();
  service_.PingIfDue(now_ns);
}

uint64_t Daemon::NextDue() const {
  uint64_t due = std::min(overrides_.due_ns().value_or(kNever), service_.due_ns());
  if (!starts_.is_settled()) due = std::min(due, settled_due_ns_);
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
  for (const int fd : {signals_.get(), timer.get(), ring_buffer__epoll_fd(ring_.get()),
                       further_.fd(), freeze_ ? freeze_->fd() : -1}) {
    if (auto added = fd < 0 ? Ok() : AddTo(epoll.get(), fd); !added) return added;
  }
  auto planned = PlanFirstVisits(NowNs());
  if (!planned)
    log_->Debug("what is older than the daemon is not seen: " + planned.error().message());
  settled_due_ns_ = NowNs() + kSettledSeconds * kNsPerSecond;
  service_.Ready(StatusLine(), NowNs());
  for (;;) {
    Arm(timer.get(), NextDue());
    epoll_event events[4];
    const int ready = epoll_wait(epoll.get(), events, 4, -1);
    if (ready < 0 && errno != EINTR) return Error::FromErrno("waiting for events");
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.fd == further_.fd()) {
        LookForObjects();
        service_.Status(StatusLine());
      }
      if (events[i].data.fd == signals_.get() && TakeSignal()) return Ok();
    }
    uint64_t expirations;
    (void)!read(timer.get(), &expirations,
                sizeof(expirations));  // only to make it unreadable again
    if (LetObjectsAct()) service_.Status(StatusLine());
    Drain();
    RunDue(NowNs());
  }
}

}  // namespace bpftune
