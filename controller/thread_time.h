// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

#include <cstdint>
#include <ctime>

namespace bpftune {

// What this thread has cost: work that lost its CPU to others has not become more expensive.
inline uint64_t ThreadTimeNs() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace bpftune
