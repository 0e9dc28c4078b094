// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kept/pins.h"

#include <bpf/bpf.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "controller/kept/instance.h"

namespace bpftune {
namespace {

constexpr MapForm kLayoutForm = {BPF_MAP_TYPE_HASH, sizeof(layout_key), sizeof(layout_entry),
                                 LAYOUT_MAX_ENTRIES, BPF_F_NO_PREALLOC};
constexpr char kVersion[] = "version";

std::string MapName(const std::string& name) { return "map " + name; }
std::string TunerName(const std::string& name) { return kTunerPrefix + name; }

layout_key KeyOf(const std::string& name) {
  layout_key key = {};
  name.copy(key.name, sizeof(key.name) - 1);
  return key;
}

Status CheckFileSystem(const std::string& directory) {
  std::filesystem::path path = directory;
  struct statfs found = {};
  while (statfs(path.c_str(), &found) != 0) {
    if (errno != ENOENT || path == path.parent_path()) {
      return Error::FromErrno("looking at '" + path.string() + "'");
    }
    path = path.parent_path();
  }
  if (found.f_type == BPF_FS_MAGIC) return Ok();
  return Error("'" + directory + "' is on no BPF file system (mount -t bpf bpf /sys/fs/bpf)");
}

// Where others may write they could put maps of their own.
Status CheckPrivate(const std::string& directory) {
  struct stat found = {};
  if (lstat(directory.c_str(), &found) != 0)
    return Error::FromErrno("looking at '" + directory + "'");
  if (S_ISDIR(found.st_mode) && found.st_uid == geteuid() && (found.st_mode & 022) == 0)
    return Ok();
  return Error("'" + directory + "' is not a folder that only its owner, this user, may write");
}

bool IsOfTuner(const std::string& name) { return name.starts_with(TunerName("")); }

}  // namespace

std::string WhyUnusable(const LayoutEntries& entries) {
  const auto version = entries.find(kVersion);
  if (version == entries.end() || version->second.fingerprint != STATE_ABI_VERSION)
    return "it has another layout";
  std::set<uint32_t> numbers;
  for (const auto& [name, entry] : entries) {
    if (!IsOfTuner(name)) continue;
    if (entry.number >= TUNERS_MAX || !numbers.insert(entry.number).second)
      return "it is damaged: no tuner can have the number of '" + name + "'";
  }
  return "";
}

LayoutEntries ReadLayout(int layout) {
  LayoutEntries entries;
  layout_key key = {};
  for (const layout_key* last = nullptr; bpf_map_get_next_key(layout, last, &key) == 0;
       last = &key) {
    layout_entry entry = {};
    if (bpf_map_lookup_elem(layout, &key, &entry) != 0) continue;
    entries[std::string(key.name, strnlen(key.name, sizeof(key.name)))] = entry;
  }
  return entries;
}

std::string PinOf(const std::string& tuner, const std::string& map) { return tuner + "-" + map; }

Result<Pins> Pins::Open(const std::string& directory) {
  if (auto suited = CheckFileSystem(directory); !suited) return suited.error();
  if (auto made = MakeDirectories(directory); !made) return made.error();
  const std::string parent = std::filesystem::path(directory).parent_path();
  for (const std::string& folder : {parent, directory}) {
    if (auto is_private = CheckPrivate(folder); !is_private) return is_private.error();
  }
  Pins pins;
  pins.directory_ = directory;
  const std::string why = pins.Read();
  if (!pins.layout_) {
    if (auto fresh = pins.StartAfresh(); !fresh) return fresh.error();
  }
  if (!why.empty()) {
    pins.news_.push_back("what an earlier bpftune has learned is forgotten: " + why);
  }
  return pins;
}

// Why what is there cannot be used; empty if it can, or nothing is there.
std::string Pins::Read() {
  std::error_code ignored;
  if (std::filesystem::is_empty(directory_, ignored)) return "";
  UniqueFd map(bpf_obj_get(PathOf(MAP_LAYOUT).c_str()));
  const auto form = map ? FormOf(map.get()) : Result<MapForm>(Error("none"));
  if (!form || *form != kLayoutForm) return "'" + directory_ + "' does not say what is in it";
  LayoutEntries entries = ReadLayout(map.get());
  if (auto why = WhyUnusable(entries); !why.empty()) return why;
  layout_ = std::move(map);
  entries_ = std::move(entries);
  return "";
}

Status Pins::StartAfresh() {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, ignored)) {
    (void)unlink(entry.path().c_str());  // what stays will be in the way, and be said then
  }
  entries_.clear();
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = kLayoutForm.flags);
  layout_.reset(bpf_map_create(kLayoutForm.type, MAP_LAYOUT, kLayoutForm.key_size,
                               kLayoutForm.value_size, kLayoutForm.max_entries, &options));
  if (!layout_) return Error::FromErrno("creating map '" MAP_LAYOUT "'");
  if (!Note(kVersion, {.fingerprint = STATE_ABI_VERSION, .number = 0, .reserved = 0}) ||
      bpf_obj_pin(layout_.get(), PathOf(MAP_LAYOUT).c_str()) != 0) {
    return Error::FromErrno("pinning '" + PathOf(MAP_LAYOUT) + "'");
  }
  return Ok();
}

