/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/* sysctl: sees who else writes the tunables that tuners use. Changes nothing. */
#define SYSCTL_TUNABLES(T)
#define SYSCTL_SCENARIOS(S)
#define SYSCTL_SAMPLES(M)

#define SYSCTL_COUNTERS(C)                                                    \
	C(WRITES, "foreign writes of values in use")                          \
	C(SAME, "foreign writes that changed nothing")                        \
	C(NOT_NUMBERS, "foreign writes that were no numbers")                 \
	C(DENIED, "late writes of our own refused in favour of the administrator")

#define SYSCTL_HOOKS(H)                                                       \
	H(WATCH, "watch", HOOK_EVENT, 0, 0,                                   \
	  "an administrator's write is found by comparing, at the next decision") \
	H(ORDERS, "orders", HOOK_PULSE, HOOK_REQUIRED, 0,                     \
	  "a value cannot be yielded to the administrator; nothing is tuned")
