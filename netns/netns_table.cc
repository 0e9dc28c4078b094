// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "netns/netns_table.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "netns/netns_places.h"

namespace bpftune {
namespace {

constexpr char kGlobal[] = "global ns";
constexpr int kQuietFactor = 100;  // looking may take 1 % of the time ...
constexpr std::chrono::milliseconds kBudgetPeriod(10'000);
constexpr auto kBudget = kBudgetPeriod / kQuietFactor;  // ... of each ten seconds

// Anybody can choose the name of a process; it must not end a line or a quotation.
std::string Harmless(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f' || c == '\'') c = '?';
  }
  return text;
}

std::string CommandOf(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string command;
  std::getline(file, command);
  return command;
}

}  // namespace

NetnsTable::NetnsTable(NetnsFinder* finder, std::string names_dir)
    : finder_(finder), names_dir_(std::move(names_dir)) {
  if (const auto initial = IdOfInitial(finder_->kind())) initial_ = initial->id;
}

std::string NetnsTable::NameOfMount(const std::string& path) const {
  const std::string prefix = names_dir_ + "/";
  return path.starts_with(prefix) ? path.substr(prefix.size()) : "";
}

Result<NetnsList> NetnsTable::List() const {
  NetnsList list;
  std::unordered_map<uint64_t, NetnsEntry> by_inode;
  for (const auto places_at : {PlacesAtMounts, PlacesAtProcesses, PlacesAtThreads}) {
    const auto places = places_at();
    if (!places) return places.error().Within("listing network namespaces");
    list.not_read += places->not_read;
    for (const NetnsPlace& place : places->found) {
      NetnsEntry& entry = by_inode[place.inode];
      const std::string name = NameOfMount(place.path);
      if (entry.path.empty() || (entry.name.empty() && !name.empty())) entry.path = place.path;
      if (entry.name.empty()) entry.name = name;
      if (entry.pid == 0) entry.pid = place.pid;
      entry.inode = place.inode;
    }
  }
  for (auto& [inode, entry] : by_inode) {
    const auto fd = OpenPlace({inode, entry.path, entry.pid});
    if (!fd) continue;  // it has just ended
    const auto id = IdOf(fd->get(), finder_->kind());
    if (!id) {
      ++list.not_read;
      continue;
    }
    entry.id = *id;
    list.entries.push_back(std::move(entry));
  }
  std::ranges::sort(list.entries, {}, &NetnsEntry::id);
  return list;
}

std::string NetnsTable::Look(NetnsId id) const {
  uint64_t inode = 0;
  {
    const auto fd = finder_->Find(id);
    if (!fd) return "";
    const auto found = InodeOf(fd->get());
    if (!found) return "";
    inode = *found;
  }
  const std::string id_text = "(id " + std::to_string(id.value) + ")";
  const auto mounts = PlacesAtMounts();
  if (!mounts) return "";
  for (const NetnsPlace& place : mounts->found) {
    const std::string name = NameOfMount(place.path);
    if (place.inode == inode && !name.empty()) return "netns '" + Harmless(name) + "' " + id_text;
  }
  const auto processes = PlacesAtProcesses();
  if (!processes) return "";
  for (const NetnsPlace& place : processes->found) {
    if (place.inode != inode) continue;
    return "netns of pid " + std::to_string(place.pid) + " '" + Harmless(CommandOf(place.pid)) +
           "' " + id_text;
  }
  return "";
}

std::string NetnsTable::DisplayName(NetnsId id) {
  if (id == kNoNetns || id == initial_) return kGlobal;

  const auto begin = Clock::now();
  if (begin - budget_since_ >= kBudgetPeriod) {
    budget_since_ = begin;
    budget_spent_ = {};
  }
  if (names_.size() >= kMaxNames && !names_.contains(id)) names_.clear();
  Name& name = names_[id];
  if (begin >= name.look_after && budget_spent_ < kBudget) {
    std::string text = Look(id);
    const auto cost = Clock::now() - begin;
    budget_spent_ += cost;
    name.look_after = begin + kQuietFactor * cost;
    if (!text.empty() || finder_->kind() == NetnsIdKind::kInode) name.text = std::move(text);
  }
  return name.text.empty() ? "netns id " + std::to_string(id.value) : name.text;
}

}  // namespace bpftune
