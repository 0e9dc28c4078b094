// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Tuners that come and go while the daemon runs (further_objects.h).

#include <bpf/bpf.h>
#include <malloc.h>

#include "controller/daemon.h"
#include "controller/support.h"

namespace bpftune {

void Daemon::LookForObjects() {
  const bool running = ring_ != nullptr;  // else Start() goes on with all tuners
  if (running) Drain();                   // what is under way still belongs to who is here
  bool loaded = false;
  for (const FurtherObjects::Change& change : further_.Look()) {
    if (!change.is_there) {
      Unload(change.path);
      continue;
    }
    const Status added = change.file ? Load(*change.file) : Status(change.file.error());
    if (!added) {
      log_->Warning("not loaded: " + change.path + ": " + added.error().message() +
                    ", continuing without it");
    }
    loaded |= added.has_value();
  }
  if (running && loaded) Inherit();
  malloc_trim(0);
}

Status Daemon::Load(const ObjectFile& file) {
  auto added = tuners_.Add(file, maps_, &pins_, facts_);
  if (!added) return added.error();
  if (!*added) {
    log_->Notice("the tuner in '" + file.path + "' stands down, bpftune -S says why");
    return Ok();
  }
  Tuner* tuner = *added;
  const std::string& name = tuner->description().name;
  further_ids_[file.path] = tuner->id();
  const bool observes = !enabled_.contains(name);
  const uint32_t key = tuner->id();
  const tuner_control control = {.paused = state_.Control(tuner->id()).paused, .observe = observes};
  (void)bpf_map_update_elem(maps_.fd(MAP_CONTROL), &key, &control, BPF_ANY);  // cannot fail
  if (!observes) tuner->LookForModules(UseOfModules());
  StartClock(tuner);
  log_->Notice(
      "tuner '" + name + "' is loaded from '" + file.path + "'" +
      (observes ? "; it only observes until bpftune is started with --enable " + name : ""));
  if (!ring_) return Ok();
  for (const std::string& lost : Losses(*tuner)) log_->Warning(lost + ", continuing without it");
  return Ok();
}

void Daemon::Unload(const std::string& path) {
  const auto known = further_ids_.find(path);
  if (known == further_ids_.end()) return;  // was refused
  const uint16_t id = known->second;
  further_ids_.erase(known);
  const auto found = tuners_.IndexOf(id);
  if (!found) return;
  const size_t index = *found;
  const Description& description = tuners_.tuners()[index]->description();
  log_->Notice("tuner '" + description.name + "' is unloaded: '" + path +
               "' is gone or has changed");
  overrides_.Forget(description);
  sampler_.Remove(id);
  clocks_.erase(clocks_.begin() + static_cast<std::ptrdiff_t>(index));
  tuners_.Remove(index, maps_);
}

}  // namespace bpftune
