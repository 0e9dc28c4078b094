// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/undo/undo_journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <utility>
#include <vector>

#include "controller/description.h"
#include "controller/kept/boot_id.h"
#include "controller/kept/fingerprint.h"
#include "controller/kept/instance.h"

namespace bpftune {
namespace {

using Kind = JournalRecord::Kind;

constexpr char kMagic[] = "bpftune-undo-journal-1";
constexpr char kNewName[] = "undo.journal.new";
constexpr std::array<std::string_view, 3> kKinds = {"write", "stands", "released"};
constexpr size_t kChecksumDigits = 16;

// A decision waits for a line, and finds the caches of the CPU empty: so nothing of printf or of
// zlib's crc32(), for their large code and tables (20 us).
std::string WithChecksum(std::string_view text) {
  Fingerprint sum;
  sum.Add(text);
  std::string line;
  line.reserve(kChecksumDigits + text.size() + 2);
  for (size_t digit = kChecksumDigits; digit-- > 0;) {
    line += "0123456789abcdef"[(sum.value() >> (4 * digit)) & 0xf];
  }
  return line.append(" ").append(text).append("\n");
}

// The text behind a right checksum.
std::optional<std::string_view> Checked(std::string_view line) {
  if (line.size() <= kChecksumDigits + 1) return std::nullopt;
  const std::string_view text = line.substr(kChecksumDigits + 1);
  const std::string right = WithChecksum(text);
  return line == std::string_view(right).substr(0, right.size() - 1) ? std::optional(text)
                                                                     : std::nullopt;
}

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t end = text.find(at);
    out.push_back(text.substr(0, end));
    if (end == text.npos) return out;
    text.remove_prefix(end + 1);
  }
}

template <typename Number>
bool ParseNumber(std::string_view text, Number* out) {
  const auto [rest, err] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return err == std::errc{} && rest == text.data() + text.size();
}

template <typename Number>
void AppendNumber(Number number, std::string* text) {
  char digits[24];
  text->append(digits, std::to_chars(digits, std::end(digits), number).ptr);
}

void AppendVector(const Values& values, std::string* text) {
  for (uint32_t i = 0; i < values.count; ++i) {
    text->append(i == 0 ? " " : ",");
    AppendNumber(values.number[i], text);
  }
}

bool ParseVector(std::string_view text, Values* out) {
  const auto numbers = Split(text, ',');
  if (numbers.size() > TUNER_MAX_VALUES) return false;
  for (const std::string_view number : numbers) {
    if (!ParseNumber(number, &out->number[out->count++])) return false;
  }
  return true;
}

std::optional<JournalRecord> ParseRecord(std::string_view text) {
  const auto fields = Split(text, ' ');
  if (fields.size() != 6) return std::nullopt;
  const auto* const kind = std::find(kKinds.begin(), kKinds.end(), fields[0]);
  JournalRecord out;
  if (kind == kKinds.end() || !ParseNumber(fields[1], &out.place.netns.value) ||
      !ParseNumber(fields[2], &out.inode) || !IsNetSysctl(fields[3]) ||
      !ParseVector(fields[4], &out.before) || !ParseVector(fields[5], &out.after) ||
      out.before.count != out.after.count) {
    return std::nullopt;
  }
  out.kind = static_cast<Kind>(kind - kKinds.begin());
  out.place.name = fields[3];
  return out;
}

bool ParseHeader(std::string_view text, ParsedJournal* out) {
  const auto fields = Split(text, ' ');
  if (fields.size() != 3 || fields[0] != kMagic || fields[1].empty() ||
      (fields[2] != "cookie" && fields[2] != "inode")) {
    return false;
  }
  out->boot_id = fields[1];
  out->ids = fields[2] == "cookie" ? NetnsIdKind::kCookie : NetnsIdKind::kInode;
  return true;
}

std::string LinesOf(const SysctlPlace& place, const Standing& s) {
  const auto line = [&](Kind kind, const Values& before, const Values& after) {
    return JournalLine({kind, place, s.inode, before, after});
  };
  if (!s.in_flight) {
    return line(Kind::kWrite, s.baseline, s.last) + line(Kind::kStands, s.baseline, s.last);
  }
  std::string out;
  if (s.previous != s.baseline) {
    out = line(Kind::kWrite, s.baseline, s.previous) + line(Kind::kStands, s.baseline, s.previous);
  }
  return out + line(Kind::kWrite, s.previous, s.last);
}

Result<std::string> ReadAll(int fd, const std::string& path) {
  std::string out;
  char chunk[16384];
  for (;;) {
    const ssize_t length = pread(fd, chunk, sizeof(chunk), static_cast<off_t>(out.size()));
    if (length < 0) return Error::FromErrno("reading '" + path + "'");
    if (length == 0) return out;
    out.append(chunk, static_cast<size_t>(length));
  }
}

// What is in there is written to the system by rollback, so nobody else may have put it there.
Result<UniqueFd> OpenOwnDirectory(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return Error::FromErrno("opening directory '" + path + "'");
  struct stat is = {};
  if (fstat(fd.get(), &is) != 0) return Error::FromErrno("looking at directory '" + path + "'");
  if (is.st_uid != geteuid() || (is.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error("directory '" + path +
                 "' belongs to somebody else, or others may write to it; make it "
                 "ours alone, or name another one with --run-dir");
  }
  return fd;
}

}  // namespace

bool Standing::IsOurs(const Values& current) const {
  if (current == last) return true;
  if (!in_flight || current.count != last.count) return false;
  for (uint32_t i = 0; i < last.count; ++i) {
    const auto [low, high] = std::minmax(previous.number[i], last.number[i]);
    if (current.number[i] < low || current.number[i] > high) return false;
  }
  return true;
}

