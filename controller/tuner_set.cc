// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/tuner_set.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "bpf/common/state_abi.h"
#include "controller/kept/layout.h"

namespace bpftune {
namespace {

// Regular files *.bpf.o, by name.
Result<std::vector<std::string>> ObjectsIn(const std::string& directory) {
  std::error_code err;
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(directory, err)) {
    if (IsObjectName(entry.path().filename()) && entry.is_regular_file(err)) {
      out.push_back(entry.path().string());
    }
  }
  if (err) return Error(err.value(), "reading directory '" + directory + "'");
  if (out.empty()) {
    return Error("there is no tuner (*.bpf.o) in '" + directory +
                 "'; name their directory with --tuners");
  }
  std::sort(out.begin(), out.end());
  return out;
}

watched_key WatchedKey(const std::string& file) {
  watched_key key = {};
  if (IsOfEachDevice(file)) {
    const std::string text = SysctlPath(file);
    watched_path path = {};
    for (size_t i = 0; i < text.size(); ++i) {
      watched_path_add(&path, text[i], static_cast<uint32_t>(i));
    }
    watched_path_key(&path, &key);
    return key;
  }
  SysctlPath(file).copy(key.name, sizeof(key.name) - 1);
  return key;
}

void Unwatch(uint16_t tuner, const Description& description, const SharedMaps& maps) {
  for (const Tunable& tunable : description.tunables) {
    for (const std::string& file : FilesOf(tunable.name)) {
      const watched_key key = WatchedKey(file);
      watched told = {};
      if (bpf_map_lookup_elem(maps.fd(MAP_WATCHED), &key, &told) != 0 || told.tuner != tuner)
        continue;
      (void)bpf_map_delete_elem(maps.fd(MAP_WATCHED), &key);
    }
  }
}

// Tells the sysctl watcher which names concern this tuner; all or none.
Status Watch(const Tuner& tuner, const SharedMaps& maps) {
  const Description& description = tuner.description();
  for (size_t row = 0; row < description.tunables.size(); ++row) {
    const Tunable& tunable = description.tunables[row];
    if (tunable.on_sockets) continue;
    const auto files = FilesOf(tunable.name);
    for (size_t part = 0; part < files.size(); ++part) {
      const watched_key key = WatchedKey(files[part]);
      const watched value = {.tuner = tuner.id(),
                             .row = static_cast<uint16_t>(row),
                             .set_row = tunable.set_row,
                             .values = static_cast<uint16_t>(tunable.values),
                             .flags = tunable.per_netns ? TUNABLE_PER_NETNS : 0U,
                             .parts = static_cast<uint16_t>(files.size()),
                             .part = static_cast<uint16_t>(part)};
      const int err = bpf_map_update_elem(maps.fd(MAP_WATCHED), &key, &value, BPF_NOEXIST);
      if (err == 0) continue;
      Unwatch(tuner.id(), description, maps);
      return Error(-err, "telling the sysctl watcher about tuner '" + description.name + "'");
    }
  }
  return Ok();
}

bool CarriesOutOrders(const std::unique_ptr<Tuner>& tuner) { return tuner->Walks(MAP_ORDERS); }

}  // namespace

Result<TunerSet> TunerSet::Load(const std::string& directory, const SharedMaps& maps, Pins* pins,
                                const TunerFacts& facts) {
  auto paths = ObjectsIn(directory);
  if (!paths) return paths.error();
  TunerSet set;
  for (const std::string& path : *paths) {
    const auto file = ReadObject(path);
    const auto added = file ? set.Add(*file, maps, pins, facts) : file.error();
    if (!added) set.lost_.push_back({path, added.error().message()});
  }
  const auto watcher = std::find_if(set.tuners_.begin(), set.tuners_.end(), CarriesOutOrders);
  if (watcher == set.tuners_.end()) {
    return Error("no tuner here watches for the administrator's writes" +
                 (set.lost_.empty() ? std::string() : ": " + set.lost_.front().why) +
                 "; bpftune changes nothing that it could not yield");
  }
  set.watcher_ = static_cast<size_t>(watcher - set.tuners_.begin());
  return set;
}

