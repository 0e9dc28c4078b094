// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/sysctl_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "controller/sysctl_name.h"
#include "netns/scoped_netns.h"

namespace bpftune {
namespace {

// /proc/sys/net is that of the thread that opens it, so for another namespace enter it first.
struct Opened {
  UniqueFd fd;
  int write_error = 0;
};

// `path` without a symbolic link anywhere in it, and not above `directory`.
int OpenBeneath(int directory, const std::string& path, int flags) {
  open_how how = {};
  how.flags = static_cast<__u64>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const long fd = syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how));
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(fd);
  // Forbidden to us (seccomp). The name has no part that could lead upwards.
  return openat(directory, path.c_str(), flags | O_NOFOLLOW);
}

bool IsSysctl(int fd) {
  struct stat file = {};
  struct statfs system = {};
  return fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && fstatfs(fd, &system) == 0 &&
         system.f_type == PROC_SUPER_MAGIC;
}

Result<Opened> OpenHere(const std::string& name, bool for_writing) {
  const std::string path = "/proc/sys/" + SysctlPath(name);
  if (!IsNetSysctl(name)) return Error(EACCES, "'" + name + "' is not a sysctl below net.");
  const UniqueFd sys(open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!sys) return Error::FromErrno("opening '/proc/sys'");
  Opened out;
  if (for_writing) out.fd.reset(OpenBeneath(sys.get(), SysctlPath(name), O_RDWR | O_CLOEXEC));
  if (!out.fd) {
    out.write_error = for_writing ? errno : EACCES;
    out.fd.reset(OpenBeneath(sys.get(), SysctlPath(name), O_RDONLY | O_CLOEXEC));
  }
  if (!out.fd) return Error::FromErrno("opening '" + path + "'");
  if (!IsSysctl(out.fd.get())) return Error(EACCES, "'" + path + "' is not a file of procfs");
  return out;
}

}  // namespace

SysctlFiles::Access SysctlFiles::AccessTo(const std::string& name) const {
  return allowed_.contains(name) || allowed_.contains(PatternOf(name)) ? Access::kWrite
                                                                       : Access::kRead;
}

Result<SysctlFiles::OpenFile*> SysctlFiles::Open(const SysctlPlace& place, uint64_t inode,
                                                 Access access) {
  const auto known = files_.find(place);
  if (known != files_.end()) {
    uses_.splice(uses_.begin(), uses_, known->second.use);
    return &known->second;
  }
  Result<Opened> opened = Error("");
  if (place.netns == kNoNetns || place.netns == home_) {
    opened = OpenHere(place.name, access == Access::kWrite);
  } else {
    auto netns = finder_->Find(place.netns, inode);
    if (!netns) return netns.error();
    auto inside = ScopedNetns::Enter(netns->get());
    if (!inside) return inside.error();
    opened = OpenHere(place.name, access == Access::kWrite);
  }
  if (!opened) return opened.error();
  if (files_.size() >= kMostOpen) {
    files_.erase(uses_.back());
    uses_.pop_back();
  }
  uses_.push_front(place);
  auto [added, unused] =
      files_.emplace(place, OpenFile{std::move(opened->fd), opened->write_error, uses_.begin()});
  return &added->second;
}

void SysctlFiles::Forget(const SysctlPlace& place) {
  const auto known = files_.find(place);
  if (known == files_.end()) return;
  uses_.erase(known->second.use);
  files_.erase(known);
}

Result<Values> SysctlFiles::ReadFile(const SysctlPlace& place, uint64_t inode, Access access) {
  auto file = Open(place, inode, access);
  if (!file) return file.error();
  char text[256];
  const ssize_t length = pread((*file)->fd.get(), text, sizeof(text), 0);
  if (length < 0) {
    const Error error = Error::FromErrno("reading '" + place.name + "'");
    Forget(place);
    return error;
  }
  const auto values = Values::Parse(std::string(text, static_cast<size_t>(length)));
  if (!values) return Error("'" + place.name + "' does not hold one to three numbers");
  return *values;
}

Result<Values> SysctlFiles::Read(const SysctlPlace& place, uint64_t inode) {
  const Access access = AccessTo(place.name);
  if (!IsInSeveralFiles(place.name)) return ReadFile(place, inode, access);
  Values all;
  for (const std::string& name : FilesOf(place.name)) {
    auto one = ReadFile({place.netns, name}, inode, access);
    if (!one) return one.error();
    if (one->count != 1 || all.count == TUNER_MAX_VALUES) {
      return Error("'" + name + "' does not hold one number of '" + place.name + "'");
    }
    all.number[all.count++] = one->number[0];
  }
  return all;
}

Status SysctlFiles::Write(const SysctlPlace& place, uint64_t inode, const Values& values) {
  if (AccessTo(place.name) == Access::kRead) {
    return Error(EACCES, "writing '" + place.name + "', which no loaded tuner has described");
  }
  return IsInSeveralFiles(place.name) ? WriteApart(place, inode, values)
                                      : WriteFile(place, inode, values);
}

// What grows from the last file on, then what shrinks from the first on.
Status SysctlFiles::WriteApart(const SysctlPlace& place, uint64_t inode, const Values& values) {
  auto before = Read(place, inode);
  if (!before) return before.error();
  const auto files = FilesOf(place.name);
  const size_t count = std::min<size_t>(files.size(), values.count);
  std::vector<size_t> order;
  for (size_t i = count; i-- > 0;) {
    if (values.is_said(i) && values.number[i] > before->number[i]) order.push_back(i);
  }
  for (size_t i = 0; i < count; ++i) {
    if (values.is_said(i) && values.number[i] < before->number[i]) order.push_back(i);
  }
  const auto write = [&](size_t i, int64_t number) {
    return WriteFile({place.netns, files[i]}, inode, {.number = {number}, .count = 1});
  };
  for (size_t at = 0; at < order.size(); ++at) {
    auto written = write(order[at], values.number[order[at]]);
    if (written) continue;
    while (at-- > 0) (void)write(order[at], before->number[order[at]]);  // as far as we may
    return written;
  }
  return Ok();
}

Status SysctlFiles::WriteFile(const SysctlPlace& place, uint64_t inode, const Values& values) {
  auto file = Open(place, inode, Access::kWrite);
  if (file && (*file)->write_error != 0) {
    Forget(place);  // it may have been mounted read-write since, or allowed
    file = Open(place, inode, Access::kWrite);
  }
  if (!file) return file.error();
  if ((*file)->write_error != 0) return Error((*file)->write_error, "writing '" + place.name + "'");
  const std::string text = values.Text() + "\n";
  const ssize_t length = pwrite((*file)->fd.get(), text.data(), text.size(), 0);
  if (length == static_cast<ssize_t>(text.size())) return Ok();
  const Error error = length < 0 ? Error::FromErrno("writing '" + place.name + "'")
                                 : Error("writing '" + place.name + "': only a part was taken");
  if (error.code() == ENOENT) Forget(place);
  return error;
}

}  // namespace bpftune
