// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/tunable_rows.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "controller/sysctl_name.h"
#include "tools/bpftunectl/table.h"

namespace bpftune::ctl {
namespace {

// A typing error is no more than every third letter, or two of them changed places.
constexpr size_t kLettersForEachError = 3;
constexpr size_t kErrorsOfAnyName = 2;

using Where = std::tuple<uint64_t, uint16_t, uint16_t, uint32_t>;

Where WhereOf(const state_key& key) { return {key.netns, key.tuner, key.row, key.device}; }

bool IsTheirs(const owner& owner) { return owner.generation != owner.reclaimed; }

class Rows {
 public:
  Rows(const State& state, const Outside& outside) : state_(state), outside_(outside) {}

  std::vector<TunableRow> Make() {
    for (const PublishedEntry& entry : state_.published) {
      if (entry.value.writes != 0 || entry.value.refused != 0) AddPublished(entry);
    }
    for (const OwnerEntry& entry : state_.owners) {
      if (IsTheirs(entry.value)) AddOwner(entry);
    }
    for (const TunerView& tuner : state_.tuners) AddUntouched(tuner);
    std::ranges::sort(rows_, {}, [](const TunableRow& row) {
      return std::tie(row.name, row.key.netns, row.tuner->name);
    });
    return std::move(rows_);
  }

 private:
  TunableRow* RowAt(const state_key& key) {
    const TunerView* tuner = state_.TunerOf(key.tuner);
    if (!tuner || !tuner->description || key.row >= tuner->description->tunables.size()) {
      return nullptr;
    }
    const auto [known, is_new] = at_.try_emplace(WhereOf(key), rows_.size());
    if (is_new) rows_.push_back(NewRow(*tuner, key.row, key));
    return &rows_[known->second];
  }

  TunableRow NewRow(const TunerView& tuner, uint16_t row, const state_key& key) const {
    TunableRow out;
    out.tuner = &tuner;
    out.tunable = &tuner.description->tunables[row];
    out.key = key;
    out.name = NameAt(*out.tunable, key);
    const NetnsId netns{key.netns};
    out.netns = outside_.name_of(netns);
    if (!out.tunable->on_sockets) out.now = outside_.value_of(out.place());
    return out;
  }

  // The journal knows devices by name; else one of those that are there.
  std::string NameAt(const Tunable& tunable, const state_key& key) const {
    if (!IsOfEachDevice(tunable.name)) return tunable.name;
    const auto is_it = [&](const std::string& device) {
      return device_id(device.c_str()) == key.device;
    };
    for (const auto& [place, standing] : state_.standings) {
      if (place.netns.value == key.netns && PatternOf(place.name) == tunable.name &&
          is_it(DeviceOf(place.name))) {
        return place.name;
      }
    }
    for (const std::string& device : outside_.devices_of(NetnsId{key.netns})) {
      if (is_it(device)) return OfDevice(tunable.name, device);
    }
    return tunable.name;
  }

  void AddPublished(const PublishedEntry& entry) {
    TunableRow* row = RowAt(entry.key);
    if (!row) return;
    const uint32_t values = row->tunable->values;
    row->writes = entry.value.writes;
    row->refused = entry.value.refused;
    if (row->writes == 0) return;
    row->first = Values::Of(entry.value.baseline, values);
    row->written = Values::Of(entry.value.last, values);
    row->written_s = state_.TimeOf(entry.value.time_ns);
    if (!row->now || *row->now == *row->written) row->owner = Owner::kBpftune;
  }

  void AddOwner(const OwnerEntry& entry) {
    const TunerView* tuner = state_.TunerOf(entry.key.tuner);
    if (!tuner || !tuner->description) return;
    const auto& tunables = tuner->description->tunables;
    for (size_t at = 0; at < tunables.size(); ++at) {
      if (tunables[at].set_row != entry.key.row) continue;
      state_key key = entry.key;
      key.row = static_cast<uint16_t>(at);
      TunableRow* row = RowAt(key);
      row->owner = Owner::kAdministrator;
      row->pid = entry.value.pid;
      row->theirs_s = state_.TimeOf(entry.value.time_ns);
      if (entry.value.row < tunables.size()) row->theirs_name = tunables[entry.value.row].name;
      if (entry.value.row == at) row->theirs = Values::Of(entry.value.values, entry.value.count);
    }
  }

  void AddUntouched(const TunerView& tuner) {
    if (!tuner.description) return;
    const auto& tunables = tuner.description->tunables;
    for (size_t at = 0; at < tunables.size(); ++at) {
      if (IsOfEachDevice(tunables[at].name)) continue;
      std::vector<NetnsId> places = outside_.netns;
      if (!tunables[at].per_netns) {
        places = {};
        if (!outside_.confined) places = {kNoNetns};
      }
      for (const NetnsId netns : places) {
        state_key key = {};
        key.netns = netns.value;
        key.tuner = tuner.number.value_or(TUNERS_MAX);
        key.row = static_cast<uint16_t>(at);
        if (tuner.number && at_.contains(WhereOf(key))) continue;
        rows_.push_back(NewRow(tuner, key.row, key));
      }
    }
  }

  const State& state_;
  const Outside& outside_;
  std::vector<TunableRow> rows_;
  std::map<Where, size_t> at_;  // those with an entry in a map
};

// How many letters to insert, leave out or replace (Levenshtein).
size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t corner = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
      corner = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::vector<TunableRow> RowsOf(const State& state, const Outside& outside) {
  return Rows(state, outside).Make();
}

const char* NameOf(Owner owner) {
  switch (owner) {
    case Owner::kNobody:
      return "nobody";
    case Owner::kBpftune:
      return "bpftune";
    case Owner::kAdministrator:
      return "administrator";
  }
  return "";
}

std::vector<std::string> NamesOf(const State& state) {
  std::set<std::string> out;
  for (const TunerView& tuner : state.tuners) {
    if (!tuner.description) continue;
    for (const Tunable& tunable : tuner.description->tunables) out.insert(tunable.name);
  }
  return {out.begin(), out.end()};
}

std::string Nearest(const std::string& typed, const std::vector<std::string>& names) {
  std::string out;
  size_t least = std::max(typed.size() / kLettersForEachError, kErrorsOfAnyName) + 1;
  for (const std::string& name : names) {
    // Without what comes before, as people say it: "tcp_rmem".
    const std::string last = name.substr(name.rfind('.') + 1);
    const size_t distance = std::min(Distance(typed, name), Distance(typed, last));
    if (distance >= least) continue;
    least = distance;
    out = name;
  }
  return out;
}

std::string NoSuch(const char* what, const std::string& typed,
                   const std::vector<std::string>& names) {
  const std::string nearest = Nearest(typed, names);
  return std::string("there is no ") + what + " '" + Harmless(typed) + "'" +
         (nearest.empty() ? "" : "; did you mean '" + nearest + "'?");
}

}  // namespace bpftune::ctl
