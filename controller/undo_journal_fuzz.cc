// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Any bytes for a journal: nothing that is read from it names a sysctl outside /proc/sys/net, and
// what was read is the same again when it has been written and read once more.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "controller/description.h"
#include "controller/undo_journal.h"

namespace {

using namespace bpftune;

void Require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ParsedJournal parsed = ParseJournal(text);
  Require(!parsed.boot_id.empty() || parsed.standings.empty());
  Require(parsed.standings.size() <= parsed.records);
  for (const auto& [place, standing] : parsed.standings) {
    Require(IsNetSysctl(place.name));
    Require(standing.last.count >= 1 && standing.last.count <= TUNER_MAX_VALUES);
    Require(standing.IsOurs(standing.last));
  }
  if (parsed.damaged) return 0;
  std::string again = JournalHeader(parsed.boot_id, parsed.ids) + JournalLines(parsed.standings);
  if (parsed.boot_id.empty()) return 0;
  const ParsedJournal reread = ParseJournal(again);
  Require(!reread.damaged && reread.standings == parsed.standings);
  return 0;
}
