/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * net_buffer: how many received packets may wait for their CPU, and how long a
 * CPU may receive without a pause. What may be changed, within which bounds,
 * what can be seen, and the words for it. Data only.
 *
 * All three are the machine's, for every CPU. 131072 packets are 20 ms at 6.5
 * million a second, more than one CPU receives. 20000 us is what the kernel
 * itself takes where it has 100 ticks a second (two ticks, net/core/hotdata.c);
 * 8192 packets take that long at 2.4 us each, beyond that the time decides.
 */
#define NET_BUFFER_TUNABLES(T)                                                \
	T(MAX_BACKLOG, "net.core.netdev_max_backlog", "packets",              \
	  "max_backlog", 1, 0, 1, 131072)                                     \
	T(BUDGET, "net.core.netdev_budget", "packets", "netdev_budget",       \
	  1, 0, 1, 8192)                                                      \
	T(BUDGET_USECS, "net.core.netdev_budget_usecs", "us",                 \
	  "netdev_budget", 1, 0, 1, 20000)

#define NET_BUFFER_SCENARIOS(S)                                               \
	S(BACKLOG_OVERFLOWED, "need to increase receive backlog",             \
	  "Received packets were dropped because too many waited already",    \
	  "received packets being dropped before they were looked at",        \
	  "CPU {arg0} dropped {arg1} of {arg2} packets because as many as "   \
	  "{tunable} admits were waiting for it. Receiving took {arg3}/1000 " \
	  "of its time, so it comes after them: more may wait.")              \
	S(BUDGET_SPENT, "need to increase receive budget",                    \
	  "Receiving was broken off with packets waiting",                    \
	  "receiving being broken off with packets waiting",                  \
	  "CPU {arg0} broke off receiving {arg1} times in {arg2} ms because " \
	  "{tunable} was used up, and was idle for {arg3}/1000 of that time.")\
	S(RAISE_IN_VAIN, "raise for received packets did not help",           \
	  "As many packets are dropped, or passes broken off, as before",     \
	  "the raises having helped nobody",                                  \
	  "Raises judged: {arg0} of them, and of a million packets {arg1} "   \
	  "are concerned where {arg2} were before. Taken back, and not tried "\
	  "again for {arg3} s.")                                              \
	S(WAITS_FOLLOW_BUDGET, "need to decrease receive budget",             \
	  "The longer a CPU may receive, the longer tasks wait for it",       \
	  "tasks waiting longer for their CPU",                               \
	  "Tasks wait for {arg0}/1000 of the time for the CPUs that receive " \
	  "most; that follows the receive budget with a correlation of "      \
	  "{arg1}/1000. Not tried again for {arg2} s.")                       \
	S(NOT_NEEDED, "receive backlog or budget larger than needed",         \
	  "No packet was dropped and no pass broken off for a long time",     \
	  "nothing having needed it for a long time",                         \
	  "For {arg0} s nothing was dropped or broken off for the lack of "   \
	  "it; {arg1} was in force before bpftune changed it.")

/* softnet_stat has a line for each CPU that is online, of which the 13th number
 * is the CPU's (5.10); /proc/stat counts ticks, schedstat nanoseconds. What is
 * read 0 times by itself is read while something is being dropped. */
#define NET_BUFFER_SAMPLES(M)                                                 \
	M(SOFTNET, SAMPLE_TABLE, "/proc/net/softnet_stat", "softnet 16", 100) \
	M(CPU_TIMES, SAMPLE_TABLE, "/proc/stat", "cpu_times 10 cpu", 0)       \
	M(CPU_WAITS, SAMPLE_TABLE, "/proc/schedstat", "cpu_waits 10 cpu", 0)  \
	M(MEM_AVAILABLE, SAMPLE_KEYED, "/proc/meminfo", "MemAvailable", 0)    \
	M(MAX_BACKLOG, SAMPLE_SYSCTL, "net.core.netdev_max_backlog", "0", 0)  \
	M(BUDGET, SAMPLE_SYSCTL, "net.core.netdev_budget", "0", 0)            \
	M(BUDGET_USECS, SAMPLE_SYSCTL, "net.core.netdev_budget_usecs", "0", 0)

#define NET_BUFFER_COUNTERS(C)                                                \
	C(LOST, "packets dropped because the backlog was full")               \
	C(SQUEEZED, "times that receiving was broken off")                    \
	C(HELD_SATURATED, "raises not made because the CPU does nothing else")\
	C(HELD_NO_ROOM, "raises not made because the CPU is hardly idle")     \
	C(HELD_CEILING, "raises not made because of the ceiling")             \
	C(HELD_YIELDED, "raises not made because the value is yours")         \
	C(RAISES_HELPED, "series of raises that helped")                      \
	C(RAISES_IN_VAIN, "series of raises that did not help, taken back")   \
	C(WATCHED, "looks at what CPUs do and what waits for them")           \
	C(LOOKS, "looks at what CPUs have received")

#define NET_BUFFER_HOOKS(H)                                                   \
	H(LOOK, "look", HOOK_PULSE, HOOK_REQUIRED, 0,                         \
	  "dropped packets are not seen; receive backlogs are not tuned")
