/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What the connections of a namespace want of a tunable, and the maximum that
 * it becomes: by either of two strategies, which differ in nothing else.
 */
#include "bpf/common/pure/correlation.h"
#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/limits.h"
#include "bpf/tuners/tcp_buffer_trial_logic.h"

/* What all connections of a namespace want of one tunable, in one sweep. */
struct demand {
	__u64 sweep; /* which one; if another, everything below is stale */
	__u64 need;	   /* largest need of a connection held back */
	__u64 need_of_any; /* largest need of any */
	__u64 rate;	   /* of the connection with the largest need */
	__u32 rtt_us;
	__u32 min_rtt_us;
	__u32 limited; /* connections held back */
	__u32 peer_family;
	__u8 peer[16];
	__u32 bloated_rtt_us; /* worst round trip of a bloated connection */
	__u32 bloated_min_rtt_us;
	__u8 scale_limited; /* the one with the largest need is */
	__u8 queueing;	    /* likewise */
	__u8 visit_asked;
	__u8 reserved[5];
	struct testimony testimony; /* on the raise under judgement */
};

/* Where latency follows the buffer (r >= 0.7), or it is not known whether it
 * does, a queueing connection gets no more. If the latency is there anyway,
 * whatever the buffer, it is no reason. */
PURE __u8 latency_forbids(const struct correlation *latency, const struct demand *demand)
{
	return demand->queueing &&
	       (!correlation_is_known(latency) || correlation_at_least(latency, 700));
}

/* The largest cap memory allows: a quarter of where the kernel's TCP memory
 * pressure begins, so that four connections at their limit do not reach it.
 * 0 pages (not known): no raise at all. */
PURE __u64 memory_ceiling(__u64 pressure_pages, __u64 page_bytes)
{
	return sat_mul(pressure_pages, page_bytes) / 4;
}

/* Is the cap short by more than an eighth? The headroom in the need is there
 * to be used before another line is written to the log. */
PURE __u8 falls_short(__u64 cap, __u64 need)
{
	return need > sat_add(cap, cap / 8);
}

enum {
	/* The smallest raise by steps, 1/2^n: a cap that falls short does so by
	 * more than this eighth, so smaller steps would only be more of them. */
	RAISE_SHIFT_SMALLEST = 3,
};
#define RAISE_ROUNDING 4096ULL

/* A raise to `target`, rounded and never over the ceiling; 0 where it is less
 * than a sixteenth, which is not worth a line in the log. */
PURE __u64 worthwhile_raise(__u64 cap, __u64 target, __u64 ceiling)
{
	target = sat_add(target, RAISE_ROUNDING - 1) / RAISE_ROUNDING * RAISE_ROUNDING;
	target = min_u64(target, ceiling);
	return target > sat_add(cap, cap / 16) ? target : 0;
}

/* Measured need: the maximum becomes a quarter more than a need that it falls
 * short of, so that the next measurement is not limited again, but at most
 * twice the cap (the need of a connection held back is only known from below).
 * 0: nothing to gain. */
PURE __u64 raised_to_need(__u64 cap, __u64 need, __u64 ceiling)
{
	__u64 target = min_u64(sat_add(need, need / 4), sat_mul(cap, 2));

	return falls_short(cap, need) ? worthwhile_raise(cap, target, ceiling) : 0;
}

/* Steps by learning rate: the maximum goes up by the step for this move,
 * wherever the need is, as long as it falls short of it. So it ends at 16/9 of
 * the need at most, but for rounding: from 8/9 of it, doubled. 0: nothing to
 * gain. */
PURE __u64 raised_by_step(__u64 cap, __u64 need, const struct learning_step *step,
			  __u64 ceiling)
{
	__u32 shift = min_u64(step->step_shift, RAISE_SHIFT_SMALLEST);
	__u64 target = grow_by_shift(cap, shift, PURE_U64_MAX);

	return falls_short(cap, need) ? worthwhile_raise(cap, target, ceiling) : 0;
}
