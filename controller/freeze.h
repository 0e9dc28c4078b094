// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// While a certain file exists, nothing is written: `touch /run/bpftune/all/freeze`.

#include <string>

#include "controller/log.h"
#include "controller/unique_fd.h"

namespace bpftune {

class Freeze {
 public:
  // `directory` exists; `log` must outlive this.
  Freeze(const std::string& directory, LogSink* log);

  // Is it there now? Says so in the log when that has changed since the last call. Where nothing
  // has happened in the directory, one read().
  bool Check();

  // Becomes readable when a Check() may say something; -1 where the kernel has no inotify instance
  // to spare, or the directory has gone: then it is said at the next request.
  int fd() const { return events_.get(); }

 private:
  bool MayHaveChanged();

  std::string path_;
  LogSink* log_;
  UniqueFd events_;
  bool checked_ = false;  // ever
  bool frozen_ = false;
};

}  // namespace bpftune
