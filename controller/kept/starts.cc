// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kept/starts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "controller/kept/boot_id.h"

namespace bpftune {
namespace {

constexpr std::string_view kMagic = "bpftune-starts-1 ";

// Nobody else may say how often we died.
bool IsOurs(int fd) {
  struct stat file = {};
  return fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_uid == geteuid() &&
         file.st_nlink == 1 && (file.st_mode & 022) == 0;
}

}  // namespace

std::string StartsLine(const std::string& boot_id, uint32_t deaths) {
  return std::string(kMagic)
      .append(boot_id)
      .append(" ")
      .append(std::to_string(deaths))
      .append("\n");
}

std::optional<uint32_t> QuickDeathsIn(std::string_view text, std::string_view boot_id) {
  if (text.empty()) return 0;
  const size_t end = text.find('\n');
  if (!text.starts_with(kMagic) || end == text.npos) return std::nullopt;
  const std::string_view words = text.substr(kMagic.size(), end - kMagic.size());
  const size_t blank = words.find(' ');
  if (blank == words.npos || blank == 0) return std::nullopt;
  const std::string_view number = words.substr(blank + 1);
  uint32_t deaths = 0;
  const auto [rest, err] = std::from_chars(number.begin(), number.end(), deaths);
  if (err != std::errc{} || rest != number.end()) return std::nullopt;
  return words.substr(0, blank) == boot_id ? deaths : 0;
}

Starts Starts::Count(const std::string& directory) {
  Starts out;
  out.path_ = directory + "/" + kFileName;
  out.Open();
  return out;
}

void Starts::Open() {
  auto boot_id = BootId();
  if (boot_id) boot_id_ = *boot_id;
  // A pipe would make us wait for whoever writes it.
  constexpr int kFlags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  if (boot_id) file_.reset(open(path_.c_str(), kFlags, 0600));
  if (!file_) {
    const Error why = boot_id ? Error::FromErrno("opening '" + path_ + "'") : boot_id.error();
    complaint_ = "quick deaths are not counted: " + why.message();
    return;
  }
  if (!IsOurs(file_.get())) {
    complaint_ = "quick deaths are not counted: '" + path_ +
                 "' is not a file that only its owner, this user, may write; remove it";
    file_.reset();
    return;
  }
  char text[128];
  const ssize_t length = pread(file_.get(), text, sizeof(text), 0);
  const auto deaths =
      QuickDeathsIn({text, static_cast<size_t>(std::max<ssize_t>(length, 0))}, boot_id_);
  if (!deaths) complaint_ = "'" + path_ + "' is damaged, so earlier deaths are forgotten";
  before_ = deaths.value_or(0);
  Write(std::min(before_, kQuickDeaths - 1) + 1);
}

// Cut off behind the line only when it is there: killed in between, we leave a line that is right.
void Starts::Write(uint32_t deaths) {
  const std::string line = StartsLine(boot_id_, deaths);
  const auto size = static_cast<ssize_t>(line.size());
  if (pwrite(file_.get(), line.data(), line.size(), 0) == size &&
      ftruncate(file_.get(), size) == 0) {
    return;
  }
  complaint_ =
      "quick deaths are not counted: " + Error::FromErrno("writing '" + path_ + "'").message();
}

void Starts::Settle() {
  if (!file_) return;
  Write(0);
  file_.reset();
}

Starts::~Starts() {
  if (file_) Write(before_);
}

}  // namespace bpftune
