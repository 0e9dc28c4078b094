// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/log.h"

#include <bpf/libbpf.h>
#include <syslog.h>

#include <cstdarg>
#include <cstdio>
#include <sstream>
#include <utility>

namespace bpftune {
namespace {

constexpr size_t kKeptBytes = size_t{256} * 1024;

std::string& KeptMessages() {
  static std::string kept;
  return kept;
}

int KeepMessage(libbpf_print_level level, const char* format, va_list args) {
  if (level == LIBBPF_DEBUG) return 0;
  va_list again;
  va_copy(again, args);
  const int length = vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return length;
  std::string text(static_cast<size_t>(length) + 1, '\0');  // a verifier log may be long
  vsnprintf(text.data(), text.size(), format, args);
  text.pop_back();
  std::string& kept = KeptMessages();
  kept += text;
  if (kept.size() > kKeptBytes) kept.erase(0, kept.size() - kKeptBytes);
  return length;
}

}  // namespace

std::string Harmless(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = '?';
  }
  return text;
}

void LogSink::Decide(const DecisionRecord& record) {
  const LogLevel level = record.is_trouble ? LogLevel::kWarning : LogLevel::kNotice;
  for (const std::string& line : record.lines) Write(level, line);
}

void StdoutLog::Write(LogLevel level, const std::string& line) {
  if (level > most_) return;
  const std::string text = Harmless(line);
  // One write, so that lines stay whole when both ends of a pipe are busy.
  std::printf("%s%s\n", level <= LogLevel::kWarning ? "bpftune: " : "", text.c_str());
  std::fflush(stdout);
}

SyslogLog::SyslogLog(LogLevel most) : most_(most) { openlog("bpftune", LOG_PID, LOG_DAEMON); }

SyslogLog::~SyslogLog() { closelog(); }

void SyslogLog::Write(LogLevel level, const std::string& line) {
  if (level > most_) return;
  // LogLevel has syslog's own numbers.
  syslog(static_cast<int>(level), "%s", Harmless(line).c_str());
}

void CaptureLibbpfMessages() { libbpf_set_print(KeepMessage); }

std::vector<std::string> TakeLibbpfMessages() {
  std::istringstream in(std::exchange(KeptMessages(), {}));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace bpftune
