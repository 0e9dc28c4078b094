// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What fuzz targets share (tools/build/cc.bzl: cc_fuzz_test).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <source_location>
#include <string_view>

namespace bpftune {

// A promise that no input may break.
inline void Require(bool promise, std::source_location here = std::source_location::current()) {
  if (promise) return;
  std::fprintf(stderr, "%s:%u: a broken promise\n", here.file_name(), here.line());
  std::abort();
}

// The input, taken from its front; zeros when it is used up.
class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size)
      : left_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return left_.empty(); }

  // Of a type whose every representation is valid.
  template <typename T>
  T Next() {
    T value = {};
    const std::size_t taken = std::min(left_.size(), sizeof(value));
    if (taken != 0) std::memcpy(&value, left_.data(), taken);
    left_.remove_prefix(taken);
    return value;
  }

  // Up to the end of the line, which goes too.
  std::string_view Line() {
    const std::size_t end = std::min(left_.find('\n'), left_.size());
    const std::string_view line = left_.substr(0, end);
    left_.remove_prefix(std::min(end + 1, left_.size()));
    return line;
  }

  std::string_view Rest() const { return left_; }

 private:
  std::string_view left_;
};

}  // namespace bpftune
