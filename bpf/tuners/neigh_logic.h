/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * How many neighbours the kernel may know: the pure part of neigh's decisions
 * about gc_thresh1..3. One table for each family, for the whole kernel.
 *
 * neigh_alloc() (net/core/neighbour.c) makes no entry where there are
 * gc_thresh3 already and none can be thrown out; the packet is lost, the
 * application is not told. Above gc_thresh2 it looks every five seconds for
 * entries to throw out, below gc_thresh1 nobody does.
 */
#include "bpf/common/pure/limits.h"

/* Arrivals are counted in windows. POLICY: so short that 512 entries, half of
 * the kernel's default, fill most of one if they come every 50 us. */
#define NEIGH_WINDOW_NS 25000000ULL
/* POLICY: room for what arrives in 16 windows, four times the 100 ms in which
 * the next look may come (BEAT_MIN_MS) and a raise be made. */
#define NEIGH_ROOM_WINDOWS 16
/* POLICY: and for so many times what there is. */
#define NEIGH_ROOM_FACTOR 4
/* A number that has been extrapolated from less than this is noise. */
#define NEIGH_WINDOW_LEAST_NS 1000000ULL

/* What an entry takes: struct neighbour in its slab, 512 bytes, its place in
 * the hash, and the smallest packet that waits for it (truesize 768: an sk_buff
 * and its head), with half of the entries waiting. */
#define NEIGH_ENTRY_BYTES 1024
/* POLICY: one family may take a 64th of the memory, and of what is available now
 * no more than an eighth. */
#define NEIGH_SHARE_OF_ALL 64
#define NEIGH_SHARE_OF_AVAILABLE 8
/* With it gc_thresh1 is 1024 times its default of 128, and more than that from
 * where it was the applier refuses (controller/limits.h). */
#define NEIGH_MOST 524288ULL
/* What is set is a multiple of this. */
#define NEIGH_ROUNDING 1024ULL

enum { NEIGH_THRESHOLDS = 3 };

/* Entries made lately. All zero is a good start. */
struct neigh_arrivals {
	__u64 window_ns; /* when the window under way began */
	__u32 window;	 /* made in it ... */
	__u32 before;	 /* ... and in the one right before it */
};

/* An entry is made. Several CPUs may call it at once: what gets lost is few. */
PURE void neigh_arrive(struct neigh_arrivals *a, __u64 now_ns)
{
	__u64 since = sat_sub(now_ns, a->window_ns);

	if (since >= NEIGH_WINDOW_NS) {
		a->before = since < 2 * NEIGH_WINDOW_NS ? a->window : 0;
		a->window = 0;
		a->window_ns = now_ns;
	}
	a->window++;
}

/* How many arrive in a window, going by the busier of the last two. */
PURE __u64 neigh_per_window(const struct neigh_arrivals *a, __u64 now_ns)
{
	__u64 since = max_u64(sat_sub(now_ns, a->window_ns), NEIGH_WINDOW_LEAST_NS);

	if (since >= 2 * NEIGH_WINDOW_NS)
		return 0;
	if (since >= NEIGH_WINDOW_NS)
		return a->window;
	return max_u64(a->window * NEIGH_WINDOW_NS / since, a->before);
}

/* Half full: time to raise, and the upper half is in use. */
PURE __u8 neigh_is_near(__u64 entries, __u64 thresh3)
{
	return entries >= thresh3 / 2;
}

/* The most entries that memory allows; 0: not known, no raise at all. */
PURE __u64 neigh_ceiling(__u64 total_kib, __u64 available_kib)
{
	__u64 kib = min_u64(total_kib / NEIGH_SHARE_OF_ALL,
			    available_kib / NEIGH_SHARE_OF_AVAILABLE);

	return min_u64(kib * 1024 / NEIGH_ENTRY_BYTES, NEIGH_MOST);
}

/* Another gc_thresh3, with room for what arrives; 0: nothing to gain below the
 * ceiling. */
PURE __u64 neigh_raised(__u64 entries, __u64 per_window, __u64 thresh3, __u64 ceiling)
{
	__u64 room = sat_add(entries, sat_mul(per_window, NEIGH_ROOM_WINDOWS));
	__u64 target = max_u64(room, sat_mul(entries, NEIGH_ROOM_FACTOR));

	target = sat_add(target, NEIGH_ROUNDING - 1) / NEIGH_ROUNDING * NEIGH_ROUNDING;
	target = min_u64(target, ceiling);
	return target > thresh3 ? target : 0;
}

/* The three, in the ratio 1:2:4, none of them below `least`, which need not be in
 * that ratio: where that is all, it is what comes out. */
PURE void neigh_scale(__u64 thresh3, const __s64 *least, __s64 *out)
{
	__s64 high = PURE_S64(thresh3);
	__u8 is_least = high <= least[NEIGH_THRESHOLDS - 1];

	for (int i = NEIGH_THRESHOLDS - 1; i >= 0; i--) {
		out[i] = is_least || high < least[i] ? least[i] : high;
		high >>= 1;
	}
}

/* How far gc_thresh3 may come down: twice what there was lately and a quarter more,
 * so that it is not near (neigh_is_near()) at once, but not below what was found. */
PURE __u64 neigh_floor(__u64 need, __u64 baseline3)
{
	return max_u64(sat_add(sat_mul(need, 2), need / 2), baseline3);
}
