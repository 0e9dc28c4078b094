/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/* probes: a tuner that only watches, by means that some kernels let attach and never run. */
#define PROBES_TUNABLES(T)
#define PROBES_SCENARIOS(S)
#define PROBES_SAMPLES(M)
#define PROBES_COUNTERS(C)

#define PROBES_HOOKS(H)                                                               \
  H(CONNECT, "connect", HOOK_EVENT, 0, 0, "connections of this machine are not seen") \
  H(FUNCTION, "function", HOOK_EVENT, 0, 0, "no call of the function is seen")        \
  H(UNREACHED, "unreached", HOOK_EVENT, 0, 0, "nothing that others do is seen")
