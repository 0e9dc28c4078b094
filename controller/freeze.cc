// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/freeze.h"

#include <sys/inotify.h>
#include <unistd.h>

namespace bpftune {

Freeze::Freeze(const std::string& directory, LogSink* log)
    : path_(directory + "/freeze"), log_(log), events_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  const uint32_t comes_and_goes = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
  if (events_ && inotify_add_watch(events_.get(), directory.c_str(), comes_and_goes) < 0) {
    events_.reset();
  }
}

bool Freeze::Check() {
  char unread[1024];
  while (events_ && read(events_.get(), unread, sizeof(unread)) > 0) {
  }
  const bool is_there = access(path_.c_str(), F_OK) == 0;
  if (is_there != frozen_) {
    log_->Notice(is_there ? "'" + path_ + "' is there: nothing is changed until it is removed"
                          : "'" + path_ + "' was removed: tuning goes on");
  }
  frozen_ = is_there;
  return frozen_;
}

}  // namespace bpftune
