// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/log.h"

#include <bpf/libbpf.h>
#include <syslog.h>

#include <cstdarg>
#include <cstdio>
#include <utility>

namespace bpftune {
namespace {

constexpr size_t kKeptBytes = size_t{64} * 1024;

std::string Harmless(std::string line) {
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = '?';
  }
  return line;
}

std::string& KeptMessages() {
  static std::string kept;
  return kept;
}

int KeepMessage(libbpf_print_level level, const char* format, va_list args) {
  if (level == LIBBPF_DEBUG) return 0;
  char text[4096];
  const int length = vsnprintf(text, sizeof(text), format, args);
  std::string& kept = KeptMessages();
  kept += text;
  if (kept.size() > kKeptBytes) kept.erase(0, kept.size() - kKeptBytes);
  return length;
}

}  // namespace

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

std::string TakeLibbpfMessages() { return std::exchange(KeptMessages(), {}); }

}  // namespace bpftune
