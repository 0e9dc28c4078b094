/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * What may wait while the link address of a neighbour is being found: the pure
 * part of neigh's decisions about unres_qlen_bytes of a device.
 *
 * __neigh_event_send() (net/core/neighbour.c) queues a packet, and drops the
 * oldest ones while the queue would be longer than the limit (truesize). Where the
 * address is not found, all are dropped; so what counts is what was dropped
 * before it was found.
 */
#include "bpf/common/pure/limits.h"

/* POLICY: what waits for one neighbour may take a 1024th of the memory that is
 * available, and no more than 16 MiB: 130 ms at 1 Gbit/s. An answer comes within
 * a millisecond, or with the next question, a second later. */
#define NEIGH_QUEUE_SHARE 1024
#define NEIGH_QUEUE_MOST (16ULL << 20)
#define NEIGH_QUEUE_ROUNDING 4096ULL

/* The queue of one neighbour, when a packet has just been put into it. */
struct neigh_queue_look {
	__u32 bytes; /* truesize of what waits ... */
	__u32 packets; /* ... and how many */
	__u32 limit; /* bytes */
};

/* What is remembered of it, until it is emptied. All zero: nothing yet. */
struct neigh_waiting {
	__u32 packets; /* at the last look */
	__u32 lost;    /* so far */
};

/* Worth remembering: drops may follow. */
PURE __u8 neigh_queue_is_long(const struct neigh_queue_look *look)
{
	return look->packets && look->bytes > look->limit / 2;
}

/* A packet was put into a long queue: as many were dropped as it is shorter than
 * the last look and one more. */
PURE void neigh_queue_note(struct neigh_waiting *w, const struct neigh_queue_look *look)
{
	__u64 expected = sat_add(w->packets, 1);

	if (w->packets)
		w->lost = min_u64(sat_add(w->lost, sat_sub(expected, look->packets)), 0xffffffff);
	w->packets = look->packets;
}

/* Bytes with which nothing would have been dropped. */
PURE __u64 neigh_queue_need(const struct neigh_waiting *w, const struct neigh_queue_look *look)
{
	return look->bytes +
	       (look->packets ? mul_div(look->bytes, w->lost, look->packets) : 0);
}

/* The most bytes that memory allows; 0: not known, no raise at all. */
PURE __u64 neigh_queue_ceiling(__u64 available_kib)
{
	return min_u64(available_kib * 1024 / NEIGH_QUEUE_SHARE, NEIGH_QUEUE_MOST);
}

/* Another limit, a quarter more than the need; 0: nothing to gain below the
 * ceiling. */
PURE __u64 neigh_queue_raised(__u64 limit, __u64 need, __u64 ceiling)
{
	__u64 target = sat_add(need, need / 4);

	target = sat_add(target, NEIGH_QUEUE_ROUNDING - 1) / NEIGH_QUEUE_ROUNDING *
		 NEIGH_QUEUE_ROUNDING;
	target = min_u64(max_u64(target, sat_add(limit, limit / 4)), ceiling);
	return target > limit ? target : 0;
}
