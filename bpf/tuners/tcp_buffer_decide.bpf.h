/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What tcp_buffer decides at the end of a sweep: one move per tunable and
 * namespace, from the demand that the sweep has gathered. The arithmetic is in
 * tcp_buffer_raise_logic.h.
 */
#include "bpf/tuners/tcp_buffer_memory.bpf.h"
#include "bpf/tuners/tcp_buffer_trial.bpf.h"

static __always_inline __u16 why_limited(const struct state_key *key, const struct demand *demand)
{
	if (key->row == TUNABLE_TCP_WMEM)
		return SCENARIO_SEND_BUFFER_LIMITED;
	return demand->scale_limited ? SCENARIO_WINDOW_SCALE_LIMITED :
				       SCENARIO_RECEIVE_WINDOW_LIMITED;
}

static __always_inline void decide_raise(const struct state_key *key, struct learning *l, __u64 now)
{
	struct demand *demand = &l->demand;
	struct learning_step step = l->step;
	struct request *request;
	struct memory memory;
	__u64 target, ceiling;

	read_memory(&memory);
	ceiling = memory_ceiling(memory.limit[1], tuner_page_bytes);
	learning_step_move(&step, now, 1, cfg_learning_horizon_ns);
	if (strategy_now() == STRATEGY_LEARNED_STEPS)
		target = raised_by_step(l->seen[2], demand->need, &step, ceiling);
	else
		target = raised_to_need(l->seen[2], demand->need, ceiling);
	if (!target)
		return;
	if (memory_is_near(&memory, memory.limit[1])) {
		count(COUNT_HELD_MEMORY);
		return;
	}
	if (latency_forbids(&l->latency, demand)) {
		count(COUNT_HELD_LATENCY);
		return;
	}
	request = propose_maximum(key, l, why_limited(key, demand), target, demand);
	if (!request)
		return;
	request->evidence[0] = KBIT_PER_S(demand->rate);
	request->evidence[1] = demand->min_rtt_us;
	request->evidence[2] = demand->need;
	request->evidence[3] = demand->limited;
	request_send(request, RING_QUIET);
	l->step = step;
	begin_or_extend_trial(l, now);
	/* A round trip must pass before anything can show. */
	l->hold_until_ns = now + demand->rtt_us * NS_PER_US;
}

static __always_inline void decide_latency(const struct state_key *key, struct learning *l,
					   __u64 now)
{
	struct demand *demand = &l->demand;
	struct learning_step step = l->step;
	struct request *request;
	__u64 target, floor;

	/* Three sweeps in a row: one late acknowledgement is no queue. */
	if (++l->bloated_sweeps < 3 || !correlation_at_least(&l->latency, 900))
		return;
	learning_step_move(&step, now, -1, cfg_learning_horizon_ns);
	floor = sat_add(demand->need_of_any, demand->need_of_any / 4);
	floor = max_u64(max_u64(floor, peak_now(&l->need, now, cfg_need_half_life_ns)),
			l->seen[1]);
	if (floor >= (__u64)l->seen[2])
		return;
	target = learning_step_apply(&step, l->seen[2], floor, l->seen[2]);
	request = propose_maximum(key, l, SCENARIO_LATENCY_FOLLOWS_BUFFER, target, demand);
	if (!request)
		return;
	request->evidence[0] = demand->bloated_rtt_us;
	request->evidence[1] = demand->bloated_min_rtt_us;
	request->evidence[2] = correlation_permille(&l->latency);
	request->evidence[3] = demand->need_of_any;
	request_send(request, RING_QUIET);
	l->step = step;
	l->hold_until_ns = now + cfg_latency_hold_ns;
}

__noinline int decide(__u32 index)
{
	struct state_key key = touched_key(index);
	__u64 now = bpf_ktime_get_ns();
	struct learning *l = bpf_map_lookup_elem(&learning, &key);

	if (!l)
		return 0;
	peak_note(&l->need, now, l->demand.need_of_any, cfg_need_half_life_ns);
	if (l->demand.need_of_any > (__u64)l->seen[2] / 2)
		l->needed_ns = now;
	if (!l->demand.bloated_rtt_us)
		l->bloated_sweeps = 0;
	if (now < l->hold_until_ns)
		return 0;
	if (is_yielded(key.netns, key.row)) {
		l->trial.cap_before = 0;
		if (l->demand.limited)
			count(COUNT_HELD_YIELDED);
		return 0;
	}
	if (sweep.memory_short) {
		squeeze(&key, l, now);
		return 0;
	}
	if (l->trial.cap_before && judge_trial(&key, l, now))
		return 0;
	if (l->demand.limited)
		decide_raise(&key, l, now);
	else if (l->demand.bloated_rtt_us)
		decide_latency(&key, l, now);
	return 0;
}
