// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Whether one daemon after another dies as soon as it has started. The file `starts`, beside the
// lock, counts those of this boot that did not live for kSettledSeconds and did not end by their
// own decision: killed, crashed, ended by a watchdog. Each counts itself in as it starts and takes
// itself out as it ends, whichever way it chose (stopped, refused to start), so that what stays in
// is a death. One that lives so long sets the count to nothing. The file is one line:
//
//   bpftune-starts-1 0b1f4c3e-5a57-4a0e-9d53-3c0f2b8f7e11 2

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "controller/unique_fd.h"

namespace bpftune {

// A crash that comes back comes within the first pulses, visits and decisions: all tuners have had
// theirs after a minute. Two in a row may be the machine's doing (out of memory), three are not.
inline constexpr uint32_t kSettledSeconds = 60;
inline constexpr uint32_t kQuickDeaths = 3;

std::string StartsLine(const std::string& boot_id, uint32_t deaths);
// What the text of the file says; 0 of another boot, or where there is none. Nothing: it is
// damaged.
std::optional<uint32_t> QuickDeathsIn(std::string_view text, std::string_view boot_id);

class Starts {
 public:
  static constexpr char kFileName[] = "starts";

  Starts() = default;  // counts nothing

  // Counts a start. The folder is locked, and nobody else may write it. A damaged file counts for
  // nothing; one that is not a file of this user alone is not touched, and nothing is counted:
  // complaint() says so.
  static Starts Count(const std::string& directory);

  Starts(Starts&&) noexcept = default;
  Starts& operator=(Starts&&) = delete;
  ~Starts();  // an end by our own decision

  bool IsCrashLoop() const { return before_ >= kQuickDeaths; }
  // To be called when it has run for kSettledSeconds, unless it has been.
  void Settle();
  bool is_settled() const { return !file_; }

  const std::string& path() const { return path_; }
  const std::string& complaint() const { return complaint_; }  // empty: none

 private:
  void Open();
  void Write(uint32_t deaths);

  UniqueFd file_;  // while this start counts
  std::string path_;
  std::string boot_id_;
  std::string complaint_;
  uint32_t before_ = 0;
};

}  // namespace bpftune
