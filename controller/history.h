// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What was decided, for who asks later (bpftunectl history, explain): a file beside the lock, one
// line of JSON a decision, which outlives the daemon. It is bounded: when it is full it takes the
// place of the one before, and a new one begins. Nothing waits for a disk.

#include <cstddef>
#include <string>

#include "controller/decision.h"
#include "controller/log.h"
#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune {

// {"id":1,"time_ns":2,"outcome":"changed","tuner":"x","tunable":"net.a","scenario":"S",
//  "netns":{"id":0,"name":"global ns"},"old":[1],"new":[2],"evidence":[0,0,0,0],"peer":"","pid":0,
//  "comm":"","reason":"","lines":["..."]}
// on one line, without the line end. Bytes that are no ASCII are written as those of Latin-1, so
// that whatever is in a name, it is JSON. Pure.
std::string HistoryLine(const DecisionRecord& record);

class History {
 public:
  static constexpr char kFileName[] = "history.jsonl";
  static constexpr char kOldName[] = "history.jsonl.1";
  static constexpr size_t kMostBytes = 512 << 10;  // of each; about a thousand decisions

  // The folder is there, and locked by us.
  static Result<History> Open(const std::string& directory);

  // Fails, and loses the record, where there is no room.
  Status Append(const DecisionRecord& record);

 private:
  History(UniqueFd directory, UniqueFd file, size_t bytes)
      : directory_(std::move(directory)), file_(std::move(file)), bytes_(bytes) {}

  UniqueFd directory_;
  UniqueFd file_;
  size_t bytes_;
};

// A log that remembers decisions.
class HistoryLog : public LogSink {
 public:
  // `next` must outlive it.
  HistoryLog(LogSink* next, History history) : next_(next), history_(std::move(history)) {}

  void Write(LogLevel level, const std::string& line) override { next_->Write(level, line); }
  void Decide(const DecisionRecord& record) override;

 private:
  LogSink* next_;
  History history_;
  bool complained_ = false;
};

}  // namespace bpftune
