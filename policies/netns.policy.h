/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/* netns: knows which network namespaces there are. Changes nothing. */
#define NETNS_TUNABLES(T)
#define NETNS_SCENARIOS(S)
#define NETNS_SAMPLES(M)

#define NETNS_COUNTERS(C)                                                      \
	C(INCOMPLETE, "times there were too many namespaces to walk them all") \
	C(NO_ROOM, "times a namespace found no room in the table of them")

#define NETNS_HOOKS(H)                                                        \
	H(WALK, "walk", HOOK_PULSE, HOOK_REQUIRED, 0,                         \
	  "what is known of namespaces that are gone takes up room until the daemon ends") \
	H(EXEC, "exec", HOOK_EVENT, 0, 0,                                     \
	  "namespaces that come and go between two walks are not counted")
