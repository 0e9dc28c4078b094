// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What the daemon's one thread waits for, and the clocks it goes by. Never the wall clock: it
// jumps.

#include <cstdint>

#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune {

inline constexpr uint64_t kNever = UINT64_MAX;
inline constexpr uint64_t kNsPerMs = 1'000'000;
inline constexpr uint64_t kNsPerSecond = 1'000'000'000;

// CLOCK_MONOTONIC, as bpf_ktime_get_ns().
uint64_t NowNs();
// What this thread has cost: a pulse that lost its CPU to others has not become more expensive.
uint64_t ThreadTimeNs();

// Blocks the signals that the daemon acts on; they are read from the descriptor.
Result<UniqueFd> SignalFd();
// Adds a descriptor that is to be read to an epoll instance.
Status AddTo(int epoll, int fd);
// Sets a timerfd to a time; kNever disarms it.
void Arm(int timer, uint64_t due_ns);

}  // namespace bpftune
