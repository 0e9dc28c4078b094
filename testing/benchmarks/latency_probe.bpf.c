// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * latency_probe: a tuner for the decision latency benchmark. In every pulse,
 * ten times a second, it asks for another tcp_rmem, as any tuner does, and
 * notes when: in one of two namespaces, in the other, then in both at once.
 */
#include "bpf/common/tuner.bpf.h"

#define PROBE_TUNABLES(T)                                               \
	T(TCP_RMEM, "net.ipv4.tcp_rmem", "min default max", "tcp_rmem", \
	  3, TUNABLE_PER_NETNS, 4096, 1 << 30)
#define PROBE_SCENARIOS(S)                                                  \
	S(MEASURED, "latency measurement", "Nothing is wrong with it",      \
	  "a measurement", "Decision {arg0} of the benchmark.")
#define PROBE_SAMPLES(M)
#define PROBE_COUNTERS(C) C(DECISIONS, "decisions")
#define PROBE_HOOKS(H) \
	H(DECIDE, "decide", HOOK_PULSE, HOOK_REQUIRED, 0, "nothing is measured")
TUNER_DEFINE(PROBE, "latency_probe", "asks for a change at every pulse, to see how long it takes");

#include "bpf/common/request.bpf.h"
#include "testing/benchmarks/latency_probe.h"

/* Written by the benchmark. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PROBE_NAMESPACES);
	__type(key, __u32);
	__type(value, struct probe_target);
} probe_targets SEC(".maps");

/* Number of the decision -> when it was taken. Written by the pulse. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PROBE_DECISIONS_MAX);
	__type(key, __u32);
	__type(value, struct probe_decision);
} probe_decisions SEC(".maps");

__u32 decided;
__u32 pulses;

static __always_inline void decide(__u32 row, enum probe_place place)
{
	struct probe_target *target = bpf_map_lookup_elem(&probe_targets, &row);
	__u32 index = decided & PROBE_INDEX_MASK;
	struct probe_decision *decision;
	struct published *published;
	struct request *request;
	struct state_key key;

	if (!target || !target->ready || decided >= PROBE_DECISIONS_MAX)
		return;
	decision = bpf_map_lookup_elem(&probe_decisions, &index);
	key = state_key_of(target->netns, TUNABLE_TCP_RMEM);
	if (!decision || !pending_begin(&key, decided + 1))
		return;
	request = request_begin(REQUEST_SET, target->netns);
	if (!request) {
		bpf_map_delete_elem(&tuner_pending, &key);
		return;
	}
	request->tunable = TUNABLE_TCP_RMEM;
	request->scenario = SCENARIO_MEASURED;
	request->sequence = decided + 1;
	request->mask = 1U << 2;
	published = bpf_map_lookup_elem(&tuner_published, &key);
	if (published && published->writes)
		__builtin_memcpy(request->seen, published->last, sizeof(request->seen));
	else
		__builtin_memcpy(request->seen, target->seen, sizeof(request->seen));
	__builtin_memcpy(request->wanted, request->seen, sizeof(request->wanted));
	request->wanted[2] = (index & 1 ? PROBE_HIGH : PROBE_LOW) + index;
	request->evidence[0] = index;
	decision->target = row;
	decision->place = place;
	decision->time_ns = request->time_ns;
	request_send(request, RING_QUIET);
	decided++;
	count(COUNT_DECISIONS);
}

/* It decides at the end of a walk, as a sweep does. Where both get their turn
 * they take turns in being first. */
static __always_inline void decide_all(struct seq_file *seq)
{
	struct beat *beat = own_beat();

	if (beat)
		beat->period_ms = BEAT_MIN_MS;
	if (pulses & 2) {
		decide(pulses & 1, PROBE_FIRST);
		decide(!(pulses & 1), PROBE_SECOND);
	} else {
		decide(pulses & 1, PROBE_ALONE);
	}
	pulses++;
}

WALK_MAP(decide, probe_targets, walk_nothing_each, decide_all)
