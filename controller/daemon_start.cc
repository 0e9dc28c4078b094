// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// How a daemon begins, with what one before it has left.

#include <bpf/bpf.h>
#include <malloc.h>
#include <unistd.h>

#include <utility>

#include "controller/cgroup.h"
#include "controller/daemon.h"
#include "controller/event_sources.h"
#include "controller/history.h"
#include "controller/inherited.h"
#include "controller/kept/instance.h"
#include "controller/support.h"

namespace bpftune {
namespace {

constexpr int kParsedBtfBytes = 16 << 20;  // more than that takes: 12 MiB on Linux 6.18

// Who only asks or watches may do so beside a daemon, and leaves nothing behind.
bool LeavesNoTrace(const Options& options) { return options.support || options.dry_run; }

Result<UniqueFd> OpenLock(const Options& options, const std::string& directory) {
  if (LeavesNoTrace(options)) return UniqueFd();
  return LockInstance(directory);
}

Pins OpenPins(const Options& options, const std::string& instance, LogSink* log) {
  if (LeavesNoTrace(options) || options.pin_dir.empty()) return {};
  auto pins = Pins::Open(options.pin_dir + "/" + instance);
  if (pins) return std::move(*pins);
  log->Warning("what is learned will be forgotten when bpftune ends: " + pins.error().message() +
               "; continuing without");
  return {};
}

// None where nothing is written.
Result<std::unique_ptr<UndoJournal>> OpenJournal(const Options& options,
                                                 const std::string& directory, LogSink* log) {
  if (LeavesNoTrace(options)) return std::unique_ptr<UndoJournal>();
  auto journal = UndoJournal::Open(directory, UndoJournal::Missing::kCreate);
  if (!journal) return journal.error();
  if (journal->ids() != ProbeNetnsIdKind()) {
    return Error("'" + journal->path() +
                 "' names namespaces in another way than is possible now; go back by it first, "
                 "with bpftune --undo");
  }
  if (journal->was_damaged()) {
    log->Warning("'" + journal->path() + "' is damaged, continuing with what could be read of it");
  }
  return std::make_unique<UndoJournal>(std::move(*journal));
}

std::unique_ptr<LogSink> OpenHistory(const Options& options, const std::string& directory,
                                     LogSink* log) {
  if (LeavesNoTrace(options)) return nullptr;
  auto history = History::Open(directory);
  if (history) return std::make_unique<HistoryLog>(log, std::move(*history));
  log->Warning("what is decided will not be remembered for bpftunectl history: " +
               history.error().message() + "; continuing without");
  return nullptr;
}

Starts CountStart(const Options& options, const std::string& directory, LogSink* log) {
  if (LeavesNoTrace(options)) return {};
  Starts starts = Starts::Count(directory);
  if (!starts.complaint().empty()) log->Warning(starts.complaint());
  if (!starts.IsCrashLoop()) return starts;
  const std::string time = std::to_string(kSettledSeconds) + " s";
  log->Warning(std::to_string(kQuickDeaths) + " daemons have died within " + time +
               " of their start and none has lived longer since, so this one only observes: all is "
               "decided and said, nothing written. The next one acts again when this one has lived "
               "for " +
               time + ", or when '" + starts.path() + "' is removed");
  return starts;
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::Start(const Options& options, LogSink* log) {
  // First of all: a signal that comes while tuners are being loaded waits for Run().
  auto signals = SignalFd();
  if (!signals) return signals.error();
  auto home = IdOfCurrent();
  if (!home) return home.error();
  auto scope = ScopeOf(options.netns);
  if (!scope) return scope.error();
  const std::string instance = InstanceName(*scope);
  const std::string directory = options.run_dir + "/" + instance;
  auto lock = OpenLock(options, directory);
  if (!lock) return lock.error();
  auto journal = OpenJournal(options, directory, log);
  if (!journal) return journal.error();
  Starts starts = CountStart(options, directory, log);
  Pins pins = OpenPins(options, instance, log);
  auto maps = SharedMaps::Create(&pins);
  if (!maps) return maps.error();
  std::unique_ptr<Daemon> daemon(
      new Daemon(options, log, *home,
                 {OpenHistory(options, directory, log), std::move(*signals), std::move(*lock),
                  std::move(*scope), std::move(*journal), std::move(starts), std::move(pins),
                  std::move(*maps)}));
  if (auto ready = daemon->Prepare(options); !ready) return ready.error();
  auto told =
      LeavesNoTrace(options) ? Ok() : WriteSupport(directory, daemon->tuners_, daemon->kind_);
  if (!told) log->Debug(told.error().message());
  return daemon;
}

Status Daemon::Prepare(const Options& options) {
  // libbpf parses the kernel's BTF anew for each object: megabytes, which the next one can have
  // without asking the kernel for them again, page by page. A tenth of the time of a start.
  mallopt(M_TRIM_THRESHOLD, kParsedBtfBytes);
  mallopt(M_MMAP_THRESHOLD, kParsedBtfBytes);
  if (auto confined = TellScope(); !confined) return confined;
  if (auto loaded = LoadTuners(options); !loaded) return loaded;
  auto further = FurtherObjects::Watch(options.objects);
  if (!further) return further.error();
  further_ = std::move(*further);
  enabled_ = options.enable;
  LookForObjects();
  if (auto known = tuners_.CheckPrograms(options.without_hook); !known) return known;
  Inherit();
  ring_.reset(ring_buffer__new(maps_.fd(MAP_REQUESTS), OnRecord, this, nullptr));
  if (!ring_) return Error::FromErrno("opening the ring buffer");
  malloc_trim(0);  // nothing needs those megabytes again
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
  LetObjectsAct();
  facts_.modules = UseOfModules();
  auto loaded = TunerSet::Load(options.tuners, maps_, &pins_, facts_);
  if (!loaded) return loaded.error();
  facts_.modules = ModuleUse::kLookOnly;  // further objects observe at first
  tuners_ = std::move(*loaded);
  KeepPauses();
  for (const auto& tuner : tuners_.tuners()) StartClock(tuner.get());
  state_.set_watcher(&tuners_.watcher());
  auto introduced = tuners_.watcher().RunPulse();  // tells the watcher who we are
  if (!introduced) return introduced.error();
  return Ok();
}

// A tuner that somebody has paused stays so; of one that is not known any more nothing stays.
void Daemon::KeepPauses() {
  for (uint32_t number = 0; number < TUNERS_MAX; ++number) {
    tuner_control control = state_.Control(static_cast<uint16_t>(number));
    control = {.paused = pins_.IsNumber(static_cast<uint16_t>(number)) ? control.paused : 0,
               .observe = 0};
    (void)bpf_map_update_elem(maps_.fd(MAP_CONTROL), &number, &control, BPF_ANY);  // cannot fail
  }
  for (const auto& tuner : tuners_.tuners()) {
    if (state_.Control(tuner->id()).paused == 0) continue;
    log_->Notice("tuner '" + tuner->description().name +
                 "' is paused, as it was; bpftunectl resume ends that");
  }
}

// Or not: what objects do by themselves is held back by dry run and freeze too. False: as before.
bool Daemon::LetObjectsAct() {
  const bool is_frozen = freeze_ && freeze_->Check();
  if (objects_frozen_ == is_frozen) return false;
  objects_frozen_ = is_frozen;
  const tuner_control control = {.paused = is_frozen, .observe = mode_ == Mode::kObserve};
  const uint32_t key = CONTROL_OF_ALL;
  (void)bpf_map_update_elem(maps_.fd(MAP_CONTROL), &key, &control, BPF_ANY);  // cannot fail
  return true;
}

ModuleUse Daemon::UseOfModules() const {
  return Acts() && !objects_frozen_.value_or(true) ? ModuleUse::kLoad : ModuleUse::kLookOnly;
}

// For the last of the tuners.
void Daemon::StartClock(Tuner* tuner) {
  const uint64_t now = NowNs();
  sampler_.Add(tuner->id(), tuner->description(),
               [tuner](const std::string& map) { return tuner->MapFd(map); });
  for (const Tunable& tunable : tuner->description().tunables) {
    if (Acts() && !tunable.on_sockets) files_.Allow(tunable.name);
  }
  Clock& clock = clocks_.emplace_back();
  clock.strategy.Start(tuner, &maps_, log_, now);
  if (tuner->has(HOOK_PULSE) && tuner != &tuners_.watcher()) clock.pulse.Wake(now);
  for (const HookState& state : tuner->hooks()) {
    clock.periodic_due_ns.push_back(
        state.hook.kind == HOOK_PERIODIC ? DueAfter(now, state.hook.period_ms) : 0);
  }
}

// Takes up where the daemon before us, of this boot, has left: in namespaces that are still there.
// The journal comes first: it knows of a write that the daemon before us did not live to publish.
void Daemon::Inherit() {
  for (const std::string& line : pins_.TakeNews()) log_->Notice(line);
  const auto stays = [this](const state_key& key) { return pins_.IsNumber(key.tuner); };
  for (const char* map : {MAP_OWNERS, MAP_PUBLISHED}) DropEntries(maps_.fd(map), stays);
  Reaped(reaper_.Run());
  Resume();
  const std::vector<state_key> published = StateKeys(maps_.fd(MAP_PUBLISHED));
  for (const auto& tuner : tuners_.tuners()) {
    YieldWhatChanged(tuner->description(), tuner->id(), published, MakeEdges(), &applier_);
  }
}

}  // namespace bpftune
