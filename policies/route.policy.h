/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * route: how many IPv6 routes of its own a network namespace may remember. What
 * may be changed, within which bounds, what can be seen, and the words for it.
 * Data only.
 *
 * Both belong together: the kernel begins to tidy up at gc_thresh and refuses
 * at max_size. It takes any int; a million entries of half a kilobyte are what
 * no host is known to need.
 */
#define ROUTE_TUNABLES(T)                                                     \
	T(MAX_SIZE, "net.ipv6.route.max_size", "max", "ipv6_route",           \
	  1, TUNABLE_PER_NETNS, 1, 1 << 20)                                   \
	T(GC_THRESH, "net.ipv6.route.gc_thresh", "threshold", "ipv6_route",   \
	  1, TUNABLE_PER_NETNS, 1, 1 << 20)

#define ROUTE_NO_LIMIT                                                        \
	"there is nothing to tune: this kernel has no limit to IPv6 routes, " \
	"net.ipv6.route.max_size is not used any more"

#define ROUTE_SCENARIOS(S)                                                    \
	S(ROUTES_NEAR_LIMIT, "need to increase IPv6 route limit",             \
	  "The IPv6 routes in use approach the limit, at which connections fail", \
	  "IPv6 routes in use approaching the limit",                         \
	  "{arg0} IPv6 routes were in use and {arg1} were allowed; at the "   \
	  "limit connections to further hosts fail. Memory allows {arg2}.")   \
	S(TIDIED_TOO_OFTEN, "need to increase IPv6 route threshold",          \
	  "The threshold for tidying up IPv6 routes is far below the limit",  \
	  "the IPv6 route limit having been raised",                          \
	  "{tunable} is kept at a quarter of net.ipv6.route.max_size, which " \
	  "is {arg1} now: above it the kernel looks through all routes twice "\
	  "a second. In use: {arg0}.")                                        \
	S(ROUTES_NOT_NEEDED, "need to decrease IPv6 route limit",             \
	  "Nothing has needed the upper half of the route limit for long",    \
	  "nothing needing the upper half of the IPv6 route limit",           \
	  "For {arg0} s fewer than a quarter as many IPv6 routes were in use "\
	  "as are allowed; the most lately was {arg1}, and {arg2} was in "    \
	  "force before bpftune changed it.")

#define ROUTE_SAMPLES(M)                                                      \
	M(MEM_AVAILABLE, SAMPLE_KEYED, "/proc/meminfo", "MemAvailable", 5000)

#define ROUTE_COUNTERS(C)                                                     \
	C(WALKS, "looks at the IPv6 routes of all namespaces")                \
	C(PRESSED, "times the kernel had to tidy up IPv6 routes")             \
	C(HELD_CEILING, "raises not made because of the ceiling")             \
	C(HELD_YIELDED, "raises not made because the value is yours")

#define ROUTE_HOOKS(H)                                                        \
	H(LIMIT, "limit", HOOK_CHECK, 0, 0,                                   \
	  "it is not known whether this kernel limits IPv6 routes at all")    \
	H(WALK, "walk", HOOK_PULSE, HOOK_REQUIRED, 0,                         \
	  "the routes in use cannot be counted; their limit is not tuned")    \
	H(PRESSURE, "pressure", HOOK_EVENT, 0, 0,                             \
	  "routes in use are counted every 5 s, not when they are many")
