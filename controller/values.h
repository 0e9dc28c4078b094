// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The numbers of one sysctl: tcp_rmem has three, most have one.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "bpf/common/request_abi.h"

namespace bpftune {

struct Values {
  std::array<int64_t, TUNER_MAX_VALUES> number{};
  uint32_t count = 0;

  // Of a tunable in several files, a write says some numbers only.
  bool is_said(size_t i) const { return number[i] != VALUE_UNSAID; }

  friend bool operator==(const Values&, const Values&) = default;

  static Values Of(const __s64 (&numbers)[TUNER_MAX_VALUES], uint32_t count);
  // What /proc/sys shows: numbers between blanks. Nothing if it is not just that, or too many.
  static std::optional<Values> Parse(const std::string& text);

  void CopyTo(__s64 (&numbers)[TUNER_MAX_VALUES]) const;

  // "4096 131072 6291456"; "*" for a number that is not said
  std::string Text() const;
  // The first other.count numbers are the same, as far as both say them.
  bool StartsWith(const Values& other) const;
};

}  // namespace bpftune
