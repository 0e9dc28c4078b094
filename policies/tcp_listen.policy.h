/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * tcp_listen: how many connections may wait to be accepted. What may be
 * changed, within which bounds, what can be seen, and the words for it. Data
 * only.
 *
 * The kernel takes any int. 65535 is what listen() could ask for when its
 * backlog had 16 bits (until 5.4), and what no application is known to need.
 */
#define TCP_LISTEN_TUNABLES(T)                                                \
	T(SOMAXCONN, "net.core.somaxconn", "max", "somaxconn",                \
	  1, TUNABLE_PER_NETNS, 1, 65535)                                     \
	T(MAX_SYN_BACKLOG, "net.ipv4.tcp_max_syn_backlog", "max",             \
	  "max_syn_backlog", 1, TUNABLE_PER_NETNS, 1, 65535)

#define TCP_LISTEN_INCREASE "need to increase listen backlog"
#define TCP_LISTEN_INCREASE_REASON "need to increase max listen backlog"

#define TCP_LISTEN_SCENARIOS(S)                                               \
	S(LISTEN_CUT, TCP_LISTEN_INCREASE,                                    \
	  "An application asked listen() for more than it got",               \
	  TCP_LISTEN_INCREASE_REASON,                                         \
	  "The application on port {arg0} asked listen() for a backlog of "   \
	  "{arg1} and was given {arg2}. The limit is applied at listen(): "   \
	  "this listener keeps what it was given and must listen again "      \
	  "(restart it) to profit. Listeners that were cut: {arg3}.")         \
	S(ACCEPT_QUEUE_OVERFLOWED, TCP_LISTEN_INCREASE,                       \
	  "Connections were dropped because too many waited to be accepted",  \
	  TCP_LISTEN_INCREASE_REASON,                                         \
	  "The accept queue on port {arg0} overflowed: it holds {arg1}, "     \
	  "{arg2} handshakes were dropped, and the application emptied it "   \
	  "within a second. The limit is applied at listen(): this listener " \
	  "must listen again (restart it) to profit. Listeners that "         \
	  "overflowed: {arg3}.")                                              \
	S(SYN_QUEUE_FULL, TCP_LISTEN_INCREASE,                                \
	  "Handshakes were refused although most of them are completed",      \
	  TCP_LISTEN_INCREASE_REASON,                                         \
	  "On port {arg0} {arg1} handshakes are under way, all that {tunable}"\
	  " admits to unknown hosts without SYN cookies; {arg2} were dropped "\
	  "while {arg3} were completed in the same time.")                    \
	S(BACKLOG_NOT_NEEDED, "need to decrease listen backlog",              \
	  "Nothing has needed the upper half of the backlog for a long time", \
	  "nothing needing the upper half of the listen backlog",             \
	  "For {arg0} s no listener asked for or used the upper half; the "   \
	  "largest need lately was {arg1}, and {arg2} was in force before "   \
	  "bpftune changed it. Listeners keep what they were given.")

/* tcp_mem counts pages, for the whole machine: low, pressure, high. */
#define TCP_LISTEN_SAMPLES(M)                                                 \
	M(TCP_MEM_PRESSURE, SAMPLE_SYSCTL, "net.ipv4.tcp_mem", "1", 5000)     \
	M(TCP_MEM_USED, SAMPLE_KEYED, "/proc/net/sockstat", "TCP mem", 1000)

#define TCP_LISTEN_COUNTERS(C)                                                \
	C(LISTENERS, "listeners seen")                                        \
	C(UNREAD, "listen() calls whose backlog was not read")           \
	C(CUT, "listeners that asked for more than somaxconn")                \
	C(OVERFLOWED, "listeners overflowed though they are emptied promptly")\
	C(SLOW, "listeners overflowed because the application is slow")       \
	C(OWN_LIMIT, "listeners overflowed at a limit of their own")          \
	C(SYN_FULL, "listeners whose SYN queue was full")                     \
	C(HELD_FLOOD, "raises not made because handshakes are not completed") \
	C(HELD_CEILING, "raises not made because of the ceiling")             \
	C(HELD_MEMORY, "raises not made because TCP memory is short")         \
	C(HELD_YIELDED, "raises not made because the value is yours")         \
	C(VISITS, "namespaces searched for older listeners")                  \
	C(SWEEPS, "looks at all listeners")

#define TCP_LISTEN_HOOKS(H)                                                   \
	H(LISTEN, "listen", HOOK_EVENT, HOOK_REQUIRED, 0,                     \
	  "no listener is seen; listen backlogs are not tuned")               \
	H(SWEEP, "sweep", HOOK_PULSE, HOOK_REQUIRED, 0,                       \
	  "accept queues cannot be looked at; listen backlogs are not tuned") \
	H(DECAY, "decay", HOOK_PERIODIC, 0, 30000,                            \
	  "backlogs that nobody needs any more do not come down")             \
	H(OLDER, "older", HOOK_VISIT, 0, 0,                                   \
	  "listeners older than the daemon are not seen until they listen again")
