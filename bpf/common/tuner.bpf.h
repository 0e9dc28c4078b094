/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What every tuner includes: the kernel's types, the shared maps, requests,
 * its own counters, and TUNER_DEFINE, which turns the lists of a policy
 * header into enum constants and into the description in .rodata.tuner.
 *
 *	#include "policies/x.policy.h"
 *	TUNER_DEFINE(X, "x", "what it does, in one line");
 *
 * needs the lists X_TUNABLES, X_SCENARIOS, X_SAMPLES, X_COUNTERS and X_HOOKS;
 * a list may be empty. See policies/tcp_buffer.policy.h. A tuner that offers
 * several strategies says TUNER_DEFINE_STRATEGIES instead, and has a list
 * X_STRATEGIES too:
 *
 *	#define X_STRATEGIES(Y) \
 *		Y(NEED, "need", "sizes by measured need", 600, HOOK_BIT(SWEEP)) \
 *		Y(STEPS, "steps", "goes by steps", 600, HOOK_BIT(STEP))
 *
 * TUNER_DEFINE_WITH names each list that only some tuners have, or TUNER_NONE:
 *
 *	#define X_MODULES(M) M("tcp_htcp", "htcp is not tried")
 *	#define X_REPORTS(R) R("{0} flows on {1} ports", COUNT_FLOWS, COUNT_PORTS)
 */
#include "bpf/common/kernel.bpf.h"
#include "bpf/common/netns.bpf.h"
#include "bpf/common/state.bpf.h"
#include "bpf/common/walk.bpf.h"

/* Counters that every tuner has, in front of its own. */
#define TUNER_COMMON_COUNTERS(C)                                         \
	C(RING_FULL, "requests lost because the ring buffer was full")   \
	C(STATE_FULL, "times there was no room to remember a tunable")

#define TUNER_ENUM_TUNABLE(id, ...) TUNABLE_##id,
#define TUNER_ENUM_SCENARIO(id, ...) SCENARIO_##id,
#define TUNER_ENUM_SAMPLE(id, ...) SAMPLE_##id,
#define TUNER_ENUM_COUNTER(id, ...) COUNT_##id,
#define TUNER_ENUM_HOOK(id, ...) HOOK_ROW_##id,
#define TUNER_ENUM_STRATEGY(id, ...) STRATEGY_##id,

#define HOOK_BIT(id) (1U << HOOK_ROW_##id)

#define TUNER_ROW_TUNABLE(id, n, l, s, v, f, lo, hi) \
	{ .name = n, .labels = l, .set = s, .values = v, .flags = f, .min = lo, .max = hi },
