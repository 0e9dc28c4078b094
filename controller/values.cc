// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/values.h"

#include <algorithm>
#include <charconv>

namespace bpftune {

Values Values::Of(const __s64 (&numbers)[TUNER_MAX_VALUES], uint32_t count) {
  Values out;
  out.count = std::min<uint32_t>(count, TUNER_MAX_VALUES);
  std::copy_n(numbers, out.count, out.number.begin());
  return out;
}

std::optional<Values> Values::Parse(const std::string& text) {
  Values out;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    at = std::find_if(at, end, [](char c) { return c != ' ' && c != '\t' && c != '\n'; });
    if (at == end) break;
    if (out.count == TUNER_MAX_VALUES) return std::nullopt;
    const auto [rest, err] = std::from_chars(at, end, out.number[out.count]);
    const bool ends = rest == end || *rest == ' ' || *rest == '\t' || *rest == '\n';
    if (err != std::errc{} || !ends || !out.is_said(out.count)) return std::nullopt;
    ++out.count;
    at = rest;
  }
  if (out.count == 0) return std::nullopt;
  return out;
}

void Values::CopyTo(__s64 (&numbers)[TUNER_MAX_VALUES]) const {
  std::copy(number.begin(), number.end(), numbers);
}

std::string Values::Text() const {
  std::string out;
  for (uint32_t i = 0; i < count; ++i) {
    out.append(i ? " " : "").append(is_said(i) ? std::to_string(number[i]) : "*");
  }
  return out;
}

bool Values::StartsWith(const Values& other) const {
  for (uint32_t i = 0; i < other.count; ++i) {
    if (i >= count) return false;
    if (is_said(i) && other.is_said(i) && number[i] != other.number[i]) return false;
  }
  return true;
}

}  // namespace bpftune
