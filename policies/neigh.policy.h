/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * neigh: the tables of neighbours (ARP, IPv6 neighbour discovery). What may be
 * changed, within which bounds, what can be seen, and the words for it. Data
 * only.
 *
 * The three thresholds of a family are one tunable: they hold together. The
 * kernel takes any int from 0 on; 524288 is NEIGH_MOST in neigh_logic.h, 16 MiB
 * NEIGH_QUEUE_MOST in neigh_queue_logic.h.
 */
#define NEIGH_TUNABLES(T)                                                     \
	T(TABLE_IPV4, "net.ipv4.neigh.default.gc_thresh{1,2,3}",              \
	  "gc_thresh1 gc_thresh2 gc_thresh3", "neigh_ipv4", 3, 0, 0, 524288)  \
	T(TABLE_IPV6, "net.ipv6.neigh.default.gc_thresh{1,2,3}",              \
	  "gc_thresh1 gc_thresh2 gc_thresh3", "neigh_ipv6", 3, 0, 0, 524288)  \
	T(QUEUE_IPV4, "net.ipv4.neigh.*.unres_qlen_bytes", "bytes",           \
	  "neigh_queue4", 1, TUNABLE_PER_NETNS, 0, 16 << 20)                  \
	T(QUEUE_IPV6, "net.ipv6.neigh.*.unres_qlen_bytes", "bytes",           \
	  "neigh_queue6", 1, TUNABLE_PER_NETNS, 0, 16 << 20)

#define NEIGH_SCENARIOS(S)                                                    \
	S(TABLE_NEARLY_FULL, "need to increase neighbour table size",         \
	  "The kernel is about to know as many neighbours as it may",         \
	  "need to increase neighbour table size",                            \
	  "The table held {arg0} neighbours, at least half of the most it "   \
	  "may, and {arg1} a second were added; when it is full, packets to " \
	  "further neighbours are lost. Memory allows {arg2} neighbours. The " \
	  "last one was added in the network namespace net:[{arg3}].")        \
	S(TABLE_NOT_NEEDED, "need to decrease neighbour table size",          \
	  "Nothing has needed the upper half of the neighbour table for a long time", \
	  "nothing needing the upper half of the neighbour table",            \
	  "For {arg0} s the table held less than half of the most it may; "   \
	  "lately it held up to {arg1}, now {arg2}.")                         \
	S(QUEUE_TOO_SHORT, "need to increase neighbour queue size",           \
	  "Packets were dropped while the address of their neighbour was being found", \
	  "need to increase neighbour queue size",                            \
	  "{arg0} packets were dropped because more waited for the address of " \
	  "their neighbour than {old} bytes hold, and it was found; {arg1} "  \
	  "would have held them. Memory allows {arg2}.")                      \
	S(QUEUE_NOT_NEEDED, "need to decrease neighbour queue size",          \
	  "No packet has been dropped while waiting for an address for a long time", \
	  "no packet having been dropped while waiting for an address",       \
	  "For {arg0} s nothing was dropped that waited for the address of a " \
	  "neighbour.")

/* gc_thresh3 tells whether this is the namespace that has the thresholds: the
 * first of the machine. */
#define NEIGH_SAMPLES(M)                                                      \
	M(HAS_IPV4, SAMPLE_SYSCTL, "net.ipv4.neigh.default.gc_thresh3", "0", 5000) \
	M(HAS_IPV6, SAMPLE_SYSCTL, "net.ipv6.neigh.default.gc_thresh3", "0", 5000) \
	M(MEM_TOTAL, SAMPLE_KEYED, "/proc/meminfo", "MemTotal", 60000)        \
	M(MEM_AVAILABLE, SAMPLE_KEYED, "/proc/meminfo", "MemAvailable", 1000)

#define NEIGH_COUNTERS(C)                                                     \
	C(ENTRIES, "neighbours added")                                        \
	C(FULL, "neighbours not added because the table was full")            \
	C(LOST, "packets dropped before the address of their neighbour was found") \
	C(HELD_CEILING, "raises not made because of the ceiling")             \
	C(HELD_YIELDED, "raises not made because the value is yours")        \
	C(LOOKS, "looks at the neighbour tables")

#define NEIGH_HOOKS(H)                                                        \
	H(CREATE, "create", HOOK_EVENT, 0, 0,                                 \
	  "tables are looked at once a second; a burst may fill one in less") \
	H(WAIT, "wait", HOOK_EVENT, 0, 0,                                     \
	  "packets dropped while waiting for an address are not seen")        \
	H(FOUND, "found", HOOK_EVENT, 0, 0,                                   \
	  "packets dropped while waiting for an address are not seen")        \
	H(TABLES, "tables", HOOK_PULSE, HOOK_REQUIRED, 0,                     \
	  "neighbour tables are not tuned")
