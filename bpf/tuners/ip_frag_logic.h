/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * The decisions of the ip_frag tuner, as functions of numbers; the same code
 * runs in BPF and in the tests on the host. Memory is in bytes as the kernel
 * accounts it, times are nanoseconds.
 *
 * What limits reassembly is the memory of datagrams that are not complete. Each
 * of them leaves it within the reassembly timeout, completed or given up. So
 * those that wait now are what can still be given up in one timeout, and they
 * are compared with those that were completed in one: only where most datagrams
 * are completed is more memory well spent. A flood of fragments that are never
 * completed therefore gets no more of it than the real traffic beside it
 * justifies.
 */
#include "bpf/common/pure/limits.h"

enum {
	/* What a fragment takes that fills an Ethernet frame: 2 KiB of data, an
	 * sk_buff (about 240 bytes) and the rest; net/core/skbuff.c. */
	FRAGMENT_BYTES = 2304,
	/* POLICY: all raises together may take this part of the memory that is
	 * available. It is the part at which the kernel lets TCP's memory
	 * pressure begin (tcp_init_mem() in net/ipv4/tcp.c). */
	FRAGMENTS_PART = 16,
	/* POLICY: and when it has become this part, they go down. */
	FRAGMENTS_MOST_PART = 8,
	/* POLICY: the past is worth so many times the datagrams that wait, and a
	 * raise is no larger. What goes beyond must be earned. */
	FRAGMENTS_CREDIT = 4,
};

/* One look at the fragments of one family in one namespace. */
struct frag_look {
	__u64 now_ns;
	__u64 timeout_ns; /* of reassembly; 0: not known */
	__u64 completed;  /* datagrams, ever (ReasmOKs) */
	__u64 expired;	  /* datagrams given up, ever (ReasmTimeout) */
	__u64 pending;	  /* datagrams that wait */
	__u64 memory;	  /* that they take */
	__u64 high;	  /* the threshold */
	__u64 dropped;	  /* fragments for lack of memory, since the last look */
};

/* What is remembered between looks. All zero: not looked at. */
struct frag_watch {
	__u64 looked_ns;
	__u64 completed;	/* ever, at the last look */
	__u64 window_ns;	/* when the window began: one timeout long */
	__u64 window_completed; /* in it */
	__u64 before_completed; /* in the window before */
};

/* What a look says. */
struct frag_finding {
	__u64 completed; /* in the last timeout */
	__u8 is_short;	 /* of memory: fragments are dropped, or soon will be */
	__u8 completes;	 /* most datagrams are completed */
	__u8 fills;	 /* it uses the upper half of what it may take */
	__u8 hopeless;	 /* it does, and few datagrams are ever completed */
};

/*
 * The first look finds a namespace in trouble, which may have begun a moment
 * or a minute ago. What is known of it is its whole past: where most datagrams
 * were completed, that counts like the window before, and so fades within one
 * timeout; up to a limit, since an attack on an old server has a long past.
 */
PURE void frag_begin(struct frag_watch *watch, const struct frag_look *look)
{
	watch->window_ns = look->now_ns;
	watch->window_completed = 0;
	watch->before_completed = min_u64(sat_sub(look->completed, look->expired),
					  sat_mul(look->pending, FRAGMENTS_CREDIT));
	watch->completed = look->completed;
}

/* How many datagrams were completed in the last timeout: a window that slides,
 * as if those of the window before were spread evenly over it. */
PURE __u64 frag_completed(struct frag_watch *watch, const struct frag_look *look)
{
	__u64 elapsed = sat_sub(look->now_ns, watch->window_ns);

	if (elapsed >= look->timeout_ns) {
		watch->before_completed =
			elapsed < sat_mul(look->timeout_ns, 2) ? watch->window_completed : 0;
		watch->window_completed = 0;
		watch->window_ns = look->now_ns;
		elapsed = 0;
	}
	watch->window_completed =
		sat_add(watch->window_completed, sat_sub(look->completed, watch->completed));
	watch->completed = look->completed;
	return sat_add(watch->window_completed,
		       mul_div(watch->before_completed, sat_sub(look->timeout_ns, elapsed),
			       look->timeout_ns));
}

/* Judges one look. Without a timeout nothing can be said. */
PURE struct frag_finding judge_fragments(struct frag_watch *watch, const struct frag_look *look)
{
	struct frag_finding found = {};

	if (!look->timeout_ns || !look->high)
		return found;
	if (!watch->looked_ns)
		frag_begin(watch, look);
	watch->looked_ns = look->now_ns;
	found.completed = frag_completed(watch, look);
	found.is_short = look->dropped || look->memory > look->high - look->high / 4;
	found.completes = found.completed && found.completed >= look->pending;
	found.fills = look->memory > look->high / 2;
	/* Half as many, so that it does not go up and down. */
	found.hopeless = found.fills && found.completed < look->pending / 2;
	return found;
}

/* The most that a namespace may have now; `given`: what all raises in others
 * add to what was in force before. 0 bytes available (not known): no raise. */
PURE __u64 frag_ceiling(__u64 available, __u64 baseline, __u64 given)
{
	return sat_add(baseline, sat_sub(available / FRAGMENTS_PART, given));
}

/*
 * The raised threshold. What was dropped since the last look needed room too,
 * and it is seldom all of a burst: twice as much, four times the threshold at
 * most. With nothing dropped yet it is a step of 1/2^step_shift. Never over the
 * ceiling; 0: too little to gain.
 */
PURE __u64 frag_raised(const struct frag_look *look, __u32 step_shift, __u64 ceiling)
{
	__u64 need = sat_add(look->memory, sat_mul(look->dropped, FRAGMENT_BYTES));
	__u64 target = grow_by_shift(look->high, step_shift, ceiling);

	if (look->dropped)
		target = clamp_u64(sat_mul(need, 2), sat_mul(look->high, 2),
				   sat_mul(look->high, FRAGMENTS_CREDIT));
	target = min_u64(target, ceiling);
	return target > sat_add(look->high, look->high / 16) ? target : 0;
}

/* So much was given that it could become dear: of what is available now. */
PURE __u8 frag_overdrawn(__u64 given, __u64 available)
{
	return available && given > available / FRAGMENTS_MOST_PART;
}

/* Between two steps down because of datagrams that are never completed: a third
 * of them must have been given up, else everything would be dropped. */
PURE __u64 frag_pause_ns(__u64 timeout_ns)
{
	return timeout_ns / 3;
}