void Fold(const JournalRecord& record, Standings* standings) {
  const auto known = standings->find(record.place);
  switch (record.kind) {
    case Kind::kWrite: {
      // What is written over is not ours: reclaimed from somebody whose value it was.
      const bool begins = known == standings->end() || !known->second.IsOurs(record.before);
      const Values baseline = begins ? record.before : known->second.baseline;
      (*standings)[record.place] = {record.inode, baseline, record.after, record.before, true};
      return;
    }
    case Kind::kStands:
      if (known == standings->end() || known->second.last.count != record.after.count) return;
      known->second.last = record.after;
      known->second.previous = record.after;
      known->second.in_flight = false;
      if (known->second.last == known->second.baseline) standings->erase(known);
      return;
    case Kind::kReleased:
      standings->erase(record.place);
      return;
  }
}

std::string JournalHeader(const std::string& boot_id, NetnsIdKind ids) {
  return WithChecksum(std::string(kMagic) + " " + boot_id + " " +
                      (ids == NetnsIdKind::kCookie ? "cookie" : "inode"));
}

std::string JournalLine(const JournalRecord& record) {
  std::string text(kKinds.at(static_cast<size_t>(record.kind)));
  text.reserve(256);
  for (const uint64_t number : {record.place.netns.value, record.inode}) {
    text.append(" ");
    AppendNumber(number, &text);
  }
  text.append(" ").append(record.place.name);
  AppendVector(record.before, &text);
  AppendVector(record.after, &text);
  return WithChecksum(text);
}

std::string JournalLines(const Standings& standings) {
  std::string out;
  for (const auto& [place, standing] : standings) out += LinesOf(place, standing);
  return out;
}

ParsedJournal ParseJournal(std::string_view text) {
  ParsedJournal out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const auto line = end == text.npos ? std::nullopt : Checked(text.substr(0, end));
    if (out.boot_id.empty()) {
      out.damaged = !line || !ParseHeader(*line, &out);
    } else {
      const auto record = line ? ParseRecord(*line) : std::nullopt;
      out.damaged = !record;
      if (record) {
        Fold(*record, &out.standings);
        ++out.records;
      }
    }
    if (out.damaged) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

UndoJournal::UndoJournal(std::string directory, UniqueFd directory_fd)
    : directory_(std::move(directory_fd)), path_(std::move(directory) + "/" + kFileName) {}

Result<UndoJournal> UndoJournal::Open(const std::string& directory, Missing missing) {
  if (missing == Missing::kCreate) {
    auto made = MakeDirectories(directory);
    if (!made) return made.error();
  }
  auto own = OpenOwnDirectory(directory);
  if (!own) return own.error();
  UndoJournal out(directory, std::move(*own));
  auto boot_id = BootId();
  if (!boot_id) return boot_id.error();
  const int create = missing == Missing::kCreate ? O_CREAT : 0;
  out.file_.reset(openat(out.directory_.get(), kFileName,
                         O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | create, 0600));
  if (!out.file_) return Error::FromErrno("opening '" + out.path_ + "'");
  auto loaded = out.Load(std::move(*boot_id));
  if (!loaded) return loaded.error();
  return out;
}

Status UndoJournal::Load(std::string boot_id) {
  boot_id_ = std::move(boot_id);
  ids_ = ProbeNetnsIdKind();
  auto text = ReadAll(file_.get(), path_);
  if (!text) return text.error();
  ParsedJournal parsed = ParseJournal(*text);
  was_damaged_ = parsed.damaged;
  if (parsed.boot_id == boot_id_) {
    standings_ = std::move(parsed.standings);
    ids_ = parsed.ids;
  }
  return Rewrite();
}

// To another file that then takes the place of this one, so that at no moment there is none.
Status UndoJournal::Rewrite() {
  if (is_gone_) {
    std::erase_if(standings_,
                  [&](const auto& entry) { return is_gone_(entry.first, entry.second.inode); });
  }
  const std::string text = JournalHeader(boot_id_, ids_) + JournalLines(standings_);
  const int dir = directory_.get();
  errno = ENOSPC;  // of a write that took only a part
  UniqueFd fresh(
      openat(dir, kNewName, O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  const bool written =
      fresh && write(fresh.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      renameat(dir, kNewName, dir, kFileName) == 0;
  if (!written) return Error::FromErrno("writing '" + path_ + "'");
  file_ = std::move(fresh);
  bytes_ = text.size();
  compact_at_ = std::max(kCompactBytes, 2 * bytes_);
  return Ok();
}

Status UndoJournal::Maintain() {
  struct stat is = {};
  const bool removed = fstat(file_.get(), &is) != 0 || is.st_nlink == 0;
  return removed || bytes_ >= compact_at_ ? Rewrite() : Ok();
}

Status UndoJournal::Append(const JournalRecord& record) {
  auto maintained = Maintain();
  if (!maintained) return maintained;
  const std::string line = JournalLine(record);
  const ssize_t length = write(file_.get(), line.data(), line.size());
  if (length != static_cast<ssize_t>(line.size())) {
    const Error error = length >= 0 ? Error(ENOSPC, "writing '" + path_ + "'")
                                    : Error::FromErrno("writing '" + path_ + "'");
    // Best effort: a half line would end the reading there.
    (void)!ftruncate(file_.get(), static_cast<off_t>(bytes_));
    return error;
  }
  bytes_ += line.size();
  Fold(record, &standings_);
  return Ok();
}

Status UndoJournal::Remove() {
  if (unlinkat(directory_.get(), kFileName, 0) != 0) {
    return Error::FromErrno("removing '" + path_ + "'");
  }
  return Ok();
}

}  // namespace bpftune
