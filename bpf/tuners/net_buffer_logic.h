/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What one CPU has received, dropped and broken off, and what it does besides;
 * and when a tunable is raised for it, judged, and brought down again.
 */
#include "bpf/common/pure/patience.h"

enum {
	/* /proc/stat counts in USER_HZ: 100 a second on all architectures that
	 * run BPF (include/asm-generic/param.h). */
	TICK_US = 10000,
	/* POLICY: one packet in a thousand is lost, the rate at which loss costs
	 * a TCP flow most of 100 Mbit/s over 40 ms (Mathis et al. 1997: rate ~
	 * 1.22 MSS / (RTT sqrt(p))); or so many are, however many came. */
	LOST_PERMILLE = 1,
	LOST_MANY = 32,
	/* POLICY: a CPU that is broken off less often than that loses nothing
	 * by it: the kernel goes on receiving in ksoftirqd. */
	SQUEEZED_PER_SECOND = 10,
	/* POLICY: the CPU does nothing but receive, a longer queue would only
	 * be longer ... */
	SATURATED_IDLE_PERMILLE = 50,
	SATURATED_SOFTIRQ_PERMILLE = 500,
	/* ... and has room to receive for longer. */
	ROOM_IDLE_PERMILLE = 200,
	/* A packet of 1500 bytes in its buffer takes 2304 (SKB_TRUESIZE), in a
	 * page of its own 4096 and a head. */
	PACKET_BYTES = 4096,
	/* POLICY: the backlogs of all CPUs may take so much of what is free. */
	BACKLOG_MEMORY_PART = 32,
	/* POLICY: how long a packet at the end of a full backlog may wait. */
	BACKLOG_DELAY_US = 20000,
	/* After so many raises there is something to judge: a factor of 8. */
	RAISES_TO_JUDGE = 3,
};

#define NET_SECOND_NS 1000000000ULL
/* A series of raises is over when nothing hurts for so long. */
#define SERIES_NS (10 * NET_SECOND_NS)
/* Nothing has hurt for so long, at first: the value may come down. */
#define QUIET_NS (600 * NET_SECOND_NS)
/* Between two steps down. */
#define STEP_DOWN_NS (30 * NET_SECOND_NS)

/* ---- one CPU ------------------------------------------------------------- */

/* What the kernel counts for a CPU. */
struct cpu_reading {
	__u64 now_ns;
	/* softnet_stat, modulo 2^32 */
	__u32 processed;
	__u32 dropped;	    /* of them ... */
	__u32 flow_limited; /* ... on purpose, by net.core.flow_limit_cpu_bitmap */
	__u32 squeezed;
	/* ticks; total is 0 where the CPU was not watched */
	__u64 idle;
	__u64 softirq; /* and hard ones */
	__u64 total;
	__u64 wait_ns; /* of tasks that could run; 0: not known */
	__u64 evidence; /* number of the evidence that is being gathered */
};

/* What is remembered of a CPU. All zero: not seen yet. */
struct cpu {
	struct cpu_reading last;
	__u64 lost;	   /* since the evidence began: in a full backlog ... */
	__u64 arrived;	   /* ... and all of them */
	__u64 squeezed_ns; /* when it was last squeezed */
};

/* What has happened on it between two looks. */
struct cpu_window {
	__u64 ns; /* 0: this is the first look */
	__u64 lost;
	__u64 processed;
	__u64 squeezed;
	/* Only where `timed`: it was watched all the time. */
	__u64 idle_permille;
	__u64 softirq_permille;
	__u64 softirq_us;
	__u64 wait_ns;
	__u8 timed;
	__u8 waits_known;
	__u8 reserved[6];
};

PURE void cpu_time_window(const struct cpu_reading *before, const struct cpu_reading *r,
			  struct cpu_window *w)
{
	__u64 ticks = sat_sub(r->total, before->total);
	__u64 softirq = sat_sub(r->softirq, before->softirq);

	if (!before->total || !r->total || !ticks)
		return;
	w->timed = 1;
	w->idle_permille = permille(sat_sub(r->idle, before->idle), ticks);
	w->softirq_permille = permille(softirq, ticks);
	w->softirq_us = sat_mul(softirq, TICK_US);
	w->waits_known = before->wait_ns && r->wait_ns;
	w->wait_ns = sat_sub(r->wait_ns, before->wait_ns);
}

PURE struct cpu_window cpu_observe(struct cpu *c, const struct cpu_reading *r)
{
	struct cpu_reading *before = &c->last;
	__u32 dropped = r->dropped - before->dropped; /* modulo 2^32, all four */
	__u32 on_purpose = r->flow_limited - before->flow_limited;
	__u32 processed = r->processed - before->processed;
	__u32 squeezed = r->squeezed - before->squeezed;
	struct cpu_window w = {};

	if (before->now_ns) {
		w.ns = max_u64(sat_sub(r->now_ns, before->now_ns), 1);
		w.lost = sat_sub(dropped, on_purpose);
		w.processed = processed;
		w.squeezed = squeezed;
		cpu_time_window(before, r, &w);
	}
	if (before->evidence != r->evidence)
		c->lost = c->arrived = 0;
	c->lost = sat_add(c->lost, w.lost);
	c->arrived = sat_add(c->arrived, sat_add(w.lost, w.processed));
	c->last = *r;
	return w;
}

