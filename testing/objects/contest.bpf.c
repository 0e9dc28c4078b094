// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * contest: a tuner for tests of strategies. Each has a pulse of its own that
 * says its score, which is fixed, and counts how often it ran.
 */
#include "bpf/common/tuner.bpf.h"
#include "testing/objects/contest.policy.h"
TUNER_DEFINE_STRATEGIES(CONTEST, "contest", "has strategies of fixed scores");

#include "bpf/common/request.bpf.h"

/* To be walked. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} ground SEC(".maps");

static __always_inline void run(__u32 strategy, __u32 counter, __s64 score)
{
	struct beat *beat = own_beat();

	count(counter);
	if (strategy_now() != strategy)
		count(COUNT_OUT_OF_TURN);
	score_strategy(strategy, score);
	if (beat)
		beat->period_ms = BEAT_MIN_MS;
}

static __always_inline void run_first(struct seq_file *seq)
{
	run(STRATEGY_FIRST, COUNT_FIRST_RAN, 10);
}

WALK_MAP(first, ground, walk_nothing_each, run_first)

static __always_inline void run_second(struct seq_file *seq)
{
	run(STRATEGY_SECOND, COUNT_SECOND_RAN, 30);
}

WALK_MAP(second, ground, walk_nothing_each, run_second)

static __always_inline void run_third(struct seq_file *seq)
{
	run(STRATEGY_THIRD, COUNT_THIRD_RAN, 20);
}

WALK_MAP(third, ground, walk_nothing_each, run_third)

SEC("?tp_btf/no_kernel_has_this")
int broken__tp_btf(void *ctx)
{
	score_strategy(STRATEGY_BROKEN, 40);
	return 0;
}
