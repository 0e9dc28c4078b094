/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * udp_buffer: how large the buffers of sockets other than autotuned TCP may be.
 * What may be changed, within which bounds, what can be seen, and the words for
 * it. Data only.
 *
 * setsockopt() stores the double of a size, in an int: 1 GiB is the most that
 * it can keep (INT_MAX / 2 in sk_setsockopt(), net/core/sock.c). 4096 is below
 * what the kernel takes for a minimum (SOCK_MIN_RCVBUF). udp_mem is in pages:
 * 2^28 of the smallest are 1 TiB, and what the machine has is the real bound.
 */
#define UDP_BUFFER_TUNABLES(T)                                                \
	T(RMEM_MAX, "net.core.rmem_max", "max", "rmem_max",                   \
	  1, 0, 4096, 1 << 30)                                                \
	T(WMEM_MAX, "net.core.wmem_max", "max", "wmem_max",                   \
	  1, 0, 4096, 1 << 30)                                                \
	T(RMEM_DEFAULT, "net.core.rmem_default", "default", "rmem_default",   \
	  1, 0, 4096, 1 << 30)                                                \
	T(UDP_MEM, "net.ipv4.udp_mem", "low pressure high", "udp_mem",        \
	  3, 0, 16, 1 << 28)

#define UDP_BUFFER_INCREASE "need to increase socket buffer size(s)"

#define UDP_BUFFER_SCENARIOS(S)                                               \
	S(REQUEST_CUT, UDP_BUFFER_INCREASE,                                   \
	  "An application asked for a larger socket buffer than it got",      \
	  "need to increase max socket buffer size",                          \
	  "'{comm}' (process {arg0}) asked for a socket buffer of {arg1} "    \
	  "bytes and was given {arg2} without an error. The limit is applied "\
	  "when it asks: the socket keeps what it was given, and the "        \
	  "application gets the new size at its next request (restart it). "  \
	  "Open sockets that were cut: {arg3}.")                              \
	S(BURST_LOST, UDP_BUFFER_INCREASE,                                    \
	  "Bursts of datagrams were lost at a socket of the default size",    \
	  "need to increase default receive buffer size",                     \
	  "The UDP socket on port {arg0} in the network namespace "           \
	  "net:[{arg3}] has a receive buffer of {arg1} bytes, the default, "  \
	  "and lost {arg2} datagrams of a burst. Open sockets keep their "    \
	  "size: the application gets the new one at its next socket "        \
	  "(restart it).")                                                    \
	S(UDP_MEMORY_SHORT, "UDP memory running short",                       \
	  "UDP is near its memory limit, and the machine has more memory",    \
	  "UDP being near its memory limit",                                  \
	  "UDP holds {arg0} KiB, and from {arg1} KiB on the kernel drops "    \
	  "datagrams; the machine has {arg2} KiB available.")                 \
	S(UDP_MEMORY_NOT_NEEDED, "UDP memory limit larger than needed",       \
	  "UDP has not needed it for long, or the machine is short of memory",\
	  "UDP not needing it, or the machine being short of memory",         \
	  "UDP holds {arg0} KiB, and the limit began at {arg1} KiB; the "     \
	  "machine has {arg2} KiB available.")                                \
	S(SIZE_NOT_NEEDED, "need to decrease socket buffer size(s)",          \
	  "Nothing has needed the upper half of the size for a long time",    \
	  "nothing needing the upper half of the socket buffer size",         \
	  "For {arg0} s nothing asked for or lacked the upper half; the "     \
	  "largest need lately was {arg1} bytes, and {arg2} bytes were in "   \
	  "force before bpftune changed it. Sockets keep what they were "     \
	  "given.")                                                           \
	S(MACHINE_MEMORY_SHORT, "need to decrease socket buffer size(s)",     \
	  "The machine has not enough memory for sockets of that size",       \
	  "memory being short",                                               \
	  "The machine has {arg0} KiB available, which allows {arg1} bytes; " \
	  "{arg2} bytes were in force before bpftune changed it. Sockets "    \
	  "keep what they were given.")

/* udp_mem counts pages, for the whole machine. MemAvailable is in KiB. What is
 * decided about is read before each pulse. */
#define UDP_BUFFER_SAMPLES(M)                                                 \
	M(RMEM_MAX, SAMPLE_SYSCTL, "net.core.rmem_max", "0", 100)             \
	M(WMEM_MAX, SAMPLE_SYSCTL, "net.core.wmem_max", "0", 100)             \
	M(RMEM_DEFAULT, SAMPLE_SYSCTL, "net.core.rmem_default", "0", 100)     \
	M(UDP_MEM_LOW, SAMPLE_SYSCTL, "net.ipv4.udp_mem", "0", 100)           \
	M(UDP_MEM_PRESSURE, SAMPLE_SYSCTL, "net.ipv4.udp_mem", "1", 100)      \
	M(UDP_MEM_HIGH, SAMPLE_SYSCTL, "net.ipv4.udp_mem", "2", 100)          \
	M(UDP_MEM_USED, SAMPLE_KEYED, "/proc/net/sockstat", "UDP mem", 100)   \
	M(MEM_AVAILABLE, SAMPLE_KEYED, "/proc/meminfo", "MemAvailable", 1000)

#define UDP_BUFFER_COUNTERS(C)                                                \
	C(CUT, "sockets that were given less than they asked for")            \
	C(FORCED, "sockets that took more by SO_RCVBUFFORCE or SO_SNDBUFFORCE")\
	C(ANY, "requests for as much as there is")                            \
	C(BURSTS, "bursts lost at sockets of the default size")               \
	C(OVERLOADED, "losses that went on, for lack of a prompt reader")      \
	C(OLDER, "bursts lost at sockets older than the last raise")          \
	C(OWN_SIZE, "bursts lost at sockets with a size of their own")        \
	C(OUT_OF_MEMORY, "datagrams lost for lack of UDP memory")             \
	C(HELD_CEILING, "raises not made because of the ceiling")             \
	C(HELD_YIELDED, "raises not made because the value is yours")         \
	C(SWEEPS, "looks at all requests and losses")

#define UDP_BUFFER_HOOKS(H)                                                   \
	H(REQUEST, "request", HOOK_EVENT, 0, 0,                               \
	  "requests for larger buffers are not seen; rmem_max, wmem_max stay")\
	H(LOSS, "loss", HOOK_EVENT, 0, 0,                                     \
	  "datagrams lost are not seen; rmem_default stays, udp_mem is late") \
	H(SWEEP, "sweep", HOOK_PULSE, HOOK_REQUIRED, 0,                       \
	  "requests cannot be looked at; socket buffers are not tuned")
