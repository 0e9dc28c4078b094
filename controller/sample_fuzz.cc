// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Any bytes for a file of /proc, behind a line that says what is looked for in it: the kind of the
// sample (tuner_abi.h), one character, and its field. Whatever is found stands in the file.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controller/sample_table.h"
#include "controller/sampler.h"
#include "testing/fuzz.h"

namespace {

using namespace bpftune;

constexpr size_t kColumns = 3, kMostLines = 16;

// All words of the text that are numbers.
std::set<uint64_t> NumbersIn(std::string_view text, int base) {
  constexpr std::string_view kBlanks(" \t\n\v\f\r");
  std::set<uint64_t> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(kBlanks), text.size());
    uint64_t number = 0;
    const auto [rest, err] = std::from_chars(text.data(), text.data() + end, number, base);
    if (err == std::errc{} && rest == text.data() + end) out.insert(number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

void CheckTable(const std::string& field, std::string_view text) {
  const auto form = TableForm::Parse(field);
  if (!form) return;
  Require(!form->map.empty() && (form->base == 10 || form->base == 16));
  const std::vector<uint64_t> found = ParseTable(*form, text, kColumns, kMostLines);
  Require(found.size() % kColumns == 0 && found.size() <= kColumns * kMostLines);
  const std::set<uint64_t> numbers = NumbersIn(text, form->base);
  for (const uint64_t number : found) Require(number == 0 || numbers.contains(number));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput in(data, size);
  const char kind = in.Next<char>();
  const std::string field(in.Line());
  const std::string text(in.Rest());
  if (kind < '0' + SAMPLE_SYSCTL || kind > '0' + SAMPLE_TABLE) return 0;
  if (kind == '0' + SAMPLE_TABLE) {
    CheckTable(field, text);
    return 0;
  }
  const auto found = FindSample(static_cast<tuner_sample_kind>(kind - '0'), text, field);
  Require(!found || NumbersIn(text, 10).contains(*found));
  return 0;
}
