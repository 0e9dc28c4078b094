// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What `bpftune -S` prints (controller/support.h), read, and what to do about what does not work.
// Pure.

#include <string>
#include <vector>

namespace bpftune::ctl {

inline constexpr char kSilent[] = "silent";

struct SupportRow {
  enum class Kind { kHook, kModule, kStandsDown, kNotLoaded };
  Kind kind = Kind::kHook;
  std::string tuner;    // kNotLoaded: its file
  std::string hook;     // or the module
  std::string program;  // empty: none works
  std::string loss;     // then
  std::string why;      // why not the first alternative, or why it is not loaded, or stands down
  // Whether the kernel runs what is attached, in the words of -S; kSilent also where nothing is
  // left because of that. Empty: it is no hook, or nothing attaches.
  std::string fires;

  // As it should be: the preferred program runs, the module is there, or there is nothing to do.
  bool is_fine() const {
    return kind == Kind::kStandsDown ||
           (kind != Kind::kNotLoaded && why.empty() && fires != kSilent);
  }
};

// Lines that are none of the table are left out.
std::vector<SupportRow> ParseSupport(const std::vector<std::string>& lines);

// For an administrator; empty: there is nothing to be done.
std::string AdviceFor(const SupportRow& row);

}  // namespace bpftune::ctl
