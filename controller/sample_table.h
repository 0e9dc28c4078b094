// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A file of /proc with a line of numbers for each CPU, copied into a map of the tuner that asked
// for it (SAMPLE_TABLE in tuner_abi.h).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/result.h"

namespace bpftune {

// What the field of such a sample says: "MAP BASE [PREFIX]".
struct TableForm {
  std::string map;
  int base = 10;       // or 16
  std::string prefix;  // "cpu": only lines "cpuN ...", at key N; empty: the n-th line at key n

  // Nothing: the field says no such thing.
  static std::optional<TableForm> Parse(const std::string& field);
};

// The numbers of all lines, `columns` of each, up to the last line of at most `most_lines`; zeros
// for what is not there. A line that does not begin with a number (behind the prefix) is none.
// Pure.
std::vector<uint64_t> ParseTable(const TableForm& form, std::string_view text, size_t columns,
                                 size_t most_lines);

class SampleTable {
 public:
  // `map_fd`: an array of 64-bit numbers, which outlives this.
  static Result<SampleTable> Open(TableForm form, int map_fd);

  // Lines that are not in the text any more become zeros.
  void Write(std::string_view text);

 private:
  TableForm form_;
  int map_fd_ = -1;
  size_t columns_ = 0;
  size_t most_lines_ = 0;
  std::vector<uint64_t> written_;
};

}  // namespace bpftune
