// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A log that keeps what it is told.

#include <algorithm>
#include <string>
#include <vector>

#include "controller/log.h"

namespace bpftune {

class FakeLog : public LogSink {
 public:
  void Write(LogLevel level, const std::string& line) override { entries.push_back({level, line}); }

  void Decide(const DecisionRecord& record) override {
    records.push_back(record);
    LogSink::Decide(record);
  }

  std::vector<std::string> Lines() const {
    std::vector<std::string> out;
    out.reserve(entries.size());
    for (const Entry& entry : entries) out.push_back(entry.line);
    return out;
  }
  // How many lines have this in them.
  long Count(const std::string& part) const {
    return std::count_if(entries.begin(), entries.end(), [&](const Entry& entry) {
      return entry.line.find(part) != std::string::npos;
    });
  }

  struct Entry {
    LogLevel level;
    std::string line;
  };
  std::vector<Entry> entries;
  std::vector<DecisionRecord> records;
};

}  // namespace bpftune
