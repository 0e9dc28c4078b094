/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * What a connection's run under one algorithm was worth.
 *
 * A run is a connection's life, or the part of it since its algorithm was set
 * or since its last run was noted. Counted is only time in which congestion
 * control was the limit: not the application, not the receiver's window, not
 * the send buffer. What is too short for slow start to be over says nothing.
 *
 * The reward is log2 of the delivery rate in bytes/s with 8 fractional bits,
 * less penalties. A difference of logarithms is a ratio: the bandit holds a
 * host's runs against its best that way, and needs no best that grows stale.
 *	retransmissions  - log2(1 - 4 * loss): 5 % cost a fifth of the rate, so
 *			 that a greedy algorithm does not win a few percent by
 *			 filling other people's queues. Noise costs all alike.
 *	queueing delay	 - log2(1 + (q - 1) / 8) for a mean queue of q > 1
 *			 minimum round trips. One is free: any loss-based
 *			 algorithm fills a queue of one BDP that much.
 */
#include "bpf/common/pure/limits.h"
#include "bpf/common/pure/rate.h"

enum {
	REWARD_MIN_BYTES = 64 << 10,
	REWARD_MIN_RTTS = 8, /* slow start takes 5 from 10 to 320 segments */
	REWARD_LOSS_WEIGHT = 4,
	REWARD_LOSS_MOST_PERMILLE = 200, /* more costs no more: log2 of 1/5 */
	REWARD_QUEUE_DIVISOR = 8,
	REWARD_QUEUE_MOST = 16, /* minimum round trips; more costs no more */
};

/* A connection's counters now. */
struct reward_look {
	__u64 now_ns;
	__u64 bytes_acked;   /* tcp_sock.bytes_acked */
	__u32 sent;	     /* tcp_sock.data_segs_out */
	__u32 retransmitted; /* tcp_sock.total_retrans */
	__u32 spurious;	     /* tcp_sock.dsack_dups; 0 if not known */
	__u32 srtt_us;	     /* tcp_sock.srtt_us >> 3 */
	__u32 limited; /* since the last look something else was the limit */
};

/* 64 bytes. All zero is a good start, at any age of the connection: the first
 * look only takes the counters. So is reward_run_restart().
 */
struct reward_run {
	__u64 looked_ns; /* 0: not yet */
	__u64 bytes_then;
	__u32 sent_then;
	__u32 lost_then;
	/* in all intervals that count: */
	__u64 bytes;
	__u64 busy_us;
	__u64 srtt_sum; /* srtt_us, each times the microseconds it held */
	__u64 sent;
	__u64 lost;
};

/* Adds what happened since the last look. A byte counter that went back belongs
 * to something else: only the counters are taken.
 */
PURE void reward_run_add(struct reward_run *run, const struct reward_look *look)
{
	__u64 us = sat_sub(look->now_ns, run->looked_ns) / 1000;
	__u32 lost = look->retransmitted - look->spurious;
	__u32 lost_since = lost - run->lost_then; /* may go back: see below */
	__u32 sent_since = look->sent - run->sent_then;

	if (run->looked_ns && !look->limited &&
	    look->bytes_acked >= run->bytes_then) {
		run->bytes = sat_add(run->bytes,
				     look->bytes_acked - run->bytes_then);
		run->busy_us = sat_add(run->busy_us, us);
		run->srtt_sum = sat_add(run->srtt_sum,
					sat_mul(look->srtt_us, us));
		run->sent = sat_add(run->sent, sent_since);
		/* Duplicates are reported a round trip late: a negative
		 * difference takes off what was added too early.
		 */
		if (lost_since >> 31)
			run->lost = sat_sub(run->lost, -lost_since);
		else
			run->lost = sat_add(run->lost, lost_since);
	}
	run->looked_ns = max_u64(look->now_ns, 1);
	run->bytes_then = look->bytes_acked;
	run->sent_then = look->sent;
	run->lost_then = lost;
}

/* Begins a new run where the last look was. */
PURE void reward_run_restart(struct reward_run *run)
{
	run->bytes = 0;
	run->busy_us = 0;
	run->srtt_sum = 0;
	run->sent = 0;
	run->lost = 0;
}

/* Is there enough to say anything? min_rtt_us of 0: not known, no. */
PURE int reward_is_known(const struct reward_run *run, __u32 min_rtt_us)
{
	__u64 rtt_us = min_rtt_us;

	return rtt_us && run->bytes >= REWARD_MIN_BYTES &&
	       run->busy_us >= rtt_us * REWARD_MIN_RTTS;
}

/* Share of the run's segments that were lost, parts per million. */
PURE __u32 reward_loss_ppm(const struct reward_run *run)
{
	return run->sent ? min_u64(mul_div(run->lost, 1000000, run->sent), 1000000)
			 : 0;
}

/* log2 of the delivery rate in bytes/s, 8 fractional bits, 0 .. 16383. */
PURE __u32 reward_rate_q8(const struct reward_run *run)
{
	return ilog2_q8(mul_div(run->bytes, RATE_US_PER_SEC,
				max_u64(run->busy_us, 1)));
}

PURE __u32 reward_loss_penalty_q8(__u32 loss_ppm)
{
	__u64 permille = min_u64(loss_ppm / 1000, REWARD_LOSS_MOST_PERMILLE);

	return ilog2_q8(1000) - ilog2_q8(1000 - REWARD_LOSS_WEIGHT * permille);
}

/* srtt_us: the mean. min_rtt_us of 0: not known, no penalty. */
PURE __u32 reward_queue_penalty_q8(__u64 srtt_us, __u32 min_rtt_us)
{
	__u64 rtt = min_rtt_us;
	__u64 queue = min_u64(sat_sub(srtt_us, rtt), rtt * REWARD_QUEUE_MOST);
	__u64 none = rtt * REWARD_QUEUE_DIVISOR; /* below 2^36 */

	return ilog2_q8(none + sat_sub(queue, rtt)) - ilog2_q8(none);
}

/* The reward, 0 .. 16383; of use only where reward_is_known(). min_rtt_us: the
 * connection's, or the host's if that is less.
 */
PURE __u32 reward_q8(const struct reward_run *run, __u32 min_rtt_us)
{
	__u64 srtt_us = run->srtt_sum / max_u64(run->busy_us, 1);
	__u32 penalty = reward_loss_penalty_q8(reward_loss_ppm(run)) +
			reward_queue_penalty_q8(srtt_us, min_rtt_us);

	return sat_sub(reward_rate_q8(run), penalty);
}
