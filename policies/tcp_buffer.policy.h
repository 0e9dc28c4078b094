/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * tcp_buffer: how large TCP's buffers may become. What may be changed, within
 * which bounds, what can be seen, and the words for it. Data only.
 *
 * The largest value the kernel accepts is INT_MAX; a buffer of 1 GiB already
 * holds 10 Gbit/s over 0.5 s, so that is the bound. 4096 is the kernel's own
 * lowest default (Documentation/networking/ip-sysctl.rst). tcp_mem is in pages:
 * 2^28 of the smallest are 1 TiB, and what the machine has is the real bound.
 */
#define TCP_BUFFER_TUNABLES(T)                                                \
	T(TCP_RMEM, "net.ipv4.tcp_rmem", "min default max", "tcp_rmem",       \
	  3, TUNABLE_PER_NETNS, 4096, 1 << 30)                                \
	T(TCP_WMEM, "net.ipv4.tcp_wmem", "min default max", "tcp_wmem",       \
	  3, TUNABLE_PER_NETNS, 4096, 1 << 30)                                \
	T(TCP_MEM, "net.ipv4.tcp_mem", "low pressure high", "tcp_mem",        \
	  3, 0, 16, 1 << 28)

#define TCP_BUFFER_INCREASE "need to increase TCP buffer size(s)"
#define TCP_BUFFER_INCREASE_WHY \
	"Need to increase buffer size(s) to maximize throughput"
#define TCP_BUFFER_INCREASE_REASON \
	"need to increase max buffer size to maximize throughput"
#define TCP_BUFFER_DECREASE "need to decrease TCP buffer size(s)"

#define TCP_BUFFER_SCENARIOS(S)                                               \
	S(RECEIVE_WINDOW_LIMITED, TCP_BUFFER_INCREASE,                        \
	  TCP_BUFFER_INCREASE_WHY, TCP_BUFFER_INCREASE_REASON,                \
	  "The window offered to {peer} is as large as {tunable} allows, and "\
	  "the application reads promptly: {arg0} kbit/s at a round-trip "    \
	  "time of {arg1} us; the path needs {arg2} bytes. Connections held " \
	  "back: {arg3}.")                                                    \
	S(WINDOW_SCALE_LIMITED, TCP_BUFFER_INCREASE,                          \
	  TCP_BUFFER_INCREASE_WHY, TCP_BUFFER_INCREASE_REASON,                \
	  "The connection with {peer} uses all that the window scale of its " \
	  "first packet allows: {arg0} kbit/s at a round-trip time of {arg1} "\
	  "us. It cannot get more; new connections will, up to what {arg2} "  \
	  "bytes hold. Connections held back: {arg3}.")                       \
	S(SEND_BUFFER_LIMITED, TCP_BUFFER_INCREASE,                           \
	  TCP_BUFFER_INCREASE_WHY, TCP_BUFFER_INCREASE_REASON,                \
	  "The send buffer towards {peer} is full and as large as {tunable} " \
	  "allows, below what the congestion window would take: {arg0} "      \
	  "kbit/s at a round-trip time of {arg1} us; the path needs {arg2} "  \
	  "bytes. Connections held back: {arg3}.")                            \
	S(LATENCY_FOLLOWS_BUFFER, TCP_BUFFER_DECREASE,                        \
	  "Round-trip time rises with the buffer, throughput does not",       \
	  "round-trip time following the buffer size",                        \
	  "Towards {peer} the round-trip time is {arg0} us, the shortest "    \
	  "seen {arg1} us; it follows the buffer size with a correlation of " \
	  "{arg2}/1000. The path needs {arg3} bytes. Connections that have "  \
	  "grown keep their buffer; new ones get the smaller one.")           \
	S(BUFFER_NOT_NEEDED, TCP_BUFFER_DECREASE,                             \
	  "Nothing has needed the upper half of the buffer for a long time",  \
	  "nothing needing the upper half of the buffer",                     \
	  "For {arg0} s no connection needed the upper half; the largest "    \
	  "need lately was {arg1} bytes, and {arg2} bytes were in force "     \
	  "before bpftune changed it.")                                       \
	S(RAISE_HELPED, "raise of TCP buffer size(s) helped",                 \
	  "The connections that asked for it deliver more",                   \
	  "the last raise having helped",                                     \
	  "Raise judged: towards {peer} {arg0} -> {arg1} kbit/s, with "       \
	  "{tunable} raised from {arg2} to {arg3} bytes.")                    \
	S(RAISE_IN_VAIN, "raise of TCP buffer size(s) did not help",          \
	  "The connections that asked for it use it and deliver no more",     \
	  "the last raise having helped nobody",                              \
	  "Raise judged: towards {peer} {arg0} -> {arg1} kbit/s, connections "\
	  "that asked for it: {arg2}. Something else holds them back, such "  \
	  "as the buffers of the peer. Taken back, and for this peer not "    \
	  "tried again for {arg3} s.")                                        \
	S(TCP_MEMORY_SHORT, "TCP memory running short",                       \
	  "TCP is near its memory limit, and the machine has more memory",    \
	  "TCP being near its memory limit",                                  \
	  "TCP holds {arg0} KiB, and from {arg1} KiB on the kernel takes "    \
	  "memory from connections; the machine has {arg2} KiB available.")   \
	S(TCP_MEMORY_NOT_NEEDED, "TCP memory limit larger than needed",       \
	  "TCP has not needed it for long, or the machine is short of memory",\
	  "TCP not needing it, or the machine being short of memory",         \
	  "TCP holds {arg0} KiB, and pressure began at {arg1} KiB; the "      \
	  "machine has {arg2} KiB available.")                                \
	S(BUFFERS_SQUEEZED, TCP_BUFFER_DECREASE,                              \
	  "TCP memory is short, and there is no more to be had",              \
	  "TCP memory being short",                                           \
	  "TCP holds {arg0} KiB, pressure begins at {arg1} KiB, and the "     \
	  "machine has {arg2} KiB available: connections are to start with "  \
	  "less and grow less.")                                              \
	S(MEMORY_BACK, "TCP memory is back",                                  \
	  "Buffers may be as large again as before memory was short",         \
	  "TCP memory being back",                                            \
	  "TCP holds {arg0} KiB, pressure begins at {arg1} KiB, and the "     \
	  "machine has {arg2} KiB available.")                                \
	S(RECEIVER_STALLED, "receive buffer of a connection stopped growing", \
	  "The kernel's receive autotuning waits for more data than the "     \
	  "window admits",                                                    \
	  "receive autotuning having stalled",                                \
	  "The receive buffer for {peer} stayed at {arg0} bytes after "       \
	  "{tunable} was raised; a pulse of SO_RCVLOWAT made it {arg1} "      \
	  "bytes. Autotuning of the connection goes on.")