/* It loses so many packets for lack of room that something is to be done. */
PURE __u8 cpu_is_losing(const struct cpu *c)
{
	return c->lost >= LOST_MANY ||
	       (c->lost && permille(c->lost, c->arrived) >= LOST_PERMILLE);
}

PURE __u8 cpu_is_squeezed(const struct cpu_window *w)
{
	return w->squeezed && mul_div(w->squeezed, NET_SECOND_NS, w->ns) >= SQUEEZED_PER_SECOND;
}

PURE __u8 cpu_is_saturated(const struct cpu_window *w)
{
	return w->idle_permille < SATURATED_IDLE_PERMILLE &&
	       w->softirq_permille >= SATURATED_SOFTIRQ_PERMILLE;
}

PURE __u8 cpu_has_room(const struct cpu_window *w)
{
	return w->idle_permille >= ROOM_IDLE_PERMILLE;
}

/* Was it time that ran out, rather than packets? Then each pass that was broken
 * off has taken about `budget_usecs`; half of it, because time is in ticks. */
PURE __u8 cpu_ran_out_of_time(const struct cpu_window *w, __u64 budget_usecs)
{
	return w->squeezed && w->softirq_us / w->squeezed >= budget_usecs / 2;
}

/* So many of a million packets. */
PURE __u64 per_million(__u64 part, __u64 whole)
{
	return whole ? mul_div(part, 1000000, whole) : 0;
}

/* The longest backlog that memory and latency allow: a part of what is
 * available, shared by `cpus`; and what this CPU receives in 20 ms, where it has
 * been receiving for long enough to tell. */
PURE __u64 backlog_ceiling(const struct cpu_window *w, __u64 available_bytes, __u32 cpus)
{
	__u64 memory = available_bytes / BACKLOG_MEMORY_PART / PACKET_BYTES / max_u64(cpus, 1);

	if (w->softirq_us < 2ULL * TICK_US)
		return memory;
	return min_u64(memory, mul_div(w->processed, BACKLOG_DELAY_US, w->softirq_us));
}

/* ---- one tunable --------------------------------------------------------- */

/* All zero is a good start. */
struct knob {
	__u64 hurt_ns;	     /* when it was last too small */
	__u64 moved_ns;	     /* either way */
	__u64 held_until_ns; /* no raise before */
	/* The series of raises under way. */
	__u64 from;
	__u64 before_ppm; /* of a million packets were concerned before it */
	__u32 raises;
	__u32 sequence;
	struct patience patience;
};

/* How long nothing must have hurt, and a raise that did harm is not tried. */
PURE __u64 knob_quiet_ns(const struct knob *k)
{
	return patience_ns(&k->patience, QUIET_NS);
}

/* The raised value: by what is known to have been missing, but by a quarter at
 * least and no more than to the double, and never above the ceiling. 0: there is
 * nothing to gain. */
PURE __u64 knob_raised(__u64 value, __u64 missing, __u64 ceiling)
{
	__u64 target = clamp_u64(sat_add(value, missing), sat_add(value, step_of(value, 2)),
				 sat_mul(value, 2));

	target = min_u64(target, ceiling);
	return target > value ? target : 0;
}

PURE void knob_note_raise(struct knob *k, __u64 now, __u64 value, __u64 ppm)
{
	if (!k->raises) {
		k->from = value;
		k->before_ppm = ppm;
		patience_note_raised(&k->patience, now);
	}
	k->raises++;
	k->moved_ns = k->hurt_ns = now;
}

/* The value has been raised for this again and again; yet more than half of what
 * it was raised against is still there, and hardly more gets through: an eighth
 * of what did before. (Of a burst far larger than the backlog much is lost even
 * when eight times as much as before gets through.) */
PURE __u8 knob_is_in_vain(const struct knob *k, __u64 value, __u64 ppm)
{
	__u64 before = min_u64(k->before_ppm, 1000000);

	return k->raises >= RAISES_TO_JUDGE && value > k->from && ppm > before / 2 &&
	       sat_sub(1000000, ppm) <= (1000000 - before) / 8 * 9;
}

PURE void knob_note_harm(struct knob *k, __u64 now)
{
	k->raises = 0;
	k->held_until_ns = now + knob_quiet_ns(k);
	k->moved_ns = now;
	patience_note_lowered(&k->patience, now);
}

/* True once for a series that has ended what it was for. */
PURE __u8 knob_has_helped(struct knob *k, __u64 now)
{
	if (!k->raises || now - k->hurt_ns < SERIES_NS)
		return 0;
	k->raises = 0;
	return 1;
}

/* The way down, half of the value at a time; 0 while it is not time for it, or
 * it is where it was found. */
PURE __u64 knob_lowered(const struct knob *k, __u64 now, __u64 value, __u64 baseline)
{
	if (value <= baseline || now - k->hurt_ns < knob_quiet_ns(k) ||
	    now - k->moved_ns < STEP_DOWN_NS)
		return 0;
	return shrink_by_shift(value, 1, baseline);
}
