/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * Is a connection's loss that of a noisy path?
 *
 * A loss-based algorithm takes every loss for a full queue. Where the path
 * itself loses segments that is wrong and costs most of the rate. What tells
 * the two apart is the round-trip time: near its minimum while segments are
 * lost means that no queue is full.
 *
 * Retransmissions are gathered into loss events as RFC 5348 (5.2) has them, but
 * longer: all that belongs to one recovery of the kernel is one event, however
 * long it takes, and so is what begins within one and a half round trips. Hence
 * a tail-loss probe is one event, a burst of thirty segments is one event, and
 * what slow start overshoots by is one event. The loss rate is measured from
 * one event to the second one after it, without the losses of the first: a
 * single event is not a rate. Three of them take at least four and a half round
 * trips, which is what "has held" means here.
 *
 * Segments that only came in another order are retransmitted as well, but their
 * receiver reports each duplicate (RFC 2883); those are taken off.
 */
#include "bpf/common/pure/limits.h"

#define LOSS_PPM 1000000ULL
/* An event ends one and a half round trips after it last lost something: the
 * receiver has reported by then what it got twice.
 */
#define LOSS_QUIET_NS_PER_US 1500ULL

enum {
	/* Measured between the marks of three events. Three of 64 are lost by
	 * chance once in 24,000 trials where one in a thousand is lost
	 * (Poisson), once in 37 where one in a hundred is.
	 */
	LOSS_MIN_SEGMENTS = 64,
	LOSS_MIN_LOST = 3,
	LOSS_HORIZON_S = 30, /* events further apart are no rate */
	/* bbr gives way here: it probes at 1.25 of the rate it has measured
	 * (Cardwell et al. 2016), and of that four fifths must arrive.
	 */
	LOSS_MOST_PPM = 200000,
};

/* What loss_update() says. Anything but LOSS_NOISE: leave the algorithm be. */
enum loss_verdict {
	LOSS_NONE = 0,	  /* fewer than three events, or too few segments */
	LOSS_LOW = 1,	  /* this algorithm can live with it */
	LOSS_QUEUE = 2,	  /* a full queue explains it, or bbr would not help */
	LOSS_NOISE = 3,	  /* the path loses segments: bbr */
};

/* The two thresholds, parts per million of the segments sent. */
struct loss_limits {
	__u32 high_ppm; /* noise as such; 10000 */
	__u32 low_ppm;	/* never noise below; 500 (lab: where cubic gives way) */
};

/* A connection's counters now; they may wrap. */
struct loss_look {
	__u64 now_ns;
	__u32 sent;	     /* tcp_sock.data_segs_out */
	__u32 retransmitted; /* tcp_sock.total_retrans */
	__u32 spurious;	     /* tcp_sock.dsack_dups; 0 if not known */
	__u32 recovery;	     /* tcp_sock.high_seq; `sent` if not known */
	__u32 srtt_us;	     /* tcp_sock.srtt_us >> 3 */
	__u32 min_rtt_us;    /* the lesser of tcp_sock.rtt_min.s[0].v and what
			      * other connections to the host had lately: one
			      * that comes into a full queue has too high a
			      * minimum; 0: not known */
};

/* The counters at the last look at which an event's recovery lost something. */
struct loss_mark {
	__u64 marked_ns;
	__u32 sent;
	__u32 retransmitted;
	__u32 spurious;
	__u32 queued; /* srtt was well above its minimum before or at its start */
};

/* 104 bytes a connection. All zero is a good start, at any age of the
 * connection: the first look only takes the counters. Set it to zero again
 * when the algorithm has been changed.
 */
struct loss {
	struct loss_mark marks[3]; /* of the last three events, oldest first */
	__u32 seen;		   /* retransmitted, at the last look */
	__u32 recovery;		   /* that the newest event belongs to */
	__u32 srtt_us;		   /* at the last look */
	__u32 most_srtt_us;	   /* at any look */
	__u32 loss_ppm;		   /* as last measured, for the explanation */
	__u32 segments;		   /* over which */
	__u8 looked;		   /* `seen` holds something */
	__u8 open;		   /* the newest event has not ended */
	__u8 closed;		   /* events that have, up to 3 */
	__u8 verdict;		   /* enum loss_verdict */
};

/* Would a loss-based algorithm get less than a quarter of what the path holds?
 * path_segments: segments a round trip, as many as this connection itself has
 * delivered lately at best (a host's best may be from a time when it was alone
 * on the path); 0: not known, no.
 *
 * Such an algorithm keeps about 1.22 / sqrt(p) segments under way (Mathis,
 * Semke, Mahdavi and Ott 1997), so 16 * 1.5 / p <= path_segments^2.
 */
