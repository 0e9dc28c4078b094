/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * The decisions of the udp_buffer tuner, as functions of numbers; the same code
 * runs in BPF and in the tests on the host. Sizes are bytes, times nanoseconds.
 *
 * A size that is asked for is stored doubled, for the kernel's own overhead; the
 * default size is stored as it is (sk_setsockopt() and sock_init_data() in
 * net/core/sock.c).
 *
 * Requests (SO_RCVBUF, SO_SNDBUF) are judged when their socket shows what came
 * of them; losses when the burst is over. Either becomes a need, a need becomes
 * a new value.
 */
#include "bpf/common/pure/limits.h"

/* ---- requests ------------------------------------------------------------- */

/* POLICY: who asks for more asks for as much as there is, which is no number to
 * go by (memcached: 256 MiB). 64 MiB hold 10 Gbit/s for 50 ms. */
#define SIZE_MOST (64ULL << 20)
/* A request is seen before it takes effect, and an application with the
 * privilege to follows it up with SO_RCVBUFFORCE at once. */
#define SIZE_SETTLES_NS 100000000ULL

/* What an application asked for; all zero: nothing out of the ordinary. */
struct size_request {
	__u64 time_ns;
	__u32 asked;
	__u8 noted; /* it has been counted */
	__u8 reserved[3];
};

enum size_state {
	SIZE_UNKNOWN, /* too early to tell */
	SIZE_GIVEN,	 /* as asked, or as much as there is */
	SIZE_FORCED,	 /* more than is allowed, by privilege */
	SIZE_OLDER,	 /* cut, by a limit that is higher by now */
	SIZE_CUT,
};

/* `given`: what the socket has now; `limit`: rmem_max or wmem_max now. */
PURE enum size_state judge_request(const struct size_request *request, __u64 given,
				      __u64 limit, __u64 now_ns)
{
	if (sat_sub(now_ns, request->time_ns) < SIZE_SETTLES_NS)
		return SIZE_UNKNOWN;
	if (given >= request->asked)
		return request->asked > limit ? SIZE_FORCED : SIZE_GIVEN;
	return request->asked > limit ? SIZE_CUT : SIZE_OLDER;
}

/* ---- losses --------------------------------------------------------------- */

/* Datagrams lost with shorter pauses between them are one burst: the reader has
 * not made room meanwhile. */
#define BURST_PAUSE_NS 100000000ULL
/* POLICY: a reader that has made no room for so long is too slow for what
 * arrives; more buffer would be more delay, and overflow as well. */
#define BURST_MOST_NS 1000000000ULL
/* POLICY: fewer lost datagrams are no reason to change a machine. */
#define BURST_LEAST 16ULL
/* The least that a datagram is charged: SKB_TRUESIZE(0) with cache lines of 64
 * bytes (include/linux/skbuff.h: sk_buff 256, skb_shared_info 320). */
#define DATAGRAM_BYTES 576ULL

/* What one port loses; all zero: nothing. Written by whichever CPU loses a
 * datagram, without a lock, so the numbers may be slightly off. */
struct burst {
	__u64 first_ns; /* the burst under way */
	__u64 last_ns;
	__u64 lost;	  /* datagrams; 0: there is none */
	__u64 over_lost;  /* likewise of the last short one that is over */
	__u32 netns_inode;
	__u32 port;
	__u32 size;	/* of the socket's receive buffer, as stored */
	__u8 own;	/* the application has set it */
	__u8 was_long;	/* it has been counted as that */
	__u8 reserved[2];
};

enum burst_state {
	BURST_NONE,
	BURST_UNDER_WAY,
	BURST_LONG,
	BURST_OVER, /* over_lost says more, until it is cleared */
};

PURE int burst_is_long(const struct burst *burst)
{
	return sat_sub(burst->last_ns, burst->first_ns) >= BURST_MOST_NS;
}

