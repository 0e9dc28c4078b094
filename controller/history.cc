// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

namespace bpftune {
namespace {

constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '"' || byte == '\\') {
      out.append("\\").push_back(c);
    } else if (byte < ' ' || byte > '~') {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\u%04x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

template <typename Items, typename ToText>
std::string List(const Items& items, ToText to_text) {
  std::string out;
  for (const auto& item : items) out.append(out.empty() ? "" : ",").append(to_text(item));
  return "[" + out + "]";
}

std::string Numbers(const Values& values) {
  const std::vector<int64_t> said(values.number.begin(), values.number.begin() + values.count);
  return List(said, [](int64_t number) {
    return number == VALUE_UNSAID ? std::string("null") : std::to_string(number);
  });
}

}  // namespace

std::string HistoryLine(const DecisionRecord& record) {
  std::string out = "{\"id\":" + std::to_string(record.id);
  const auto add = [&](const char* name, const std::string& json) {
    out.append(",\"").append(name).append("\":").append(json);
  };
  add("time_ns", std::to_string(record.time_ns));
  add("outcome", Quoted(NameOf(record.outcome)));
  add("tuner", Quoted(record.tuner));
  add("tunable", Quoted(record.tunable));
  add("scenario", Quoted(record.scenario));
  add("netns",
      "{\"id\":" + std::to_string(record.netns) + ",\"name\":" + Quoted(record.netns_name) + "}");
  add("old", Numbers(record.old_values));
  add("new", Numbers(record.new_values));
  add("evidence", List(record.evidence, [](uint64_t number) { return std::to_string(number); }));
  add("peer", Quoted(record.peer));
  add("pid", std::to_string(record.pid));
  add("comm", Quoted(record.comm));
  add("reason", Quoted(record.reason));
  add("lines", List(record.lines, [](const std::string& line) { return Quoted(line); }));
  return out + "}";
}

Result<History> History::Open(const std::string& directory) {
  UniqueFd folder(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return Error::FromErrno("opening '" + directory + "'");
  UniqueFd file(openat(folder.get(), kFileName, kFlags, 0600));
  struct stat found = {};
  if (!file || fstat(file.get(), &found) != 0) {
    return Error::FromErrno("opening '" + directory + "/" + kFileName + "'");
  }
  History out(std::move(folder), std::move(file), static_cast<size_t>(found.st_size));
  // The last line of a daemon that was killed may have no end.
  if (found.st_size != 0 && write(out.file_.get(), "\n", 1) == 1) ++out.bytes_;
  return out;
}

Status History::Append(const DecisionRecord& record) {
  const std::string line = HistoryLine(record) + "\n";
  if (bytes_ != 0 && bytes_ + line.size() > kMostBytes) {
    if (renameat(directory_.get(), kFileName, directory_.get(), kOldName) != 0) {
      return Error::FromErrno(std::string("renaming '") + kFileName + "'");
    }
    UniqueFd file(openat(directory_.get(), kFileName, kFlags, 0600));
    if (!file) return Error::FromErrno(std::string("opening '") + kFileName + "'");
    file_ = std::move(file);
    bytes_ = 0;
  }
  const ssize_t written = write(file_.get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) {
    bytes_ += line.size();
    return Ok();
  }
  const int why = written < 0 ? errno : ENOSPC;
  (void)!ftruncate(file_.get(), static_cast<off_t>(bytes_));  // of a part of a line nothing stays
  return Error(why, std::string("writing '") + kFileName + "'");
}

void HistoryLog::Decide(const DecisionRecord& record) {
  auto appended = history_.Append(record);
  next_->Decide(record);
  if (appended || std::exchange(complained_, true)) return;
  next_->Warning("what was decided is not remembered for bpftunectl history: " +
                 appended.error().message() + "; continuing without");
}

}  // namespace bpftune
