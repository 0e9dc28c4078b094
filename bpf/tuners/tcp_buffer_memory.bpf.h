/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * TCP's memory: what is done when it runs short, and when it is back. The
 * arithmetic is in tcp_buffer_memory_logic.h.
 */
#include "bpf/tuners/tcp_buffer_propose.bpf.h"
#include "bpf/tuners/tcp_buffer_memory_logic.h"

static __always_inline void read_memory(struct memory *memory)
{
	memory->used = sample_value(SAMPLE_TCP_MEM_USED);
	memory->available = sample_value(SAMPLE_MEM_AVAILABLE) * 1024 / tuner_page_bytes;
	memory->limit[0] = sample_value(SAMPLE_TCP_MEM_LOW);
	memory->limit[1] = sample_value(SAMPLE_TCP_MEM_PRESSURE);
	memory->limit[2] = sample_value(SAMPLE_TCP_MEM_HIGH);
}

static __always_inline void add_memory_evidence(struct request *request,
						const struct memory *memory)
{
	__u32 page_kib = tuner_page_bytes / 1024;

	request->evidence[0] = memory->used * page_kib;
	request->evidence[1] = memory->limit[1] * page_kib;
	request->evidence[2] = memory->available * page_kib;
}

/* Asks for another tcp_mem; false when that is not possible now. */
static __always_inline bool move_tcp_mem(const struct state_key *key, struct learning *l,
					 const struct memory *memory, __u16 scenario, __u64 high,
					 __u64 now)
{
	struct request *request;
	__u64 wanted[3];

	for (int i = 0; i < 3; i++)
		l->seen[i] = memory->limit[i];
	request = propose_maximum(key, l, scenario, high, NULL);
	if (!request)
		return false;
	memory_scale(memory, high, wanted);
	for (int i = 0; i < 3; i++)
		request->wanted[i] = wanted[i];
	request->mask = 7;
	add_memory_evidence(request, memory);
	request_send(request, RING_QUIET);
	l->hold_until_ns = now + cfg_memory_hold_ns;
	return true;
}

/* tcp_mem is every namespace's: a daemon confined to some leaves it alone. */
static __always_inline bool may_move_tcp_mem(void)
{
	return !tuner_confined && !is_yielded(0, TUNABLE_TCP_MEM);
}

/* True where tcp_mem has just been made larger, or is now. */
static __always_inline bool grow_tcp_mem(const struct memory *memory, __u64 now)
{
	struct state_key key = state_key_of(0, TUNABLE_TCP_MEM);
	__u64 high = memory_raised_high(memory);
	struct learning *l;

	if (!may_move_tcp_mem())
		return false;
	l = state_of(&learning, &key, &blank_learning, true);
	if (!l)
		return false;
	if (now < l->hold_until_ns)
		return true;
	l->needed_ns = now;
	return high && move_tcp_mem(&key, l, memory, SCENARIO_TCP_MEMORY_SHORT, high, now);
}

/* Once a sweep: is TCP's memory short, and can more of it be had? */
static __always_inline void look_at_memory(__u64 now)
{
	struct memory memory;

	read_memory(&memory);
	sweep.memory_short = false;
	if (!memory_is_known(&memory) || !memory_is_near(&memory, memory.limit[1]))
		return;
	sweep.memory_moved_ns = now;
	sweep.memory_short = !grow_tcp_mem(&memory, now);
}

/* Lets the buffers of one namespace come down a step, initial size too. */
static __always_inline void squeeze(const struct state_key *key, struct learning *l, __u64 now)
{
	__u64 initial = squeezed(l->seen[1], SQUEEZED_LEAST_INITIAL);
	__u64 maximum = squeezed(l->seen[2], SQUEEZED_LEAST_MAXIMUM);
	struct request *request;
	struct memory memory;

	if (initial == (__u64)l->seen[1] && maximum == (__u64)l->seen[2])
		return;
	request = propose_maximum(key, l, SCENARIO_BUFFERS_SQUEEZED, maximum, NULL);
	if (!request)
		return;
	request->mask |= 1U << 1;
	request->wanted[1] = initial;
	read_memory(&memory);
	add_memory_evidence(request, &memory);
	request_send(request, RING_QUIET);
	if (!l->before_squeeze[2]) {
		l->before_squeeze[1] = l->seen[1];
		l->before_squeeze[2] = l->seen[2];
		if (sat_sub(now, l->squeezed_ns) > SQUEEZE_HOLD_MOST_NS)
			l->squeezes = 0;
		l->squeezes++;
	}
	l->squeezed_ns = now;
	l->hold_until_ns = now + cfg_memory_hold_ns;
}

/* The way back, a step each time the decay comes by. True: it is under way, and
 * nothing else is to be done here. */
static __always_inline bool unsqueeze(const struct state_key *key, struct learning *l,
				      const struct published *published, __u64 now)
{
	__u64 initial, maximum;
	struct request *request;
	struct memory memory;

	if (!l->before_squeeze[2])
		return false;
	sweep.memory_moved_ns = now; /* keeps the samples coming */
	read_memory(&memory);
	if (is_yielded(key->netns, key->row)) {
		l->before_squeeze[2] = 0;
		return true;
	}
	if (!memory_is_known(&memory) || !memory_is_back(&memory, memory.limit[1]) ||
	    now - l->squeezed_ns < squeeze_hold_ns(l->squeezes))
		return true;
	for (int i = 0; i < 3; i++)
		l->seen[i] = published->last[i];
	initial = unsqueezed(l->seen[1], l->before_squeeze[1]);
	maximum = unsqueezed(l->seen[2], l->before_squeeze[2]);
	if (initial == (__u64)l->seen[1] && maximum == (__u64)l->seen[2]) {
		l->before_squeeze[2] = 0;
		return true;
	}
	request = propose_maximum(key, l, SCENARIO_MEMORY_BACK, maximum, NULL);
	if (!request)
		return true;
	request->mask |= 1U << 1;
	request->wanted[1] = initial;
	add_memory_evidence(request, &memory);
	request_send(request, RING_QUIET);
	return true;
}

/* tcp_mem comes down when TCP has not needed it for long, or at once when TCP
 * could take more than the machine has. */
static __always_inline void lower_tcp_mem(const struct state_key *key, struct learning *l,
					  const struct published *published, __u64 now)
{
	struct memory memory;
	__u64 high;

	read_memory(&memory);
	if (!memory_is_known(&memory) || !may_move_tcp_mem())
		return;
	high = memory_lowered_high(&memory, published->baseline[2]);
	if (!high)
		return;
	sweep.memory_moved_ns = now;
	if (!memory_is_back(&memory, published->baseline[1]))
		l->needed_ns = now;
	if (memory_is_overdrawn(&memory) || now - l->needed_ns > cfg_unneeded_ns)
		move_tcp_mem(key, l, &memory, SCENARIO_TCP_MEMORY_NOT_NEEDED, high, now);
}
