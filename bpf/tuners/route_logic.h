/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * The decisions of the route tuner, as functions of numbers; the same code runs
 * in BPF and in the tests on the host. Routes are counted as the kernel counts
 * them for the limit: copies made for single hosts and CPUs.
 */
#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/patience.h"
#include "bpf/common/pure/peak.h"

/* Four of the looks that come while routes are many. */
#define ROUTE_AHEAD_NS 4000000000ULL

enum {
	/* A rt6_info is 256 bytes (ip6_dst_cache in /proc/slabinfo of 6.1);
	 * POLICY: as much again for its exception and metrics. */
	ROUTE_BYTES = 512,
	/* POLICY: one namespace's routes may take 1/64 of the memory that is
	 * available. They are made by packets, also of those who mean harm. */
	ROUTE_MEMORY_SHIFT = 6,
	/* gc_thresh is 1024 and max_size 4096 (ip6_route_net_init() in
	 * net/ipv6/route.c): a quarter. */
	ROUTE_THRESH_SHIFT = 2,
	/* The policy's bound. */
	ROUTE_MOST = 1 << 20,
};

/* What the kernel says of one namespace. */
struct route_look {
	__u64 now_ns;
	__u64 entries; /* routes in use, 32 for each CPU more or less */
	__u64 max_size;
	__u64 gc_thresh;
};

/* What is remembered of a namespace whose routes were many. All zero: nothing. */
struct route_room {
	struct learning_step step;
	struct patience patience;
	struct peak need;
	__u64 needed_ns; /* when the upper half was last needed */
	__u64 entries;	 /* at the last look ... */
	__u64 looked_ns; /* ... which was then */
};

/* The most that memory allows. Unknown (0 kB): no raise at all. */
PURE __u64 route_ceiling(__u64 available_kb)
{
	return min_u64(sat_mul(available_kb, 1024) / ROUTE_BYTES >> ROUTE_MEMORY_SHIFT, ROUTE_MOST);
}

/* Room for twice what is in use: that much is needed. */
PURE __u64 route_need(const struct route_look *look)
{
	return sat_mul(look->entries, 2);
}

/* Are there so many that the namespace is worth remembering? From here the
 * kernel tidies up, too (see ROUTE_THRESH_SHIFT). */
PURE int route_is_many(const struct route_look *look)
{
	return look->entries > look->max_size >> ROUTE_THRESH_SHIFT;
}

/* What is kept of a look, behind all that is asked of it. */
PURE void route_note(struct route_room *room, const struct route_look *look, __u64 half_life_ns)
{
	room->entries = look->entries;
	room->looked_ns = look->now_ns;
	peak_note(&room->need, look->now_ns, route_need(look), half_life_ns);
	if (route_need(look) > look->max_size / 2)
		room->needed_ns = look->now_ns;
}

/* Will they reach the limit within ROUTE_AHEAD_NS, at the speed since the last
 * look? An older look says nothing of the speed: then only a soon one will. */
PURE int route_is_growing(const struct route_room *room, const struct route_look *look)
{
	__u64 elapsed = sat_sub(look->now_ns, room->looked_ns);

	if (look->entries <= room->entries)
		return 0;
	if (elapsed > ROUTE_AHEAD_NS)
		return route_is_many(look);
	return sat_mul(look->entries - room->entries, ROUTE_AHEAD_NS) >
	       sat_mul(sat_sub(look->max_size, look->entries), elapsed);
}

/* A raised max_size: room for twice what is in use, at least a quarter more and
 * at most double, within the ceiling. 0: it is large enough, or cannot be. */
PURE __u64 route_raised(const struct route_look *look, __u64 ceiling)
{
	__u64 target = max_u64(route_need(look), look->max_size + look->max_size / 4);

	if (route_need(look) <= look->max_size)
		return 0;
	target = min_u64(min_u64(target, sat_mul(look->max_size, 2)), ceiling);
	return target > look->max_size ? target : 0;
}

/* The gc_thresh that belongs to this max_size, never below what it was before
 * we came. */
PURE __u64 route_thresh(__u64 max_size, __u64 baseline)
{
	return max_u64(max_size >> ROUTE_THRESH_SHIFT, baseline);
}

/*
 * A lowered max_size, one step towards what it was before we came, when the
 * upper half has not been needed for unneeded_ns, or longer if it came back. 0: not
 * now. `step` is what
 * route_room.step becomes if the change is asked for.
 */
PURE __u64 route_lowered(const struct route_room *room, const struct route_look *look,
			 __u64 baseline, __u64 unneeded_ns, __u64 half_life_ns,
			 __u64 horizon_ns, struct learning_step *step)
{
	__u64 floor = max_u64(peak_now(&room->need, look->now_ns, half_life_ns), baseline);

	*step = room->step;
	if (sat_sub(look->now_ns, room->needed_ns) < patience_ns(&room->patience, unneeded_ns) ||
	    !learning_worth_lowering(look->max_size, floor, baseline))
		return 0;
	learning_step_move(step, look->now_ns, -1, horizon_ns);
	return learning_step_apply(step, look->max_size, floor, look->max_size);
}