bool Pins::Note(const std::string& name, const layout_entry& entry) {
  if (layout_) {
    const layout_key key = KeyOf(name);
    if (name.size() >= sizeof(key.name) ||
        bpf_map_update_elem(layout_.get(), &key, &entry, BPF_ANY) != 0) {
      return false;
    }
  }
  entries_[name] = entry;
  return true;
}

// Numbers that cannot be noted must not be found by the next daemon.
void Pins::GiveUp(const Error& why) {
  news_.push_back("what is learned will be forgotten when bpftune ends: " + why.message());
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, ignored)) {
    (void)unlink(entry.path().c_str());
  }
  directory_.clear();
  layout_.reset();
}

UniqueFd Pins::Take(const std::string& name, const MapForm& form, uint64_t layout) {
  if (directory_.empty()) return {};
  UniqueFd map(bpf_obj_get(PathOf(name).c_str()));
  if (!map && errno == ENOENT) return {};
  const auto noted = entries_.find(MapName(name));
  if (map && noted != entries_.end() && noted->second.fingerprint == layout) {
    const auto found = FormOf(map.get());
    if (found && *found == form) return map;
  }
  (void)unlink(PathOf(name).c_str());  // what stays will be in the way, and be said then
  news_.push_back("what an earlier bpftune has kept in '" + name +
                  "' is forgotten: it has another layout");
  return {};
}

void Pins::Keep(const std::string& name, int map, uint64_t layout) {
  if (directory_.empty()) return;
  // Noted first: a map without a note is not used.
  if (!Note(MapName(name), {.fingerprint = layout, .number = 0, .reserved = 0})) {
    return GiveUp(Error::FromErrno("noting the layout of '" + name + "'"));
  }
  if (bpf_obj_pin(map, PathOf(name).c_str()) == 0) return;
  news_.push_back(Error::FromErrno("what is kept in '" + name +
                                   "' will be forgotten when bpftune ends: pinning '" +
                                   PathOf(name) + "'")
                      .message());
}

void Pins::Show(const std::string& name, int map) {
  if (directory_.empty() || map < 0) return;
  (void)unlink(PathOf(name).c_str());  // there may be none
  (void)bpf_obj_pin(map, PathOf(name).c_str());
}

Result<uint16_t> Pins::NumberOf(const std::string& tuner, uint64_t rows) {
  const auto known = entries_.find(TunerName(tuner));
  if (known != entries_.end()) {
    const auto number = static_cast<uint16_t>(known->second.number);
    if (known->second.fingerprint == rows) return number;
    retired_.insert(number);
    entries_.erase(known);
    news_.push_back("what tuner '" + tuner +
                    "' has done before is forgotten: its tunables have changed");
  }
  for (uint16_t number = 0; number < TUNERS_MAX; ++number) {
    if (IsNumber(number) || retired_.contains(number)) continue;
    if (!Note(TunerName(tuner), {.fingerprint = rows, .number = number, .reserved = 0})) {
      GiveUp(Error::FromErrno("noting the number of tuner '" + tuner + "'"));
      entries_[TunerName(tuner)] = {.fingerprint = rows, .number = number, .reserved = 0};
    }
    return number;
  }
  return Error("there have been " + std::to_string(TUNERS_MAX) +
               " tuners already, and no number is left for another" +
               (directory_.empty() ? "" : "; stop bpftune and remove '" + directory_ + "'"));
}

bool Pins::IsNumber(uint16_t number) const {
  return std::ranges::any_of(entries_, [&](const auto& entry) {
    return IsOfTuner(entry.first) && entry.second.number == number;
  });
}

std::vector<std::string> Pins::TakeNews() { return std::exchange(news_, {}); }

}  // namespace bpftune