#define TUNER_ROW_SCENARIO(i, n, d, r, e) \
	{ .id = #i, .name = n, .description = d, .reason = r, .evidence = e },
#define TUNER_ROW_SAMPLE(id, k, s, f, ms) \
	{ .source = s, .field = f, .kind = k, .every_ms = ms },
#define TUNER_ROW_COUNTER(id, t) { .text = t },
#define TUNER_ROW_HOOK(id, n, k, f, ms, l) \
	{ .name = n, .loss = l, .kind = k, .flags = f, .period_ms = ms },

#define TUNER_ROW_STRATEGY(id, n, d, s, h) \
	{ .name = n, .description = d, .seconds = s, .hooks = h },

#define TUNER_ROW_MODULE(n, l) { .name = n, .loss = l },
#define TUNER_ROW_REPORT(t, ...) { .text = t, .counters = { __VA_ARGS__ } },
#define TUNER_ONE(...) +1

#define TUNER_NONE(ROW)

#define TUNER_TABLE(member, type, n)                                      \
	{                                                                 \
		.offset = __builtin_offsetof(struct tuner_object, member), \
		.record_size = sizeof(struct type), .count = n,           \
	}

#define TUNER_DEFINE(P, object_name, object_summary) \
	TUNER_DEFINE_WITH(P, object_name, object_summary, TUNER_NONE, TUNER_NONE, TUNER_NONE)

#define TUNER_DEFINE_STRATEGIES(P, object_name, object_summary) \
	TUNER_DEFINE_WITH(P, object_name, object_summary, P##_STRATEGIES, TUNER_NONE, TUNER_NONE)

#define TUNER_DEFINE_WITH(P, object_name, object_summary, STRATEGIES, MODULES, REPORTS) \
	enum { P##_TUNABLES(TUNER_ENUM_TUNABLE) TUNABLE_COUNT };                    \
	enum { P##_SCENARIOS(TUNER_ENUM_SCENARIO) SCENARIO_COUNT };                 \
	enum { P##_SAMPLES(TUNER_ENUM_SAMPLE) SAMPLE_COUNT };                       \
	enum { P##_HOOKS(TUNER_ENUM_HOOK) HOOK_COUNT };                             \
	enum { STRATEGIES(TUNER_ENUM_STRATEGY) STRATEGY_COUNT };                    \
	enum { MODULE_COUNT = 0 MODULES(TUNER_ONE), REPORT_COUNT = 0 REPORTS(TUNER_ONE) }; \
	enum { TUNER_COMMON_COUNTERS(TUNER_ENUM_COUNTER)                            \
		       P##_COUNTERS(TUNER_ENUM_COUNTER) COUNT_COUNT };              \
	struct tuner_object {                                                       \
		struct tuner_header header;                                         \
		struct tuner_tunable tunables[TUNABLE_COUNT];                       \
		struct tuner_scenario scenarios[SCENARIO_COUNT];                    \
		struct tuner_sample samples[SAMPLE_COUNT];                          \
		struct tuner_counter counters[COUNT_COUNT];                         \
		struct tuner_hook hooks[HOOK_COUNT];                                \
		struct tuner_strategy strategies[STRATEGY_COUNT];                   \
		struct tuner_module modules[MODULE_COUNT];                          \
		struct tuner_report reports[REPORT_COUNT];                          \
	};                                                                          \
	ABI_ASSERT(TUNABLE_COUNT <= TUNER_MAX_TUNABLES);                            \
	ABI_ASSERT(SCENARIO_COUNT <= TUNER_MAX_SCENARIOS);                          \
	ABI_ASSERT(SAMPLE_COUNT <= TUNER_MAX_SAMPLES);                              \
	ABI_ASSERT(COUNT_COUNT <= TUNER_MAX_COUNTERS);                              \
	ABI_ASSERT(HOOK_COUNT <= TUNER_MAX_HOOKS);                                  \
	ABI_ASSERT(STRATEGY_COUNT <= TUNER_MAX_STRATEGIES);                         \
	ABI_ASSERT(MODULE_COUNT <= TUNER_MAX_MODULES);                              \
	ABI_ASSERT(REPORT_COUNT <= TUNER_MAX_REPORTS);                              \
	const struct tuner_object tuner SEC(TUNER_SECTION) = {                      \
		.header = {                                                         \
			.magic = TUNER_MAGIC,                                       \
			.major = TUNER_ABI_MAJOR,                                   \
			.minor = TUNER_ABI_MINOR,                                   \
			.header_size = sizeof(struct tuner_header),                 \
			.name = object_name,                                        \
			.summary = object_summary,                                  \
			.tunables = TUNER_TABLE(tunables, tuner_tunable, TUNABLE_COUNT),     \
			.scenarios = TUNER_TABLE(scenarios, tuner_scenario, SCENARIO_COUNT), \
			.samples = TUNER_TABLE(samples, tuner_sample, SAMPLE_COUNT),         \
			.counters = TUNER_TABLE(counters, tuner_counter, COUNT_COUNT),       \
			.hooks = TUNER_TABLE(hooks, tuner_hook, HOOK_COUNT),                 \
			.strategies = TUNER_TABLE(strategies, tuner_strategy, STRATEGY_COUNT), \
			.modules = TUNER_TABLE(modules, tuner_module, MODULE_COUNT),         \
			.reports = TUNER_TABLE(reports, tuner_report, REPORT_COUNT),         \
		},                                                                  \
		.tunables = { P##_TUNABLES(TUNER_ROW_TUNABLE) },                    \
		.scenarios = { P##_SCENARIOS(TUNER_ROW_SCENARIO) },                 \
		.samples = { P##_SAMPLES(TUNER_ROW_SAMPLE) },                       \
		.counters = { TUNER_COMMON_COUNTERS(TUNER_ROW_COUNTER)              \
				      P##_COUNTERS(TUNER_ROW_COUNTER) },            \
		.hooks = { P##_HOOKS(TUNER_ROW_HOOK) },                             \
		.strategies = { STRATEGIES(TUNER_ROW_STRATEGY) },                   \
		.modules = { MODULES(TUNER_ROW_MODULE) },                           \
		.reports = { REPORTS(TUNER_ROW_REPORT) },                           \
	};                                                                          \
	char _license[] SEC("license") = "GPL"

/* For a HOOK_CHECK: there is nothing to tune on this kernel, and why. */
#define STAND_DOWN(seq, text)                                                  \
	({                                                                     \
		static const char why[] = text;                                \
		bpf_seq_write(seq, why, sizeof(why) - 1);                      \
	})

/* The tuner's counters: row of the description -> count, a cell per CPU.
 * Written by any program of this object; the summary adds the cells up. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TUNER_MAX_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline void count_more(__u32 counter, __u64 by)
{
	__u64 *cell = bpf_map_lookup_elem(&counts, &counter);

	if (cell)
		*cell += by;
}

static __always_inline void count(__u32 counter)
{
	count_more(counter, 1);
}
