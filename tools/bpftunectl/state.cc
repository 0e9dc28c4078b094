// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/state.h"

#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <set>
#include <span>
#include <sstream>

#include "controller/bpf_handles.h"
#include "controller/kept/boot_id.h"
#include "controller/kept/instance.h"
#include "controller/kept/pins.h"
#include "controller/kept/starts.h"
#include "tools/bpftunectl/pinned.h"

namespace bpftune::ctl {
namespace {

namespace fs = std::filesystem;

// A request is answered within a millisecond, or the daemon does not answer.
constexpr uint64_t kHangsAfterNs = 3'000'000'000;

std::set<std::string> InstancesIn(const std::string& directory) {
  std::set<std::string> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename();
    if (name == InstanceName({}) || name.starts_with("netns-")) out.insert(name);
  }
  return out;
}

Result<std::string> ChooseInstance(const CommandLine& line) {
  if (!line.netns.empty()) {
    auto scope = ScopeOf(line.netns);
    if (!scope) return scope.error();
    return InstanceName(*scope);
  }
  if (!line.instance.empty()) return line.instance;
  std::set<std::string> there = InstancesIn(line.run_dir);
  there.merge(InstancesIn(line.pin_dir));
  if (there.contains(InstanceName({})) || there.empty()) return InstanceName({});
  if (there.size() == 1) return *there.begin();
  std::string names;
  for (const std::string& name : there) names += " " + name;
  return Error(EINVAL, "there are several bpftunes; choose one with --instance:" + names);
}

uint64_t MonotonicNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// Nothing where it cannot be read.
template <typename Key, typename Value>
std::vector<std::pair<Key, Value>> Pinned(const State& state, const std::string& name) {
  auto map = OpenPinned(state.pins + "/" + name);
  if (!map) return {};
  return EntriesOf<Key, Value>(map->get());
}

template <typename Value>
Value Cell(const std::vector<std::pair<__u32, Value>>& array, size_t index) {
  return index < array.size() ? array[index].second : Value{};
}

// The bytes of its section, as they are in the kernel.
std::shared_ptr<const Description> PinnedDescription(const State& state, const std::string& tuner) {
  auto map = OpenPinned(state.pins + "/" + PinOf(tuner, kDescriptionMap));
  if (!map) return nullptr;
  const auto form = FormOf(map->get());
  if (!form || form->max_entries != 1 || form->key_size != sizeof(__u32)) return nullptr;
  std::vector<std::byte> bytes(form->value_size);
  const __u32 key = 0;
  if (bpf_map_lookup_elem(map->get(), &key, bytes.data()) != 0) return nullptr;
  auto description = ParseDescription(bytes);
  if (!description) return nullptr;
  return std::make_shared<const Description>(std::move(*description));
}

std::vector<uint64_t> PinnedCounts(const State& state, const TunerView& tuner) {
  auto map = OpenPinned(state.pins + "/" + PinOf(tuner.name, "counts"));
  const int cpus = libbpf_num_possible_cpus();
  if (!map || !tuner.description || cpus <= 0) return {};
  const auto form = FormOf(map->get());
  if (!form || form->type != BPF_MAP_TYPE_PERCPU_ARRAY || form->value_size != sizeof(uint64_t)) {
    return {};
  }
  std::vector<uint64_t> out(tuner.description->counters.size());
  std::vector<uint64_t> cells(static_cast<size_t>(cpus));
  for (uint32_t row = 0; row < out.size(); ++row) {
    if (bpf_map_lookup_elem(map->get(), &row, cells.data()) != 0) continue;
    for (const uint64_t cell : cells) out[row] += cell;
  }
  return out;
}

// One that has a number, and what is pinned of it; its scores are in the row of that number.
TunerView PinnedTuner(const State& state, const std::string& name, uint16_t number,
                      const std::vector<std::pair<__u32, score>>& scores) {
  TunerView tuner;
  tuner.name = name;
  tuner.number = number;
  tuner.description = PinnedDescription(state, name);
  tuner.counts = PinnedCounts(state, tuner);
  if (!tuner.description) return tuner;
  for (size_t row = 0; row < tuner.description->strategies.size(); ++row) {
    tuner.scores.push_back(Cell(scores, size_t{number} * TUNER_MAX_STRATEGIES + row));
  }
  return tuner;
}

void ReadTuners(int layout, State* state) {
  const auto controls = Pinned<__u32, tuner_control>(*state, MAP_CONTROL);
  const auto active = Pinned<__u32, active_strategy>(*state, MAP_ACTIVE);
  const auto scores = Pinned<__u32, score>(*state, MAP_SCORES);
  state->all = Cell(controls, CONTROL_OF_ALL);
  for (const auto& [entry, what] : ReadLayout(layout)) {
    if (!entry.starts_with(kTunerPrefix) || what.number >= TUNERS_MAX) continue;
    TunerView tuner = PinnedTuner(*state, entry.substr(std::string(kTunerPrefix).size()),
                                  static_cast<uint16_t>(what.number), scores);
    tuner.control = Cell(controls, what.number);
    tuner.active = Cell(active, what.number);
    state->tuners.push_back(std::move(tuner));
  }
}

// What is not pinned, from the directory of objects.
void AddDescriptions(const std::string& directory, State* state) {
  for (Description& description : DescriptionsIn(directory)) {
    const auto known = std::ranges::find(state->tuners, description.name, &TunerView::name);
    if (known == state->tuners.end()) {
      TunerView tuner;
      tuner.name = description.name;
      tuner.description = std::make_shared<const Description>(std::move(description));
      state->tuners.push_back(std::move(tuner));
    } else if (!known->description) {
      known->description = std::make_shared<const Description>(std::move(description));
    }
  }
  std::ranges::sort(state->tuners, {}, &TunerView::name);
}

void ReadMaps(State* state) {
  for (const auto& [key, value] : Pinned<state_key, published>(*state, MAP_PUBLISHED)) {
    state->published.push_back({key, value});
  }
  for (const auto& [key, value] : Pinned<state_key, owner>(*state, MAP_OWNERS)) {
    state->owners.push_back({key, value});
  }
  for (const auto& [key, value] : Pinned<state_key, netns_seen>(*state, MAP_NAMESPACES)) {
    state->namespaces.push_back({key.netns, value.first_ns});
  }
  for (const auto& [key, value] : Pinned<state_key, pending>(*state, MAP_PENDING)) {
    if (state->oldest_pending_ns == 0 || value.time_ns < state->oldest_pending_ns) {
      state->oldest_pending_ns = value.time_ns;
    }
  }
}

void ReadFiles(State* state) {
  state->frozen = access((state->folder + "/freeze").c_str(), F_OK) == 0;
  const auto boot = BootId();
  const ParsedJournal journal =
      ParseJournal(ReadText(state->folder + "/" + UndoJournal::kFileName));
  if (boot && journal.boot_id == *boot) state->standings = journal.standings;
  const std::string starts = ReadText(state->folder + "/" + Starts::kFileName);
  if (boot) state->deaths = QuickDeathsIn(starts, *boot).value_or(0);
  if (state->daemon.exists() && state->deaths != 0) --state->deaths;  // itself, so far
  std::istringstream support(ReadText(state->folder + "/support"));
  for (std::string text; std::getline(support, text);) state->support.push_back(text);
}

}  // namespace

