// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Any bytes for the entries of the map `layout` that another daemon has left pinned: they are
// refused, or every tuner goes on with a number of its own. Behind a first byte that says whether
// the entry of the version is put in place, so that what is behind it is reached.

#include <cstring>
#include <set>
#include <string>

#include "controller/kept/pins.h"
#include "testing/fuzz.h"

namespace {

using namespace bpftune;

LayoutEntries EntriesIn(FuzzInput& in) {
  LayoutEntries out;
  const bool is_this_version = (in.Next<char>() & 1) != 0;
  while (!in.empty() && out.size() < LAYOUT_MAX_ENTRIES) {
    const auto key = in.Next<layout_key>();
    out[std::string(key.name, strnlen(key.name, sizeof(key.name)))] = in.Next<layout_entry>();
  }
  if (is_this_version) out["version"].fingerprint = STATE_ABI_VERSION;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr uint64_t kRows = 7;
  constexpr std::string_view kTuner("tuner ");
  FuzzInput in(data, size);
  const LayoutEntries entries = EntriesIn(in);
  if (!WhyUnusable(entries).empty()) return 0;
  Pins pins(entries);
  std::set<std::string> names = {"new"};
  for (const auto& [name, entry] : entries) {
    if (name.starts_with(kTuner)) names.insert(name.substr(kTuner.size()));
  }
  std::set<uint16_t> given;
  for (const std::string& name : names) {
    const auto number = pins.NumberOf(name, kRows);
    if (!number) continue;  // there are none left
    Require(*number < TUNERS_MAX && pins.IsNumber(*number));
    Require(given.insert(*number).second);
    const auto known = entries.find(std::string(kTuner) + name);
    const bool is_kept = known != entries.end() && known->second.fingerprint == kRows;
    Require(!is_kept || *number == known->second.number);
  }
  return 0;
}
