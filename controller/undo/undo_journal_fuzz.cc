// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Any bytes for a journal: nothing that is read from it names a sysctl outside /proc/sys/net, what
// was read is the same again when it has been written and read once more, and going back by it
// writes what was there first, where our last value stands, and nowhere else.

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/description.h"
#include "controller/fakes/fake_actuator.h"
#include "controller/fakes/fake_log.h"
#include "controller/kept/fingerprint.h"
#include "controller/undo/rollback.h"
#include "controller/undo/undo_journal.h"
#include "testing/fuzz.h"

namespace {

using namespace bpftune;

// One place in two holds what we wrote last, the others something else.
void CheckRollback(const Standings& standings) {
  constexpr int64_t kTheirs = 123'456'789'012;
  FakeActuator actuator;
  bool ours = false;
  for (const auto& [place, standing] : standings) {
    Values now = standing.last;
    if (ours = !ours; !ours) now.number[0] = kTheirs;
    actuator.files[place] = now;
  }
  const auto before = actuator.files;
  FakeLog log;
  (void)Rollback(standings,
                 {.actuator = &actuator,
                  .log = &log,
                  .name_of = [](NetnsId id) { return std::to_string(id.value); },
                  .restore = [&](const SysctlPlace& place, uint64_t inode, const Values&,
                                 const Values& back) { return actuator.Write(place, inode, back); },
                  .home = NetnsId{1},
                  .all_netns = [] { return std::vector<NetnsEntry>(); },
                  .newborn = [](const std::string&) { return std::optional<Values>(); }});
  for (const auto& [place, written] : actuator.tried) {
    const Standing& standing = standings.at(place);
    Require(standing.IsOurs(before.at(place)) && written == standing.baseline);
  }
}

void Check(std::string_view text) {
  const ParsedJournal parsed = ParseJournal(text);
  Require(!parsed.boot_id.empty() || parsed.standings.empty());
  Require(parsed.standings.size() <= parsed.records);
  for (const auto& [place, standing] : parsed.standings) {
    Require(IsNetSysctl(place.name));
    Require(standing.last.count >= 1 && standing.last.count <= TUNER_MAX_VALUES);
    Require(standing.IsOurs(standing.last));
  }
  CheckRollback(parsed.standings);
  if (parsed.boot_id.empty()) return;
  const ParsedJournal again =
      ParseJournal(JournalHeader(parsed.boot_id, parsed.ids) + JournalLines(parsed.standings));
  Require(!again.damaged && again.standings == parsed.standings);
}

// Each line with the right checksum, so that what is behind it is reached.
std::string Repaired(std::string_view text) {
  constexpr size_t kChecksum = 16;
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const size_t begin = std::min(end, kChecksum + 1);
    const std::string rest(text.substr(begin, end - begin));
    Fingerprint sum;
    sum.Add(rest);
    char digits[kChecksum + 1];
    std::snprintf(digits, sizeof(digits), "%016" PRIx64, sum.value());
    out += digits + (" " + rest) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Check(text);
  Check(Repaired(text));
  return 0;
}
