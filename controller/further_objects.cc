// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/further_objects.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <utility>

namespace bpftune {
namespace {

constexpr off_t kLargest = 16 << 20;
constexpr size_t kMostFiles = 256;

Status CheckRootOnly(const struct stat& found, const std::string& what) {
  if (found.st_uid != 0) {
    return Error("'" + what + "' belongs to user " + std::to_string(found.st_uid) +
                 "; it has to be root's (chown root)");
  }
  if (found.st_mode & 022) {
    return Error("'" + what + "' may be written by others than root (chmod go-w)");
  }
  return Ok();
}

std::vector<std::string> NamesIn(int directory) {
  std::vector<std::string> out;
  const int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> open(fd < 0 ? nullptr : fdopendir(fd), closedir);
  while (const dirent* entry = open ? readdir(open.get()) : nullptr) {
    if (IsObjectName(entry->d_name) && out.size() < kMostFiles) out.emplace_back(entry->d_name);
  }
  return out;
}

}  // namespace

Result<UniqueFd> OpenTrustedDirectory(const std::string& path) {
  if (!path.starts_with("/")) return Error("'" + path + "' is no absolute path");
  UniqueFd directory;
  std::filesystem::path so_far;
  for (const auto& part : std::filesystem::path(path)) {
    if (part.empty() || part == ".") continue;  // a slash at the end
    so_far /= part;
    UniqueFd next(
        openat(directory.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) {
      return errno == ELOOP || errno == ENOTDIR
                 ? Error("'" + so_far.string() + "' is not a directory, or a link to one")
                 : Error::FromErrno("opening '" + so_far.string() + "'");
    }
    struct stat found = {};
    if (fstat(next.get(), &found) != 0)
      return Error::FromErrno("looking at '" + so_far.string() + "'");
    if (auto trusted = CheckRootOnly(found, so_far); !trusted) return trusted.error();
    directory = std::move(next);
  }
  return directory;
}

Result<ObjectFile> ReadTrustedObject(int directory, const std::string& directory_path,
                                     const std::string& name) {
  const std::string path = directory_path + "/" + name;
  // Without waiting: a pipe is refused below.
  const UniqueFd fd(
      openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return errno == ELOOP ? Error("'" + path + "' is a symbolic link")
                          : Error::FromErrno("opening '" + path + "'");
  }
  struct stat found = {};
  if (fstat(fd.get(), &found) != 0) return Error::FromErrno("looking at '" + path + "'");
  if (!S_ISREG(found.st_mode)) return Error("'" + path + "' is not a regular file");
  if (auto trusted = CheckRootOnly(found, path); !trusted) return trusted.error();
  if (found.st_size > kLargest) {
    return Error("'" + path + "' has " + std::to_string(found.st_size) + " bytes; at most " +
                 std::to_string(kLargest) + " are read");
  }
  ObjectFile out{path, std::string(static_cast<size_t>(found.st_size), '\0')};
  for (size_t done = 0; done < out.bytes.size();) {
    const ssize_t length = read(fd.get(), &out.bytes[done], out.bytes.size() - done);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return Error::FromErrno("reading '" + path + "'");
    if (length == 0) return Error("'" + path + "' became shorter while it was read");
    done += static_cast<size_t>(length);
  }
  return out;
}

Result<FurtherObjects> FurtherObjects::Watch(const std::vector<std::string>& directories) {
  FurtherObjects out;
  if (directories.empty()) return out;
  out.inotify_.reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!out.inotify_) return Error::FromErrno("watching directories");
  for (const std::string& path : directories) {
    auto directory = OpenTrustedDirectory(path);
    if (!directory) return directory.error().Within("--objects");
    // By descriptor, so that it is the one that was checked.
    const std::string opened = "/proc/self/fd/" + std::to_string(directory->get());
    if (inotify_add_watch(out.inotify_.get(), opened.c_str(),
                          IN_CLOSE_WRITE | IN_MOVE | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |
                              IN_MOVE_SELF | IN_ONLYDIR) < 0) {
      return Error::FromErrno("--objects: watching '" + path + "'");
    }
    out.directories_[path];
  }
  return out;
}

std::vector<FurtherObjects::Change> FurtherObjects::Look() {
  // What exactly has happened does not matter: each file is looked at.
  alignas(inotify_event) char events[4096];
  while (inotify_ && read(inotify_.get(), events, sizeof(events)) > 0) continue;
  std::vector<Change> changes;
  for (auto& [path, folder] : directories_) LookInto(path, &folder, &changes);
  return changes;
}

void FurtherObjects::LookInto(const std::string& path, Folder* folder,
                              std::vector<Change>* changes) {
  auto directory = OpenTrustedDirectory(path);
  if (!directory && folder->trusted) {
    changes->push_back({path, /*is_there=*/true, directory.error()});
  }
  folder->trusted = directory.has_value();
  Files now;
  for (const std::string& name :
       directory ? NamesIn(directory->get()) : std::vector<std::string>()) {
    struct stat found = {};
    if (fstatat(directory->get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) continue;
    now[name] = {found.st_dev, found.st_ino, found.st_size, found.st_ctim.tv_sec,
                 found.st_ctim.tv_nsec};
  }
  const auto path_of = [&path](const std::string& name) {
    return std::string(path).append("/").append(name);
  };
  for (const auto& [name, identity] : folder->files) {
    const auto same = now.find(name);
    if (same != now.end() && same->second == identity) continue;
    changes->push_back({path_of(name), /*is_there=*/false, ObjectFile{}});
  }
  for (const auto& [name, identity] : now) {
    const auto before = folder->files.find(name);
    if (before != folder->files.end() && before->second == identity) continue;
    changes->push_back(
        {path_of(name), /*is_there=*/true, ReadTrustedObject(directory->get(), path, name)});
  }
  folder->files = std::move(now);
}

}  // namespace bpftune