const TunerView* State::TunerOf(uint16_t number) const {
  const auto found =
      std::ranges::find_if(tuners, [&](const TunerView& tuner) { return tuner.number == number; });
  return found == tuners.end() ? nullptr : &*found;
}

int64_t State::TimeOf(uint64_t monotonic_ns) const {
  if (monotonic_ns == 0) return 0;
  return now_s - static_cast<int64_t>((now_ns - std::min(now_ns, monotonic_ns)) / 1'000'000'000);
}

bool State::hangs() const {
  return daemon.exists() && oldest_pending_ns != 0 &&
         now_ns - std::min(now_ns, oldest_pending_ns) > kHangsAfterNs;
}

std::vector<Description> DescriptionsIn(const std::string& directory) {
  std::vector<Description> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (!IsObjectName(entry.path().filename())) continue;
    const auto object = OpenObject(entry.path().string());
    auto description =
        object ? ReadDescription(object->get()) : Result<Description>(object.error());
    if (description) out.push_back(std::move(*description));
  }
  return out;
}

Result<State> ReadState(const CommandLine& line) {
  auto instance = ChooseInstance(line);
  if (!instance) return instance.error();
  State state;
  state.instance = *instance;
  state.folder = line.run_dir + "/" + *instance;
  state.pins = line.pin_dir + "/" + *instance;
  state.now_ns = MonotonicNs();
  state.now_s = time(nullptr);
  // A folder that may not be looked into is another thing than none.
  for (const std::string& folder : {state.folder, state.pins}) {
    if (access(folder.c_str(), R_OK | X_OK) != 0 && errno == EACCES) {
      return Error::FromErrno("looking into '" + folder + "'");
    }
  }
  state.daemon = FindDaemon(state.folder);
  auto layout = OpenPinned(state.pins + "/" MAP_LAYOUT);
  if (!layout && (layout.error().code() == EPERM || layout.error().code() == EACCES)) {
    return layout.error();
  }
  ReadFiles(&state);
  state.has_pins = layout.has_value();
  if (layout) {
    const std::string why = WhyUnusable(ReadLayout(layout->get()));
    if (!why.empty()) {
      return Error("'" + state.pins + "' is of another version of bpftune: " + why);
    }
    ReadTuners(layout->get(), &state);
    ReadMaps(&state);
  }
  AddDescriptions(line.tuners, &state);
  return state;
}

}  // namespace bpftune::ctl
