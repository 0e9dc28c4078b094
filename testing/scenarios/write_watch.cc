// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/scenarios/write_watch.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace bpftune::testing {

Result<WriteWatch> WriteWatch::Create() {
  UniqueFd events(fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE,
                                O_RDONLY | O_CLOEXEC));
  if (!events || fanotify_mark(events.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_CLOSE_WRITE,
                               AT_FDCWD, "/proc") != 0) {
    return Error::FromErrno("watching /proc");
  }
  return WriteWatch(std::move(events));
}

Result<std::vector<std::string>> WriteWatch::ClosedBy(pid_t pid) {
  std::vector<std::string> out;
  alignas(fanotify_event_metadata) std::array<char, 8192> buffer{};
  for (;;) {
    ssize_t length = read(events_.get(), buffer.data(), buffer.size());
    if (length < 0 && errno == EAGAIN) return out;
    if (length < 0 && (errno == ESRCH || errno == ENOENT)) continue;  // of who has gone since
    if (length <= 0) return Error::FromErrno("reading what was closed");
    const auto* event = reinterpret_cast<const fanotify_event_metadata*>(buffer.data());
    for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
      const UniqueFd file(event->fd);
      if (event->pid != pid || !file) continue;
      std::error_code gone;
      const auto path =
          std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file.get()), gone);
      out.push_back(gone ? gone.message() : path.string());
    }
  }
}

}  // namespace bpftune::testing
