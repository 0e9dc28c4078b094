/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * Every raise is judged: who asked for it is compared with himself, and a
 * raise that helped nobody is taken back. What counts as help is in
 * tcp_buffer_trial_logic.h, what that says about a strategy in
 * tcp_buffer_score_logic.h.
 */
#include "bpf/tuners/tcp_buffer_propose.bpf.h"

#define KBIT_PER_S(bytes_per_s) ((bytes_per_s) / 125)

static __always_inline bool same_peer(const __u8 *a, const __u8 *b)
{
	__u8 difference = 0;

	for (int i = 0; i < 16; i++)
		difference |= a[i] ^ b[i];
	return !difference;
}

/* Is this connection to go without, since the last raise was in vain? */
static __always_inline bool held_in_vain(const struct in_vain *in_vain, struct sock *sk,
					 __u64 need, __u64 now)
{
	__u64 age = sat_sub(now, in_vain->since_ns);
	__u8 peer[16] = {};
	__u32 family;

	if (is_new_need(in_vain, need))
		return false;
	copy_peer(sk, &family, peer);
	return age < in_vain_hold_ns(in_vain->in_row, same_peer(peer, in_vain->peer));
}

/* What a connection has to say about the raise under judgement. */
static __always_inline void hear(struct learning *l, const struct flow *flow,
				 const struct look *look, const struct finding *found)
{
	struct testimony *testimony = &l->demand.testimony;

	if (!is_witness(&l->trial, &flow->witness)) {
		testimony->need_of_others = max_u64(testimony->need_of_others, found->need);
		return;
	}
	testify(testimony, &flow->witness, found->rate,
		uses_more_than(look, found, l->trial.cap_before));
}

/* Notes that a connection asks for more in this sweep. A witness of the raise
 * under judgement keeps what it had before that. */
static __always_inline void note_asking(struct learning *l, struct flow *flow,
					const struct look *look, const struct finding *found)
{
	__u32 share = look->side == RECEIVING ? receive_payload_256ths(look) :
						SEND_PAYLOAD_256THS;

	if (is_witness(&l->trial, &flow->witness))
		return;
	/* What its window scale allows is all it had. */
	witness_ask(&flow->witness, sweep_number(), found->rate,
		    found->scale_limited ? 0 : look->cap, share, found->rtt_us);
}

static __always_inline void begin_or_extend_trial(struct learning *l, __u64 now)
{
	struct demand *demand = &l->demand;

	if (!trial_raise(&l->trial, now, sweep_number(), l->seen[2], demand->need, demand->rtt_us,
			 strategy_now()))
		return;
	l->trial.peer_family = demand->peer_family;
	__builtin_memcpy(l->trial.peer, demand->peer, sizeof(l->trial.peer));
}

static __always_inline void name_peer(struct request *request, const struct trial *trial)
{
	request->peer_family = trial->peer_family;
	__builtin_memcpy(request->peer, trial->peer, sizeof(request->peer));
}

static __always_inline void say_it_helped(const struct state_key *key, const struct learning *l)
{
	const struct testimony *testimony = &l->demand.testimony;
	struct request *request = request_begin(REQUEST_NOTE, key->netns);

	if (!request)
		return;
	request->tunable = key->row;
	request->scenario = SCENARIO_RAISE_HELPED;
	request->evidence[0] = KBIT_PER_S(testimony->before);
	request->evidence[1] = KBIT_PER_S(testimony->now);
	request->evidence[2] = l->trial.cap_before;
	request->evidence[3] = l->seen[2];
	name_peer(request, &l->trial);
	request_send(request, RING_QUIET);
}

/* Back to where the series began. False: not now, but with the next sweep. */
static __always_inline bool take_back(const struct state_key *key, struct learning *l, __u64 now)
{
	const struct testimony *testimony = &l->demand.testimony;
	struct request *request;

	request = propose_maximum(key, l, SCENARIO_RAISE_IN_VAIN, l->trial.cap_before, NULL);
	if (!request)
		return false;
	in_vain_note(&l->in_vain, &l->trial, now);
	request->evidence[0] = KBIT_PER_S(testimony->before);
	request->evidence[1] = KBIT_PER_S(testimony->now);
	request->evidence[2] = testimony->witnesses;
	request->evidence[3] = in_vain_hold_ns(l->in_vain.in_row, true) / SECOND_NS;
	name_peer(request, &l->trial);
	request_send(request, RING_QUIET);
	learning_step_move(&l->step, now, -1, cfg_learning_horizon_ns);
	return true;
}

/* What the series says about the strategy that made it. */
static __always_inline void mark_strategy(struct learning *l, bool helped, __u64 now)
{
	__u32 row = l->trial.strategy;
	struct standing *standing = bpf_map_lookup_elem(&standings, &row);
	__u64 need;

	if (!standing) /* it was several */
		return;
	need = peak_now(&l->need, now, cfg_need_half_life_ns);
	note_mark(standing,
		  series_mark(&l->trial, &l->demand.testimony, helped, l->seen[2], need));
	if (standing->series >= SCORE_SERIES_LEAST)
		score_strategy(row, standing->score);
}

/* Judges the series of raises under way. True: it was taken back just now. */
static __always_inline bool judge_trial(const struct state_key *key, struct learning *l, __u64 now)
{
	const struct testimony *testimony = &l->demand.testimony;
	enum outcome outcome = trial_outcome(&l->trial, testimony, now, l->seen[2]);

	switch (outcome) {
	case TRIAL_RUNS:
		return false;
	case RAISE_HELPED:
		count(COUNT_RAISES_HELPED);
		count_more(COUNT_GAINED, KBIT_PER_S(testimony->now - testimony->before));
		say_it_helped(key, l);
		mark_strategy(l, true, now);
		in_vain_forget(&l->in_vain);
		break;
	case RAISE_IN_VAIN:
		if (!take_back(key, l, now))
			return false;
		count(COUNT_RAISES_IN_VAIN);
		mark_strategy(l, false, now);
		break;
	case RAISE_UNKNOWN:
		count(COUNT_RAISES_UNKNOWN);
		break;
	case TRIAL_VOID:
		break;
	}
	l->trial.cap_before = 0;
	return outcome == RAISE_IN_VAIN;
}

/* A trial whose witnesses all went away is not looked at by any sweep. */
static __always_inline void drop_old_trial(struct learning *l, __u64 now)
{
	if (!l->trial.cap_before ||
	    sat_sub(now, l->trial.raised_ns) < 2 * trial_patience_ns(&l->trial))
		return;
	count(COUNT_RAISES_UNKNOWN);
	l->trial.cap_before = 0;
}
