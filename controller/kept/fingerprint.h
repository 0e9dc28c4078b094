// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A number that stands for what was added to it, in that order. FNV-1a, 64 bits
// (draft-eastlake-fnv): tells things apart, keeps no secret.

#include <cstdint>
#include <string_view>

namespace bpftune {

class Fingerprint {
 public:
  void Add(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) AddByte((number >> shift) & 0xff);
  }
  void Add(std::string_view text) {
    for (const char c : text) AddByte(static_cast<unsigned char>(c));
    AddByte(0);
  }

  uint64_t value() const { return value_; }

 private:
  void AddByte(uint64_t byte) { value_ = (value_ ^ byte) * 0x100000001b3; }

  uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace bpftune
