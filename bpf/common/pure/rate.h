/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * How fast a flow delivers, and what buffer that takes.
 *
 * The rate is measured over windows at least as long as the caller says (the
 * larger of a smoothed round trip and 40 ms serves), and the highest of them is
 * kept, losing 1/32 with every window: a flow that is held back shows its rate
 * only now and then, and a maximum that never faded would hold on to one burst.
 * A pause is one long window; it fades the maximum once, because a path nobody
 * used has not become slower.
 */
#include "bpf/common/pure/limits.h"

#define RATE_NS_PER_SEC 1000000000ULL
#define RATE_US_PER_SEC 1000000ULL

/* All zero is a good start: the first update only opens a window. */
struct rate {
	__u64 window_start_ns;  /* 0: no window is open */
	__u64 count_at_start;   /* the flow's counter then */
	__u64 max_bytes_per_s;  /* highest window, faded */
};

/* Closes a window of elapsed_ns (not 0) in which so many bytes went through. */
PURE void rate_note_window(struct rate *rate, __u64 bytes, __u64 elapsed_ns)
{
	__u64 sample = mul_div(bytes, RATE_NS_PER_SEC, elapsed_ns);
	__u64 faded = rate->max_bytes_per_s - (rate->max_bytes_per_s >> 5);

	rate->max_bytes_per_s = max_u64(sample, faded);
}

PURE void rate_open_window(struct rate *rate, __u64 now_ns, __u64 count)
{
	rate->window_start_ns = now_ns;
	rate->count_at_start = count;
}

/* Takes a 64-bit byte counter (a receiver's bytes_received) and returns the
 * highest rate in bytes/s, 0 until the first window has closed. A counter that
 * went back belongs to something else: the window starts anew. window_ns of 0
 * is taken as 1.
 */
PURE __u64 rate_update(struct rate *rate, __u64 now_ns, __u64 bytes,
		       __u64 window_ns)
{
	__u64 elapsed = sat_sub(now_ns, rate->window_start_ns);

	if (!rate->window_start_ns || bytes < rate->count_at_start) {
		rate_open_window(rate, now_ns, bytes);
	} else if (elapsed >= max_u64(window_ns, 1)) {
		rate_note_window(rate, bytes - rate->count_at_start, elapsed);
		rate_open_window(rate, now_ns, bytes);
	}
	return rate->max_bytes_per_s;
}

/* The same from a 32-bit counter of segments that may wrap (a sender's
 * delivered), each mss bytes long. Right as long as fewer than 2^32 segments
 * pass in one window. Never mix with rate_update() on one struct rate.
 */
PURE __u64 rate_update_segments(struct rate *rate, __u64 now_ns,
				__u32 segments, __u32 mss, __u64 window_ns)
{
	__u64 elapsed = sat_sub(now_ns, rate->window_start_ns);
	__u32 start = rate->count_at_start;
	__u64 delta = segments - start; /* modulo 2^32, as the counter is */

	if (!rate->window_start_ns) {
		rate_open_window(rate, now_ns, segments);
	} else if (elapsed >= max_u64(window_ns, 1)) {
		/* 32 bits times 32 bits fits */
		rate_note_window(rate, delta * mss, elapsed);
		rate_open_window(rate, now_ns, segments);
	}
	return rate->max_bytes_per_s;
}

/* Bandwidth-delay product: the bytes a path holds. */
PURE __u64 bdp_bytes(__u64 bytes_per_s, __u64 rtt_us)
{
	return mul_div(bytes_per_s, rtt_us, RATE_US_PER_SEC);
}

/* The tunable that a flow with this BDP needs: with headroom (in 16ths; 24 or
 * 25 is enough, 32 overflows a queue of one BDP on long paths) and divided by
 * the share of the tunable that carries payload (in 256ths: 164 for tcp_rmem,
 * 179 for tcp_wmem; measured as 0.64 and 0.7). A share of 0 is taken as all.
 */
PURE __u64 need_bytes(__u64 bdp, __u32 headroom_16ths, __u32 share_256ths)
{
	__u64 wanted = mul_div(bdp, headroom_16ths, 16);

	return mul_div(wanted, 256, share_256ths ? share_256ths : 256);
}
