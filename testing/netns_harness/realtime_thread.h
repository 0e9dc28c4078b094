// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// For the few places in tests that measure time on a machine which others keep busy.

#include <sched.h>

namespace bpftune::testing {

// This thread at a real-time priority, if it may be, for as long as the object lives. The priority
// is below the link emulator's, which must get the processor when we have given it a packet.
class RealtimeThread {
 public:
  RealtimeThread() : policy_(sched_getscheduler(0)) {
    sched_getparam(0, &parameters_);
    sched_param realtime{};
    realtime.sched_priority = 5;
    (void)sched_setscheduler(0, SCHED_FIFO, &realtime);  // refused: times are less exact
  }
  ~RealtimeThread() { (void)sched_setscheduler(0, policy_, &parameters_); }
  RealtimeThread(const RealtimeThread&) = delete;
  RealtimeThread& operator=(const RealtimeThread&) = delete;

 private:
  int policy_;
  sched_param parameters_{};
};

}  // namespace bpftune::testing
