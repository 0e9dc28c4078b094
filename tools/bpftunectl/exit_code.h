// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What bpftunectl leaves with. Part of its interface: the help and the manual page list them.

namespace bpftune::ctl {

enum ExitCode {
  kFine = 0,
  kProblem = 1,     // it failed, or what was looked at is not as it should be
  kUsage = 2,       // the command line is wrong, or names something that is not there
  kNoDaemon = 3,    // no bpftune runs (status, doctor), or none has left anything to read
  kNotAllowed = 4,  // this user may not read or do that
};

}  // namespace bpftune::ctl
