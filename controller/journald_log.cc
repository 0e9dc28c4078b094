// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/journald_log.h"

#include <endian.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>

#include <cerrno>
#include <cstddef>
#include <utility>
#include <vector>

namespace bpftune {
namespace {

// A datagram has to fit the socket's buffer (net.core.wmem_default: 208 KiB, less in some
// containers); the longest decision has 3 KiB.
constexpr size_t kMostMessage = size_t{32} * 1024;

// Whoever does not read what is sent holds us for no longer than that.
constexpr timeval kPatience = {.tv_sec = 1, .tv_usec = 0};

bool ToAddress(const std::string& path, sockaddr_un* out) {
  if (path.size() >= sizeof(out->sun_path)) return false;
  out->sun_family = AF_UNIX;
  path.copy(out->sun_path, path.size());
  return true;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out.append(out.empty() ? "" : "\n").append(Harmless(line));
  return out;
}

// The words of one that was said together with others, in the record before it.
std::string ShortForm(const DecisionRecord& record) {
  return "'" + record.tunable + "' in " + record.netns_name + ": " +
         std::string(NameOf(record.outcome)) + ", (" + record.old_values.Text() + ") -> (" +
         record.new_values.Text() + ")";
}

std::string FieldsOf(const DecisionRecord& record) {
  std::string out;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) AppendField(name, Harmless(value), &out);
  };
  add("MESSAGE_ID", std::string(MessageIdOf(record.outcome)));
  add("DECISION_ID", std::to_string(record.id));
  add("OUTCOME", std::string(NameOf(record.outcome)));
  add("TUNER", record.tuner);
  add("TUNABLE", record.tunable);
  add("SCENARIO", record.scenario);
  add("NETNS", std::to_string(record.netns));
  add("NETNS_NAME", record.netns_name);
  add("OLD", record.old_values.Text());
  add("NEW", record.new_values.Text());
  for (size_t i = 0; !record.scenario.empty() && i < record.evidence.size(); ++i) {
    add("EVIDENCE_" + std::to_string(i), std::to_string(record.evidence[i]));
  }
  add("PEER", record.peer);
  add("WRITER_PID", record.pid == 0 ? "" : std::to_string(record.pid));
  add("WRITER_COMM", record.comm);
  add("REASON", record.reason);
  return out;
}

}  // namespace

// Made with uuidgen, for good; each has its text in bpftune.catalog.
std::string_view MessageIdOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kChanged:
      return "254e2a0d2a554c339099332794c3c19c";
    case Outcome::kProposed:
      return "3bda49a1d76f4144bf3167caec605a78";
    case Outcome::kNoted:
      return "60045412f17c4134a49fc443f08f847e";
    case Outcome::kRefused:
      return "8db666a3305c46f7b2948d3a2fa4a2a3";
    case Outcome::kYielded:
      return "007fc664f1904eae8680b7875a879e63";
    case Outcome::kPutBack:
      return "2f9bebafef4d439da9ffcc56225c1a47";
  }
  return "";
}

void AppendField(std::string_view name, std::string_view value, std::string* datagram) {
  datagram->append(name);
  if (value.find('\n') == value.npos) {
    datagram->append("=").append(value).append("\n");
    return;
  }
  const uint64_t length = htole64(value.size());
  datagram->append("\n");
  datagram->append(reinterpret_cast<const char*>(&length), sizeof(length));
  datagram->append(value).append("\n");
}

std::unique_ptr<JournaldLog> JournaldLog::Open(LogLevel most, const std::string& path) {
  sockaddr_un address = {};
  struct stat there = {};
  if (!ToAddress(path, &address) || stat(path.c_str(), &there) != 0 || !S_ISSOCK(there.st_mode)) {
    return nullptr;
  }
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return nullptr;
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  std::unique_ptr<JournaldLog> log(new JournaldLog(most, path, std::move(fd)));
  // A journal takes an empty datagram for nothing; a socket that nobody reads any more refuses it.
  return log->SendOnce("", MSG_DONTWAIT) || errno == EAGAIN ? std::move(log) : nullptr;
}

void JournaldLog::Write(LogLevel level, const std::string& line) {
  if (level <= most_) Send(level, Harmless(line), "");
}

void JournaldLog::Decide(const DecisionRecord& record) {
  const LogLevel level = record.is_trouble ? LogLevel::kWarning : LogLevel::kNotice;
  if (level > most_) return;
  if (record.lines.empty()) {
    return Send(LogLevel::kInfo, Harmless(ShortForm(record)), FieldsOf(record));
  }
  Send(level, Joined(record.lines), FieldsOf(record));
}

// By the path each time: a journal that was restarted has another socket there.
bool JournaldLog::SendOnce(const std::string& datagram, int flags) const {
  sockaddr_un address = {};
  (void)ToAddress(path_, &address);  // it fits: Open() has looked
  return sendto(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL | flags,
                reinterpret_cast<const sockaddr*>(&address), sizeof(address)) >= 0;
}

void JournaldLog::Send(LogLevel level, std::string_view message, const std::string& fields) {
  std::string datagram;
  AppendField("MESSAGE", message.substr(0, kMostMessage), &datagram);
  AppendField("PRIORITY", std::to_string(static_cast<int>(level)), &datagram);
  AppendField("SYSLOG_IDENTIFIER", "bpftune", &datagram);
  AppendField("SYSLOG_FACILITY", std::to_string(LOG_DAEMON >> 3), &datagram);
  if (lost_ != 0) AppendField("LOST_BEFORE", std::to_string(lost_), &datagram);
  datagram += fields;
  // One that does not read is waited for once, not with each line.
  if (SendOnce(datagram, lost_ == 0 ? 0 : MSG_DONTWAIT)) {
    lost_ = 0;
  } else {
    ++lost_;
  }
}

}  // namespace bpftune
