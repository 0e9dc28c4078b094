// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "netns/netns_places.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "controller/capabilities.h"
#include "netns/netns_id.h"

namespace bpftune {
namespace {

constexpr char kMountinfo[] = "/proc/self/mountinfo";

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// 4026531840 from "net:[4026531840]", which is how both links and mounts name a namespace.
std::optional<uint64_t> ParseInode(std::string_view text) {
  constexpr std::string_view kBefore = "net:[";
  if (!text.starts_with(kBefore) || !text.ends_with(']')) return std::nullopt;
  return ParseNumber<uint64_t>(text.substr(kBefore.size(), text.size() - kBefore.size() - 1));
}

// Calls `visit` with each number that is the name of something in the directory.
template <typename Visit>
Status ForEachNumberIn(const std::string& path, Visit visit) {
  const std::unique_ptr<DIR, CloseDir> dir(opendir(path.c_str()));
  if (!dir) return Error::FromErrno("listing '" + path + "'");
  while (const dirent* entry = readdir(dir.get())) {
    if (const auto number = ParseNumber<pid_t>(entry->d_name)) visit(*number);
  }
  return Ok();
}

// Collects places, a few for each namespace.
class Places {
 public:
  // `directory` is that of a process or thread. Returns its namespace, 0 if that cannot be told.
  // Reads the link rather than following it: cheaper, and the namespace is not touched.
  uint64_t InodeAt(const std::string& directory) {
    std::array<char, 64> link;
    const InForce may_look({CAP_SYS_PTRACE});
    const ssize_t length = readlink((directory + "/ns/net").c_str(), link.data(), link.size());
    if (length < 0) {
      CountUnlessEnded(errno);
      return 0;
    }
    return ParseInode({link.data(), static_cast<size_t>(length)}).value_or(0);
  }

  void Add(uint64_t inode, const std::string& directory, pid_t pid) {
    if (inode == 0 || seen_[inode] == kMostPlacesOfEach) return;
    if (places_.found.size() == kMaxNetnsPlaces) {
      ++places_.not_read;
      return;
    }
    ++seen_[inode];
    places_.found.push_back({inode, directory + "/ns/net", pid});
  }

  void CountUnlessEnded(int error) {
    if (error != ENOENT && error != ESRCH) ++places_.not_read;
  }

  NetnsPlaces Take() { return std::move(places_); }

 private:
  NetnsPlaces places_;
  std::unordered_map<uint64_t, size_t> seen_;
};

// mountinfo writes blanks and backslashes as \ and three octal digits.
std::string Unescape(std::string_view text) {
  constexpr size_t kDigits = 3;
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const std::string_view digits = text.substr(i + 1, kDigits);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, 8);
    if (text[i] == '\\' && error == std::errc() && end == digits.data() + kDigits) {
      plain += static_cast<char>(code);
      i += kDigits;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// Cuts off and returns what comes before the first `separator`, or all of it.
std::string_view CutAt(std::string_view& text, char separator) {
  const size_t length = text.find(separator);
  const std::string_view head = text.substr(0, length);
  text.remove_prefix(length == std::string_view::npos ? text.size() : length + 1);
  return head;
}

}  // namespace

Result<NetnsPlaces> PlacesAtProcesses() {
  Places places;
  const Status listed = ForEachNumberIn("/proc", [&](pid_t pid) {
    const std::string process = "/proc/" + std::to_string(pid);
    places.Add(places.InodeAt(process), process, pid);
  });
  if (!listed) return listed.error();
  return places.Take();
}

Result<NetnsPlaces> PlacesAtThreads() {
  Places places;
  const Status listed = ForEachNumberIn("/proc", [&](pid_t pid) {
    const std::string process = "/proc/" + std::to_string(pid);
    const uint64_t where_the_first_is = places.InodeAt(process);
    const Status threads = ForEachNumberIn(process + "/task", [&](pid_t thread) {
      if (thread == pid) return;
      const std::string task = process + "/task/" + std::to_string(thread);
      const uint64_t inode = places.InodeAt(task);
      if (inode != where_the_first_is) places.Add(inode, task, thread);
    });
    if (!threads) places.CountUnlessEnded(threads.error().code());
  });
  if (!listed) return listed.error();
  return places.Take();
}

Result<NetnsPlaces> PlacesAtMounts() {
  std::ifstream file(kMountinfo);
  if (!file) return Error::FromErrno(std::string("opening '") + kMountinfo + "'");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return ParseNetnsMounts(text);
}

// A line: 36 35 0:4 net:[4026532299] /run/netns/blue rw shared:1 - nsfs nsfs rw
NetnsPlaces ParseNetnsMounts(std::string_view mountinfo) {
  NetnsPlaces places;
  while (!mountinfo.empty()) {
    std::string_view line = CutAt(mountinfo, '\n');
    for (int i = 0; i < 3; ++i) CutAt(line, ' ');  // mount, parent, device
    const auto inode = ParseInode(CutAt(line, ' '));
    const std::string_view mount_point = CutAt(line, ' ');
    if (!inode || line.find(" - nsfs ") == std::string_view::npos) continue;
    if (places.found.size() == kMaxNetnsPlaces) {
      ++places.not_read;
      continue;
    }
    places.found.push_back({*inode, Unescape(mount_point), /*pid=*/0});
  }
  return places;
}

Result<UniqueFd> OpenPlace(const NetnsPlace& place) {
  const InForce may_look({CAP_SYS_PTRACE});
  UniqueFd fd(open(place.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::FromErrno("opening '" + place.path + "'");
  const auto inode = InodeOf(fd.get());
  if (!inode || *inode != place.inode) {
    return Error(ENOENT, "'" + place.path + "' is another namespace by now");
  }
  return fd;
}

}  // namespace bpftune