PURE int loss_cripples(__u64 loss_ppm, __u32 path_segments)
{
	__u64 segments = path_segments; /* whose square fits */

	return sat_mul(segments * segments, loss_ppm) >=
	       LOSS_PPM * 16 * 3 / 2;
}

/* No queue to speak of: srtt at most a quarter above its minimum and, but for
 * jitter, in the lower half of what this connection has seen. The latter is for
 * a connection that came when the queue was never empty: its minimum is too
 * high, and full is where it is highest.
 */
PURE int loss_rtt_is_near_min(__u64 srtt_us, __u64 min_rtt_us, __u64 most_us)
{
	__u64 above = sat_sub(srtt_us, min_rtt_us);

	return min_rtt_us && above <= min_rtt_us / 4 &&
	       (above <= min_rtt_us / 16 ||
		above <= sat_sub(most_us, min_rtt_us) / 2);
}

PURE void loss_mark_now(struct loss_mark *mark, const struct loss_look *look)
{
	mark->marked_ns = look->now_ns;
	mark->sent = look->sent;
	mark->retransmitted = look->retransmitted;
	mark->spurious = look->spurious;
}

/* Judges the last three events, of which the newest has just ended. */
PURE __u32 loss_judge(struct loss *loss, const struct loss_look *look,
		      __u32 path_segments, const struct loss_limits *limits)
{
	const struct loss_mark *first = &loss->marks[0];
	const struct loss_mark *last = &loss->marks[2];
	__u64 age = sat_sub(look->now_ns, first->marked_ns);
	/* modulo 2^32, as the counters are */
	__u32 sent = last->sent - first->sent;
	__u32 again = last->retransmitted - first->retransmitted;
	__u32 spurious = look->spurious - first->spurious;
	__u64 lost = sat_sub(again, spurious);

	if (loss->closed < 3 || age > LOSS_HORIZON_S * 1000000000ULL ||
	    sent < LOSS_MIN_SEGMENTS)
		return LOSS_NONE;
	loss->segments = sent;
	loss->loss_ppm = min_u64(lost * LOSS_PPM / sent, LOSS_PPM);
	if (lost < LOSS_MIN_LOST || loss->loss_ppm < limits->low_ppm)
		return LOSS_LOW;
	if (loss->loss_ppm < limits->high_ppm &&
	    !loss_cripples(loss->loss_ppm, path_segments))
		return LOSS_LOW;
	if (loss->marks[1].queued || last->queued ||
	    loss->loss_ppm > LOSS_MOST_PPM)
		return LOSS_QUEUE;
	return LOSS_NOISE;
}

PURE void loss_event_start(struct loss *loss, const struct loss_look *look)
{
	struct loss_mark *mark = &loss->marks[2];

	loss->marks[0] = loss->marks[1];
	loss->marks[1] = loss->marks[2];
	loss_mark_now(mark, look);
	/* by now the algorithm may have made room in the queue */
	mark->queued = !loss_rtt_is_near_min(
		max_u64(look->srtt_us, loss->srtt_us), look->min_rtt_us,
		loss->most_srtt_us);
	loss->recovery = look->recovery;
	loss->open = 1;
}

/* Takes the counters and returns the verdict, which changes only when an event
 * has ended. While segments are being lost, call it every two round trips or
 * 100 ms; more often does no harm, less often only delays the verdict.
 */
PURE __u32 loss_update(struct loss *loss, const struct loss_look *look,
		       __u32 path_segments, const struct loss_limits *limits)
{
	__u64 quiet_ns = look->srtt_us * LOSS_QUIET_NS_PER_US;
	__u64 marked_ns = loss->marks[2].marked_ns;
	int lost = loss->looked && look->retransmitted != loss->seen;

	loss->most_srtt_us = max_u64(loss->most_srtt_us, look->srtt_us);
	if (loss->open && lost && look->recovery == loss->recovery) {
		loss_mark_now(&loss->marks[2], look);
	} else if (loss->open &&
		   sat_sub(look->now_ns, marked_ns) >= quiet_ns) {
		loss->open = 0;
		loss->closed = min_u64(loss->closed + 1, 3);
		loss->verdict = loss_judge(loss, look, path_segments, limits);
	}
	if (lost && !loss->open)
		loss_event_start(loss, look);
	loss->seen = look->retransmitted;
	loss->srtt_us = look->srtt_us;
	loss->looked = 1;
	return loss->verdict;
}