/* tcp_mem counts pages, for the whole machine. MemAvailable is in KiB. */
#define TCP_BUFFER_SAMPLES(M)                                                 \
	M(TCP_MEM_LOW, SAMPLE_SYSCTL, "net.ipv4.tcp_mem", "0", 2000)          \
	M(TCP_MEM_PRESSURE, SAMPLE_SYSCTL, "net.ipv4.tcp_mem", "1", 2000)     \
	M(TCP_MEM_HIGH, SAMPLE_SYSCTL, "net.ipv4.tcp_mem", "2", 2000)         \
	M(MEM_AVAILABLE, SAMPLE_KEYED, "/proc/meminfo", "MemAvailable", 1000) \
	M(TCP_MEM_USED, SAMPLE_KEYED, "/proc/net/sockstat", "TCP mem", 1000)

#define TCP_BUFFER_COUNTERS(C)                                                \
	C(ESTABLISHED, "ends of connections established")                     \
	C(OLDER, "connections found that are older than the daemon")          \
	C(FLOWS, "connections seen carrying data")                            \
	C(RECEIVE_LIMITED, "connections limited by their receive window")     \
	C(SEND_LIMITED, "connections limited by their send buffer")           \
	C(SCALE_LIMITED, "connections at the limit of their window scale")    \
	C(SLOW_READER, "connections whose application reads slowly")          \
	C(LOCKED, "connections with a buffer set by the application")         \
	C(APP_LIMITED, "connections limited by their sending application")    \
	C(QUEUEING, "connections that already fill a queue on the path")      \
	C(HELD_IN_VAIN, "connections that the last raise did not help")       \
	C(HELD_LATENCY, "raises not made because latency follows the buffer") \
	C(HELD_MEMORY, "raises not made because TCP memory is short")         \
	C(HELD_YIELDED, "raises not made because the value is yours")         \
	C(RAISES_HELPED, "series of raises that helped")                      \
	C(RAISES_IN_VAIN, "series of raises that did not help, taken back")   \
	C(RAISES_UNKNOWN, "series of raises that could not be judged")        \
	C(GAINED, "kbit/s more after raises that helped, added up")           \
	C(VISIT_IN_VAIN, "receive buffers that a pulse did not wake")         \
	C(SWEEPS, "looks at all connections")

/* Judged after an hour, and not before series of raises were: where nothing is
 * held back for long the first stays. Both work in the same sweep. */
#define TCP_BUFFER_STRATEGIES(Y)                                              \
	Y(MEASURED_NEED, "measured need",                                     \
	  "raises to a quarter over what the connection needs", 3600,         \
	  HOOK_BIT(SWEEP))                                                    \
	Y(LEARNED_STEPS, "steps by learning rate",                            \
	  "raises by steps that grow from raise to raise", 3600,              \
	  HOOK_BIT(SWEEP))

#define TCP_BUFFER_HOOKS(H)                                                   \
	H(FLOW, "flow", HOOK_EVENT, HOOK_REQUIRED, 0,                         \
	  "no connection is seen; TCP buffers are not tuned")                 \
	H(SWEEP, "sweep", HOOK_PULSE, HOOK_REQUIRED, 0,                       \
	  "connections cannot be measured; TCP buffers are not tuned")        \
	H(GROW, "grow", HOOK_EVENT, 0, 0,                                     \
	  "every connection is remembered from its start, busy or not")       \
	H(DECAY, "decay", HOOK_PERIODIC, 0, 30000,                            \
	  "buffers that nobody needs any more do not come down")              \
	H(VISIT, "visit", HOOK_VISIT, HOOK_AT_START, 0,                       \
	  "connections older than the daemon are not seen, and a stalled "    \
	  "receive buffer is not woken")
