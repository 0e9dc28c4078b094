/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * Asking the controller for something. Include behind TUNER_DEFINE: a request
 * that finds no room in the ring is counted (COUNT_RING_FULL), never retried;
 * the next pulse finds the same need again.
 */
#include "bpf/common/tuner.bpf.h"

/* The controller drains the ring itself after each pulse and visit; programs
 * that the kernel runs must wake it. */
enum ring_wakeup {
	RING_QUIET = BPF_RB_NO_WAKEUP,
	RING_WAKE = BPF_RB_FORCE_WAKEUP,
};

/* Reserves and clears a request; NULL (counted) when the ring is full. */
static __always_inline struct request *request_begin(__u16 kind, __u64 netns)
{
	struct request *request = bpf_ringbuf_reserve(&tuner_requests, sizeof(*request), 0);

	if (!request) {
		count(COUNT_RING_FULL);
		return NULL;
	}
	__builtin_memset(request, 0, sizeof(*request));
	request->kind = kind;
	request->tuner = tuner_id;
	request->netns = netns;
	request->time_ns = bpf_ktime_get_ns();
	netns_note(netns);
	return request;
}

static __always_inline void request_send(struct request *request, enum ring_wakeup wakeup)
{
	bpf_ringbuf_submit(request, wakeup);
}

/*
 * For an event that cannot wait for the next beat: wakes the pulse if it
 * rests for long. Costs one load otherwise. Two CPUs may both find it asleep;
 * two wake records do no harm.
 */
static __always_inline void wake_pulse(void)
{
	struct beat *beat = own_beat();
	struct request *request;

	if (!beat || !beat->asleep)
		return;
	beat->asleep = 0;
	request = request_begin(REQUEST_WAKE, 0);
	if (request)
		request_send(request, RING_WAKE);
}

/*
 * Marks {netns, tunable} as having a request in flight. False when one is in
 * flight already, or there is no room (counted). Only the pulse calls it.
 */
static __always_inline bool pending_begin(const struct state_key *key, __u32 sequence)
{
	struct pending pending = {
		.time_ns = bpf_ktime_get_ns(),
		.sequence = sequence,
	};

	if (bpf_map_lookup_elem(&tuner_pending, key))
		return false;
	if (bpf_map_update_elem(&tuner_pending, key, &pending, BPF_NOEXIST)) {
		count(COUNT_STATE_FULL);
		return false;
	}
	return true;
}
