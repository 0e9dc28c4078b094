/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/* spare: a tuner that no kernel has a use for, and of which nothing else works. */
#define SPARE_TUNABLES(T)
#define SPARE_SCENARIOS(S)
#define SPARE_SAMPLES(M)
#define SPARE_COUNTERS(C)

#define SPARE_HOOKS(H)                                               \
  H(CHECK, "check", HOOK_CHECK, 0, 0, "it is not known to be spare") \
  H(EVENT, "event", HOOK_EVENT, HOOK_REQUIRED, 0, "nothing is seen")
