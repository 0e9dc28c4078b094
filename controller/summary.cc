// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/summary.h"

namespace bpftune {

void Summary::Count(const SysctlPlace& place, const Decision& decision) {
  const auto key = std::make_tuple(place, decision.scenario->name);
  if (occurrences_.size() >= kMostRows && !occurrences_.contains(key)) {
    ++beyond_;
    return;
  }
  Occurrence& row = occurrences_[key];
  row.scenario = decision.scenario->name;
  row.rest = "for tunable '" + place.name + "' in " + decision.netns + ". " +
             decision.scenario->description;
  ++row.times;
}

void Summary::Changed(const SysctlPlace& place, const Decision& decision) {
  Count(place, decision);
  if (changes_.size() >= kMostRows && !changes_.contains(place)) return;
  const auto [row, added] = changes_.try_emplace(place);
  if (added) row->second.first = decision.old_values;
  row->second.netns = decision.netns;
  row->second.last = decision.new_values;
}

void Summary::Noted(const SysctlPlace& place, const Decision& decision) { Count(place, decision); }

bool Summary::Refused(const SysctlPlace& place, const std::string& reason) {
  const auto key = std::make_tuple(place, reason);
  if (refusals_.size() >= kMostRows && !refusals_.contains(key)) {
    ++beyond_;
    return false;
  }
  return ++refusals_[key] == 1;
}

std::vector<std::string> Summary::Lines() const {
  std::vector<std::string> out;
  out.reserve(occurrences_.size() + changes_.size() + refusals_.size() + 1);
  for (const auto& [key, row] : occurrences_) {
    out.push_back("Summary: scenario '" + row.scenario + "' occurred " + std::to_string(row.times) +
                  " times " + row.rest);
  }
  for (const auto& [place, row] : changes_) {
    const std::string where = row.netns == "global ns" ? "" : " in " + row.netns;
    out.push_back("sysctl '" + place.name + "'" + where + " changed from (" + row.first.Text() +
                  ") -> (" + row.last.Text() + ")");
  }
  for (const auto& [key, times] : refusals_) {
    out.push_back("Summary: " + std::to_string(times) + " changes of '" + std::get<0>(key).name +
                  "' were not made: " + std::get<1>(key));
  }
  if (beyond_ != 0) {
    out.push_back("Summary: " + std::to_string(beyond_) +
                  " more, beyond what is counted one by one");
  }
  return out;
}

}  // namespace bpftune
