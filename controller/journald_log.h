// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Logs to systemd's journal in its own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): a decision is
// one entry with fields that can be asked for (journalctl TUNABLE=net.ipv4.tcp_rmem) and the number
// of its explanation in bpftune.catalog (journalctl -x). A socket that only sends; no library.

#include <memory>
#include <string>
#include <string_view>

#include "controller/log.h"
#include "controller/unique_fd.h"

namespace bpftune {

// The entry in bpftune.catalog.
std::string_view MessageIdOf(Outcome outcome);

// One field as the journal reads it: NAME=value, or with its length where it has a line end.
void AppendField(std::string_view name, std::string_view value, std::string* datagram);

class JournaldLog : public LogSink {
 public:
  static constexpr char kSocket[] = "/run/systemd/journal/socket";

  // Nothing: no journal listens there.
  static std::unique_ptr<JournaldLog> Open(LogLevel most, const std::string& path = kSocket);

  void Write(LogLevel level, const std::string& line) override;
  void Decide(const DecisionRecord& record) override;

 private:
  JournaldLog(LogLevel most, std::string path, UniqueFd socket)
      : most_(most), path_(std::move(path)), socket_(std::move(socket)) {}

  void Send(LogLevel level, std::string_view message, const std::string& fields);
  bool SendOnce(const std::string& datagram, int flags) const;

  LogLevel most_;
  std::string path_;
  UniqueFd socket_;
  uint64_t lost_ = 0;  // that the journal has not taken, since the last one it took
};

}  // namespace bpftune
