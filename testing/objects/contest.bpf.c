// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * contest: a tuner for tests of strategies. Each has a pulse of its own that
 * says its score, which is fixed, and counts how often it ran.
 */
#include "bpf/common/tuner.bpf.h"
#include "testing/objects/contest.policy.h"
TUNER_DEFINE_STRATEGIES(CONTEST, "contest", "has strategies of fixed scores");

#include "bpf/common/request.bpf.h"

/* Of one entry, so that a walk over it calls a program once with a value. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} ground SEC(".maps");

static __always_inline int run(struct bpf_iter__bpf_map_elem *ctx, __u32 strategy, __u32 counter,
			       __s64 score)
{
	struct beat *beat = own_beat();

	if (!ctx->value)
		return 0;
	count(counter);
	if (strategy_now() != strategy)
		count(COUNT_OUT_OF_TURN);
	score_strategy(strategy, score);
	if (beat)
		beat->period_ms = BEAT_MIN_MS;
	return 0;
}

SEC("?iter/bpf_map_elem")
int first__ground(struct bpf_iter__bpf_map_elem *ctx)
{
	return run(ctx, STRATEGY_FIRST, COUNT_FIRST_RAN, 10);
}

SEC("?iter/bpf_map_elem")
int second__ground(struct bpf_iter__bpf_map_elem *ctx)
{
	return run(ctx, STRATEGY_SECOND, COUNT_SECOND_RAN, 30);
}

SEC("?iter/bpf_map_elem")
int third__ground(struct bpf_iter__bpf_map_elem *ctx)
{
	return run(ctx, STRATEGY_THIRD, COUNT_THIRD_RAN, 20);
}

SEC("?tp_btf/no_kernel_has_this")
int broken__tp_btf(void *ctx)
{
	score_strategy(STRATEGY_BROKEN, 40);
	return 0;
}
