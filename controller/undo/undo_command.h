// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The command `bpftune --undo`; the daemon that wrote the journals is dead.

#include <string>

#include "controller/log.h"
#include "controller/options.h"
#include "controller/result.h"

namespace bpftune {

// Goes back by the journals below options.run_dir: the one of a daemon with these --netns, or all
// where none are given; those of daemons that run excepted. Returns the exit code: 0, nothing of
// ours is left.
int Undo(const Options& options, LogSink* log);

// Of one instance (kept/instance.h). Whether nothing of ours is left there; fails if its daemon
// runs.
Result<bool> UndoInstance(const std::string& run_dir, const std::string& pin_dir,
                          const std::string& instance, LogSink* log);

}  // namespace bpftune
