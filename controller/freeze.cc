// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/freeze.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cstddef>

namespace bpftune {

Freeze::Freeze(const std::string& directory, LogSink* log)
    : path_(directory + "/freeze"), log_(log), events_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  const uint32_t changes =
      IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF | IN_ONLYDIR;
  if (events_ && inotify_add_watch(events_.get(), directory.c_str(), changes) < 0) events_.reset();
}

// Whether the directory has changed since the last call, as far as that is known.
bool Freeze::MayHaveChanged() {
  bool changed = !events_;
  alignas(inotify_event) char events[1024];
  ssize_t length = 0;
  while (events_ && (length = read(events_.get(), events, sizeof(events))) > 0) {
    changed = true;
    bool lost = false;
    for (size_t at = 0; at < static_cast<size_t>(length);) {
      const auto* const event = reinterpret_cast<const inotify_event*>(events + at);
      lost |= (event->mask & (IN_MOVE_SELF | IN_IGNORED)) != 0;
      at += sizeof(*event) + event->len;
    }
    if (lost) events_.reset();  // another directory may take its place
  }
  return changed;
}

bool Freeze::Check() {
  if (!MayHaveChanged() && checked_) return frozen_;
  checked_ = true;
  const bool is_there = access(path_.c_str(), F_OK) == 0;
  if (is_there != frozen_) {
    log_->Notice(is_there ? "'" + path_ + "' is there: nothing is changed until it is removed"
                          : "'" + path_ + "' was removed: tuning goes on");
  }
  frozen_ = is_there;
  return frozen_;
}

}  // namespace bpftune