PURE void burst_end(struct burst *burst)
{
	if (burst->lost >= BURST_LEAST && !burst_is_long(burst))
		burst->over_lost = burst->lost;
	burst->lost = 0;
}

/* A datagram has been lost. True: it is the first of a burst. */
PURE int burst_note(struct burst *burst, __u64 now_ns)
{
	int first;

	if (burst->lost && sat_sub(now_ns, burst->last_ns) >= BURST_PAUSE_NS)
		burst_end(burst);
	first = !burst->lost;
	if (first) {
		burst->first_ns = now_ns;
		burst->was_long = 0;
	}
	burst->last_ns = now_ns;
	burst->lost++;
	return first;
}

PURE enum burst_state judge_burst(struct burst *burst, __u64 now_ns)
{
	if (burst->lost && sat_sub(now_ns, burst->last_ns) >= BURST_PAUSE_NS)
		burst_end(burst);
	if (burst->over_lost)
		return BURST_OVER;
	if (!burst->lost)
		return BURST_NONE;
	return burst_is_long(burst) ? BURST_LONG : BURST_UNDER_WAY;
}

/* A buffer, as stored, that would have held the burst; or less. */
PURE __u64 burst_need(const struct burst *burst)
{
	return sat_add(burst->size, sat_mul(burst->over_lost, DATAGRAM_BYTES));
}

/* ---- values --------------------------------------------------------------- */

enum {
	/* POLICY: 8 sockets that have asked for the most, and have filled the
	 * double of it, hold what UDP may take before the kernel says pressure. */
	MAXIMUM_PART = 16,
	/* POLICY: likewise 256 sockets of the default size. */
	DEFAULT_PART = 256,
};

/* POLICY: a reader that pauses for 10 ms at 10 Gbit/s. */
#define DEFAULT_MOST (16ULL << 20)

/* The most that memory allows: a part of what UDP may take, but no more than
 * that part of what the machine has available. 0: not known, so no raise. */
PURE __u64 size_ceiling(__u64 pressure_pages, __u64 available_pages, __u64 page_bytes,
			__u64 part, __u64 most)
{
	__u64 bytes = sat_mul(min_u64(pressure_pages, available_pages), page_bytes);

	return min_u64(bytes / part, most);
}

/* The raised maximum: just what was asked for, or where memory does not allow
 * that, what it allows. 0: nothing to gain, or too little of it: memory that
 * comes and goes must not move the value each time. */
PURE __u64 raised_maximum(__u64 value, __u64 asked, __u64 ceiling)
{
	__u64 target = min_u64(asked, ceiling);

	if (target <= value)
		return 0;
	return target == asked || target - value >= value / 4 ? target : 0;
}

#define DEFAULT_ROUNDING 4096ULL

/* The raised default. How much a burst needs is known from below only: a quarter
 * more at least, at most twice. 0: nothing to gain. */
PURE __u64 raised_default(__u64 value, __u64 need, __u64 ceiling)
{
	__u64 target = max_u64(need, sat_add(value, value / 4));

	target = sat_add(target, DEFAULT_ROUNDING - 1) / DEFAULT_ROUNDING * DEFAULT_ROUNDING;
	target = min_u64(min_u64(target, sat_mul(value, 2)), ceiling);
	return target > value ? target : 0;
}

/* Memory allows no longer by far what is in force: where to go at once, never
 * below what was found. 0: it still does, or it is not known. */
PURE __u64 squeezed_size(__u64 value, __u64 baseline, __u64 ceiling)
{
	__u64 target = max_u64(ceiling, baseline);

	return ceiling && value / 2 > ceiling && target < value ? target : 0;
}

/* Memory has lowered it a moment ago (0: never), and may be short again in the next. */
PURE int size_was_squeezed(__u64 squeezed_ns, __u64 now_ns, __u64 hold_ns)
{
	return squeezed_ns && sat_sub(now_ns, squeezed_ns) < hold_ns;
}