Status TunerSet::CheckPrograms(const std::set<std::string>& named) const {
  const auto unknown = std::ranges::find_if(
      named, [&](const std::string& name) { return !programs_.contains(name); });
  if (unknown == named.end()) return Ok();
  std::string known;
  for (const std::string& program : programs_) {
    known.append(known.empty() ? "" : ", ").append(program);
  }
  return Error("--without-hook '" + *unknown + "': there is no such program; there are " + known);
}

std::optional<size_t> TunerSet::IndexOf(uint16_t id) const {
  for (size_t index = 0; index < tuners_.size(); ++index) {
    if (tuners_[index]->id() == id) return index;
  }
  return std::nullopt;
}

Status TunerSet::Walk(const std::string& map) const {
  const auto walker = std::find_if(tuners_.begin(), tuners_.end(),
                                   [&](const auto& tuner) { return tuner->Walks(map); });
  if (walker == tuners_.end()) return Error("no tuner here walks '" + map + "'");
  if (auto ran = (*walker)->RunPulse(); !ran) return ran.error();
  return Ok();
}

void TunerSet::Remove(size_t index, const SharedMaps& maps) {
  const uint32_t id = tuners_[index]->id();
  Unwatch(tuners_[index]->id(), tuners_[index]->description(), maps);
  tuners_.erase(tuners_.begin() + static_cast<std::ptrdiff_t>(index));
  DropEntries(maps.fd(MAP_PENDING), [&](const state_key& key) { return key.tuner != id; });
  const beat silent = {};
  (void)bpf_map_update_elem(maps.fd(MAP_BEATS), &id, &silent, BPF_ANY);  // an array: cannot fail
  for (uint32_t row = 0; row < TUNER_MAX_STRATEGIES; ++row) {
    const uint32_t key = id * TUNER_MAX_STRATEGIES + row;
    const score unknown = {};
    (void)bpf_map_update_elem(maps.fd(MAP_SCORES), &key, &unknown, BPF_ANY);  // likewise
  }
}

Result<Tuner*> TunerSet::Add(const ObjectFile& file, const SharedMaps& maps, Pins* pins,
                             const TunerFacts& facts) {
  auto description = Tuner::Describe(file);
  if (!description) return description.error();
  for (const Hook& hook : description->hooks) {
    programs_.insert(hook.programs.begin(), hook.programs.end());
  }
  if (auto alone = CheckAlone(*description); !alone) return alone.error();
  const auto number = pins->NumberOf(description->name, RowsOf(*description));
  if (!number) return number.error();
  auto tuner = Tuner::Load(file, std::move(*description), *number, maps, pins, facts);
  if (!tuner) return tuner.error();
  if (!tuner->stands_down().empty()) {
    stood_down_[tuner->description().name] = tuner->stands_down();
    return nullptr;
  }
  if (auto watched = Watch(*tuner, maps); !watched) return watched.error();
  tuners_.push_back(std::make_unique<Tuner>(std::move(*tuner)));
  return tuners_.back().get();
}

// A tunable has one tuner: two would undo each other's work. And a name has one: what is kept of
// a tuner is kept under its name.
Status TunerSet::CheckAlone(const Description& description) const {
  for (const auto& other : tuners_) {
    const std::string& name = other->description().name;
    for (const Tunable& taken : other->description().tunables) {
      for (const Tunable& tunable : description.tunables) {
        if (tunable.name != taken.name) continue;
        return Error("tunable '" + taken.name + "' belongs to tuner '" + name + "' already");
      }
    }
    if (name == description.name) return Error("there is a tuner '" + name + "' already");
  }
  return Ok();
}

}  // namespace bpftune
