/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * Coming down again: what nobody has needed for long. And up again: what came
 * down for lack of memory.
 */
#include "bpf/tuners/tcp_buffer_memory.bpf.h"
#include "bpf/tuners/tcp_buffer_trial.bpf.h"

static __always_inline void come_down(const struct state_key *key_in_map, struct learning *l)
{
	struct state_key key = *key_in_map;
	struct published *published;
	struct learning_step step;
	__u64 now = bpf_ktime_get_ns();
	struct request *request;
	__u64 need, floor, target;

	drop_old_trial(l, now);
	published = bpf_map_lookup_elem(&tuner_published, &key);
	if (!published || !published->writes)
		return;
	if (key.row == TUNABLE_TCP_MEM) {
		lower_tcp_mem(&key, l, published, now);
		return;
	}
	if (unsqueeze(&key, l, published, now))
		return;
	if (published->last[2] <= published->baseline[2] ||
	    now - l->needed_ns < cfg_unneeded_ns || is_yielded(key.netns, key.row))
		return;
	step = l->step;
	learning_step_move(&step, now, -1, cfg_learning_horizon_ns);
	need = peak_now(&l->need, now, cfg_need_half_life_ns);
	floor = max_u64(sat_add(need, need / 4), published->baseline[2]);
	if (!learning_worth_lowering(published->last[2], floor, published->baseline[2]))
		return;
	l->seen[0] = published->last[0];
	l->seen[1] = published->last[1];
	l->seen[2] = published->last[2];
	target = learning_step_apply(&step, published->last[2], floor, published->last[2]);
	request = propose_maximum(&key, l, SCENARIO_BUFFER_NOT_NEEDED, target, NULL);
	if (!request)
		return;
	request->evidence[0] = (now - l->needed_ns) / SECOND_NS;
	request->evidence[1] = need;
	request->evidence[2] = published->baseline[2];
	request_send(request, RING_QUIET);
	l->step = step;
}

WALK_MAP(decay, learning, come_down, walk_nothing_done)
