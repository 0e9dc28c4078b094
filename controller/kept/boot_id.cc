// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kept/boot_id.h"

#include <fcntl.h>
#include <unistd.h>

#include "controller/unique_fd.h"

namespace bpftune {
namespace {

constexpr char kFile[] = "/proc/sys/kernel/random/boot_id";

}  // namespace

Result<std::string> BootId() {
  const UniqueFd fd(open(kFile, O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::FromErrno(std::string("opening '") + kFile + "'");
  char text[64];
  const ssize_t length = read(fd.get(), text, sizeof(text));
  if (length < 0) return Error::FromErrno(std::string("reading '") + kFile + "'");
  std::string out(text, static_cast<size_t>(length));
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

}  // namespace bpftune
