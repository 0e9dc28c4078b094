// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What the daemon says: to the journal where there is one (journal_log.h), else to syslog (facility
// daemon), or to standard output with -s. Decisions are notices; diagnostics are errors, warnings
// and debug. Only main and the daemon log; everything else returns what went wrong.

#include <string>
#include <vector>

#include "controller/decision.h"

namespace bpftune {

enum class LogLevel { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6, kDebug = 7 };

class LogSink {
 public:
  virtual ~LogSink() = default;
  // One line, without a line end. Control characters in it are shown as '?', so that a foreign
  // name cannot forge a line.
  virtual void Write(LogLevel level, const std::string& line) = 0;
  // One decision: its lines, unless this log has a better form for it.
  virtual void Decide(const DecisionRecord& record);

  void Error(const std::string& line) { Write(LogLevel::kError, line); }
  void Warning(const std::string& line) { Write(LogLevel::kWarning, line); }
  void Notice(const std::string& line) { Write(LogLevel::kNotice, line); }
  void Debug(const std::string& line) { Write(LogLevel::kDebug, line); }
};

// Lines above `most` are dropped.
class StdoutLog : public LogSink {
 public:
  explicit StdoutLog(LogLevel most) : most_(most) {}
  void Write(LogLevel level, const std::string& line) override;

 private:
  LogLevel most_;
};

class SyslogLog : public LogSink {
 public:
  explicit SyslogLog(LogLevel most);
  ~SyslogLog() override;
  void Write(LogLevel level, const std::string& line) override;

 private:
  LogLevel most_;
};

// Control characters become '?'.
std::string Harmless(std::string text);

// libbpf's own messages: kept (the last 256 KiB), shown only when the step they belong to fails.
// Installed for the whole process by the first call.
void CaptureLibbpfMessages();
// The lines that were kept since the last call, the verifier's log among them.
std::vector<std::string> TakeLibbpfMessages();

}  // namespace bpftune
