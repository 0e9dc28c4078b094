/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * ip_frag: how much memory fragments may take that wait for the rest of their
 * datagram. What may be changed, within which bounds, what can be seen, and
 * the words for it. Data only.
 *
 * The kernel takes any long that is not below low_thresh. The real bound is the
 * machine's memory (ip_frag_logic.h); 4 GiB hold what 10 Gbit/s bring in 3 s.
 * 0 switches reassembly off, and is nothing that is ever written.
 */
#define IP_FRAG_TUNABLES(T)                                                   \
	T(IPFRAG, "net.ipv4.ipfrag_high_thresh", "bytes",                     \
	  "ipfrag_thresh", 1, TUNABLE_PER_NETNS, 1, 1LL << 32)                \
	T(IP6FRAG, "net.ipv6.ip6frag_high_thresh", "bytes",                   \
	  "ip6frag_thresh", 1, TUNABLE_PER_NETNS, 1, 1LL << 32)

#define IP_FRAG_DECREASE "need to decrease fragment memory"

#define IP_FRAG_SCENARIOS(S)                                                  \
	S(FRAGMENT_MEMORY_FULL, "need to increase fragment memory",           \
	  "Fragments are dropped for lack of memory, and most datagrams are " \
	  "completed",                                                        \
	  "need to increase fragment memory",                                 \
	  "Fragments that wait for the rest of their datagram take {arg0} "   \
	  "bytes, so {arg1} were dropped since the last look. Of the "        \
	  "datagrams lately, {arg2} were completed and {arg3} wait.")         \
	S(NEVER_COMPLETED, IP_FRAG_DECREASE,                                  \
	  "Most datagrams wait for fragments that do not arrive",             \
	  "fragments that do not arrive",                                     \
	  "{arg0} datagrams wait for fragments that do not arrive (lost, or " \
	  "never sent) and take {arg1} bytes; lately {arg2} were completed. " \
	  "{arg3} bytes were in force before bpftune changed it.")            \
	S(FRAGMENT_MEMORY_NOT_NEEDED, IP_FRAG_DECREASE,                       \
	  "Nothing has needed the upper half of it for a long time",          \
	  "nothing needing the upper half of fragment memory",                \
	  "For {arg0} s fragments have not taken half of it; the most lately "\
	  "was {arg1} bytes, and {arg2} bytes were in force before bpftune "  \
	  "changed it.")                                                      \
	S(MACHINE_MEMORY_SHORT, IP_FRAG_DECREASE,                             \
	  "What was given to fragments is too much for the machine now",      \
	  "the machine being short of memory",                                \
	  "All raises together let fragments take {arg0} bytes more, and the "\
	  "machine has {arg1} bytes available.")

/* Rows of a family in the order of ip_frag.bpf.c, that of IPv4 first. */
#define IP_FRAG_SAMPLES(M)                                                    \
	M(COMPLETED, SAMPLE_PAIRED, "/proc/net/snmp", "Ip ReasmOKs",          \
	  SAMPLE_AT_VISIT)                                                    \
	M(EXPIRED, SAMPLE_PAIRED, "/proc/net/snmp", "Ip ReasmTimeout",        \
	  SAMPLE_AT_VISIT)                                                    \
	M(TIMEOUT_S, SAMPLE_SYSCTL, "net.ipv4.ipfrag_time", "0",              \
	  SAMPLE_AT_VISIT)                                                    \
	M(COMPLETED6, SAMPLE_LISTED, "/proc/net/snmp6", "Ip6ReasmOKs",        \
	  SAMPLE_AT_VISIT)                                                    \
	M(EXPIRED6, SAMPLE_LISTED, "/proc/net/snmp6", "Ip6ReasmTimeout",      \
	  SAMPLE_AT_VISIT)                                                    \
	M(TIMEOUT6_S, SAMPLE_SYSCTL, "net.ipv6.ip6frag_time", "0",            \
	  SAMPLE_AT_VISIT)                                                    \
	M(MEM_AVAILABLE, SAMPLE_KEYED, "/proc/meminfo", "MemAvailable", 1000)

#define IP_FRAG_COUNTERS(C)                                                   \
	C(DROPPED, "fragments dropped for lack of fragment memory")           \
	C(HELD_INCOMPLETE, "raises not made because few datagrams are completed") \
	C(HELD_CEILING, "raises not made because of the ceiling")             \
	C(HELD_YIELDED, "raises not made because the value is yours")         \
	C(LOOKS, "looks at the fragments of a namespace")

#define IP_FRAG_HOOKS(H)                                                      \
	H(DROP, "drop", HOOK_EVENT, HOOK_REQUIRED, 0,                         \
	  "dropped fragments are not seen; fragment memory is not tuned")     \
	H(LOOK, "look", HOOK_PULSE, HOOK_REQUIRED, 0,                         \
	  "namespaces are not looked at; fragment memory is not tuned")       \
	H(INSIDE, "inside", HOOK_VISIT, HOOK_REQUIRED, 0,                     \
	  "fragments cannot be counted; fragment memory is not tuned")
