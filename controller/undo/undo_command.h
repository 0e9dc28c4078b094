// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The command `bpftune --undo`; the daemon that wrote the journals is dead.

#include "controller/log.h"
#include "controller/options.h"

namespace bpftune {

// Goes back by the journals below options.run_dir: the one of a daemon with these --netns, or all
// where none are given; those of daemons that run excepted. Returns the exit code: 0, nothing of
// ours is left.
int Undo(const Options& options, LogSink* log);

}  // namespace bpftune
