// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Any bytes for a journal: nothing that is read from it names a sysctl outside /proc/sys/net, and
// what was read is the same again when it has been written and read once more.

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "controller/description.h"
#include "controller/kept/fingerprint.h"
#include "controller/undo/undo_journal.h"

namespace {

using namespace bpftune;

void Require(bool promise) {
  if (!promise) std::abort();
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
