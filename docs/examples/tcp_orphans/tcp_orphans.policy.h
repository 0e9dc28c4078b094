/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * tcp_orphans: how many connections the kernel may have that no process holds
 * any more. What may be changed, within which bounds, what can be seen, and the
 * words for it. Data only.
 */
#define TCP_ORPHANS_TUNABLES(T)                                               \
	T(MAX_ORPHANS, "net.ipv4.tcp_max_orphans", "max", "max_orphans",      \
	  1, 0, 1024, 1 << 20)

#define TCP_ORPHANS_SCENARIOS(S)                                              \
	S(ORPHANS_NEAR_LIMIT, "need to increase orphan limit",                \
	  "The connections that no process holds approach their limit, at "   \
	  "which the kernel resets them",                                     \
	  "connections that no process holds approaching their limit",        \
	  "{arg0} connections were closed by their process and not yet by "   \
	  "the peer, and {arg1} are allowed; beyond that they are reset, and "\
	  "what they had still to send is lost. Memory allows {arg2}.")       \
	S(ORPHANS_FEW, "need to decrease orphan limit",                       \
	  "Nothing has needed the upper half of the orphan limit for long",   \
	  "nothing needing the upper half of the orphan limit",               \
	  "For {arg0} s fewer than a quarter as many orphans were there as "  \
	  "are allowed; {arg1} are there now, and {arg2} were allowed before "\
	  "bpftune changed it.")

/* Orphans are counted for the whole machine. MemAvailable is in KiB. */
#define TCP_ORPHANS_SAMPLES(M)                                                \
	M(MAX_ORPHANS, SAMPLE_SYSCTL, "net.ipv4.tcp_max_orphans", "0", 1000)  \
	M(ORPHANS, SAMPLE_KEYED, "/proc/net/sockstat", "TCP orphan", 1000)    \
	M(MEM_AVAILABLE, SAMPLE_KEYED, "/proc/meminfo", "MemAvailable", 5000)

#define TCP_ORPHANS_COUNTERS(C)                                               \
	C(LOOKS, "looks at the number of orphans")                            \
	C(HELD_YIELDED, "changes not made because the value is yours")

#define TCP_ORPHANS_HOOKS(H)                                                  \
	H(LOOK, "look", HOOK_PULSE, HOOK_REQUIRED, 0,                         \
	  "orphans are not counted; their limit is not tuned")
