/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What net_buffer decides at the end of a look: at most one move of each
 * tunable. The arithmetic is in net_buffer_logic.h.
 */
#include "bpf/common/propose.bpf.h"
#include "bpf/tuners/net_buffer_state.bpf.h"

/* After a raise that could not be made: the CPU may have time soon ... */
#define HELD_BUSY_NS (10 * NET_SECOND_NS)
/* ... memory and the administrator rather not. */
#define HELD_NS (60 * NET_SECOND_NS)
/* Between a move of the budget and a step back: time for it to show. */
#define STEP_BACK_NS (5 * NET_SECOND_NS)
/* Waits under a hundredth of the time are no waits. */
#define WAITS_LEAST_PERMILLE 10
/* As for buffers: docs/tuners/tcp_buffer.md. */
#define WAITS_FOLLOW_PERMILLE 700

static __always_inline __u64 value_of(__u32 row)
{
	return sample_value(SAMPLE_MAX_BACKLOG + row);
}
ABI_ASSERT(SAMPLE_BUDGET == SAMPLE_MAX_BACKLOG + TUNABLE_BUDGET);
ABI_ASSERT(SAMPLE_BUDGET_USECS == SAMPLE_MAX_BACKLOG + TUNABLE_BUDGET_USECS);

/* Something is wrong: it is watched, unless there is nothing to be done now. */
static __always_inline void note_hurt(struct knob *k, bool hurts)
{
	if (!hurts)
		return;
	k->hurt_ns = look.now_ns;
	if (look.now_ns >= k->held_until_ns)
		watch.until_ns = look.now_ns + WATCH_NS;
}

/* No raise before `until`: of both budgets, which are raised for the same. */
static __always_inline void hold_until(__u32 row, __u64 until)
{
	knobs[row].held_until_ns = until;
	if (row != TUNABLE_MAX_BACKLOG)
		knobs[TUNABLE_BUDGET].held_until_ns = knobs[TUNABLE_BUDGET_USECS].held_until_ns =
			until;
	watch.until_ns = look.now_ns; /* there is nothing to watch for */
}

static __always_inline void hold(__u32 row, __u32 counter, __u64 ns)
{
	count(counter);
	hold_until(row, look.now_ns + ns);
}

/* A request for another value, to be completed and sent; NULL: not now. */
static __always_inline struct request *propose_value(__u32 row, __u16 scenario, __u64 seen,
						     __u64 target)
{
	struct state_key key = state_key_of(0, row);
	struct request *request = propose(&key, &knobs[row].sequence, scenario);

	if (!request)
		return NULL;
	request->mask = 1;
	request->seen[0] = seen;
	request->wanted[0] = target;
	return request;
}

static __always_inline void take_back(__u32 row, __u64 value, __u64 ppm)
{
	struct knob *k = &knobs[row];
	struct request *request = propose_value(row, SCENARIO_RAISE_IN_VAIN, value, k->from);

	if (!request)
		return;
	count(COUNT_RAISES_IN_VAIN);
	request->evidence[0] = k->raises;
	request->evidence[1] = ppm;
	request->evidence[2] = k->before_ppm;
	request->evidence[3] = knob_quiet_ns(k) / NET_SECOND_NS;
	request_send(request, RING_QUIET);
	knob_note_harm(k, look.now_ns);
	hold_until(row, k->held_until_ns);
}

/* One step up, or back where steps up have not helped. The request to be
 * completed and sent, or NULL. */
static __always_inline struct request *raise(__u32 row, __u16 scenario, __u64 missing,
					     __u64 ceiling, __u64 ppm)
{
	struct knob *k = &knobs[row];
	__u64 value = value_of(row);
	__u64 target = knob_raised(value, missing, ceiling);
	struct request *request;

	if (!value || look.now_ns < k->held_until_ns)
		return NULL;
	if (is_yielded(0, row)) {
		hold(row, COUNT_HELD_YIELDED, HELD_NS);
		return NULL;
	}
	if (knob_is_in_vain(k, value, ppm)) {
		take_back(row, value, ppm);
		return NULL;
	}
	if (!target) {
		hold(row, COUNT_HELD_CEILING, HELD_NS);
		return NULL;
	}
	request = propose_value(row, scenario, value, target);
	if (!request) { /* the last was refused, which is over in a while */
		hold_until(row, look.now_ns + cfg_refused_hold_ns);
		return NULL;
	}
	knob_note_raise(k, look.now_ns, value, ppm);
	watch.until_ns = look.now_ns + WATCH_NS;
	return request;
}

__noinline int decide_backlog(void)
{
	struct knob *k = &knobs[TUNABLE_MAX_BACKLOG];
	__u64 available = sat_mul(sample_value(SAMPLE_MEM_AVAILABLE), 1024);
	__u64 most = tuner.tunables[TUNABLE_MAX_BACKLOG].max;
	struct request *request;

	if (!look.lost) {
		if (look.saturated && look.now_ns >= k->held_until_ns)
			hold(TUNABLE_MAX_BACKLOG, COUNT_HELD_SATURATED, HELD_BUSY_NS);
		return 0;
	}
	request = raise(TUNABLE_MAX_BACKLOG, SCENARIO_BACKLOG_OVERFLOWED, look.lost,
			min_u64(backlog_ceiling(&look.lost_window, available, look.cpus), most),
			per_million(look.lost, look.arrived));
	watch.evidence++; /* what comes now has seen the new value */
	if (!request)
		return 0;
	request->evidence[0] = look.lost_cpu;
	request->evidence[1] = look.lost;
	request->evidence[2] = look.arrived;
	request->evidence[3] = look.lost_window.softirq_permille;
	request_send(request, RING_QUIET);
	return 0;
}

__noinline int decide_budget(void)
{
	const struct cpu_window *w = &look.squeezed_window;
	__u32 row = cpu_ran_out_of_time(w, value_of(TUNABLE_BUDGET_USECS)) ? TUNABLE_BUDGET_USECS :
									    TUNABLE_BUDGET;
	struct request *request;
	__u64 most = tuner.tunables[TUNABLE_BUDGET].max;

	if (!w->squeezed) {
		if (look.no_room && look.now_ns >= knobs[TUNABLE_BUDGET].held_until_ns)
			hold(TUNABLE_BUDGET, COUNT_HELD_NO_ROOM, HELD_BUSY_NS);
		return 0;
	}
	if (row == TUNABLE_BUDGET_USECS)
		most = tuner.tunables[TUNABLE_BUDGET_USECS].max;
	/* How much is missing is not known: double. */
	request = raise(row, SCENARIO_BUDGET_SPENT, most, most,
			per_million(w->squeezed, w->processed));
	if (!request)
		return 0;
	request->evidence[0] = look.squeezed_cpu;
	request->evidence[1] = w->squeezed;
	request->evidence[2] = w->ns / 1000000;
	request->evidence[3] = w->idle_permille;
	request_send(request, RING_QUIET);
	return 0;
}

/* What we have written and what was there before; false: nothing of ours. */
static __always_inline bool is_raised(__u32 row, __u64 *value, __u64 *baseline)
{
	struct state_key key = state_key_of(0, row);
	struct published *published = bpf_map_lookup_elem(&tuner_published, &key);

	if (!published || !published->writes || is_yielded(0, row))
		return false;
	*value = published->last[0];
	*baseline = published->baseline[0];
	return *value > *baseline;
}

/* log2 of how far a budget is from where it was found. */
static __always_inline __s32 distance_q8(__u32 row)
{
	__u64 value, baseline;

	return is_raised(row, &value, &baseline) ? log2_ratio_q8(value, baseline) : 0;
}

__noinline int step_back(__u32 row, __u64 waits)
{
	struct knob *k = &knobs[row];
	struct request *request;
	__u64 value, baseline;

	if (row >= TUNABLE_COUNT)
		return 0;
	if (!is_raised(row, &value, &baseline) || look.now_ns - k->moved_ns < STEP_BACK_NS)
		return 0;
	request = propose_value(row, SCENARIO_WAITS_FOLLOW_BUDGET, value,
				shrink_by_shift(value, 1, baseline));
	if (!request)
		return 0;
	request->evidence[0] = waits;
	request->evidence[1] = correlation_permille(&watch.waits);
	request->evidence[2] = knob_quiet_ns(k) / NET_SECOND_NS;
	request_send(request, RING_QUIET);
	knob_note_harm(k, look.now_ns);
	hold_until(row, k->held_until_ns);
	watch.until_ns = look.now_ns + WATCH_NS; /* to see what comes of it */
	return 0;
}

/* Do tasks wait longer, the longer a CPU may receive? */
__noinline int look_at_waits(void)
{
	__u64 waits = permille(look.wait_ns, look.waited_ns);

	if (!look.waited_ns)
		return 0;
	if (look.now_ns - watch.waits_ns > WAITS_NS) /* of another time */
		__builtin_memset(&watch.waits, 0, sizeof(watch.waits));
	watch.waits_ns = look.now_ns;
	correlation_add(&watch.waits,
			distance_q8(TUNABLE_BUDGET) + distance_q8(TUNABLE_BUDGET_USECS),
			log2_ratio_q8(max_u64(waits, WAITS_LEAST_PERMILLE), WAITS_LEAST_PERMILLE));
	if (!correlation_at_least(&watch.waits, WAITS_FOLLOW_PERMILLE))
		return 0;
	step_back(TUNABLE_BUDGET, waits);
	step_back(TUNABLE_BUDGET_USECS, waits);
	return 0;
}

/* A global function: verified once, apart from what calls it. */
__noinline int decide(int unused)
{
	count(COUNT_WATCHED);
	look_at_waits();
	decide_backlog();
	decide_budget();
	return unused;
}

/* A series that has ended, and the way down. A global function too. */
__noinline int settle(__u32 row)
{
	struct knob *k = &knobs[row];
	struct request *request;
	__u64 value, baseline, target;

	if (row >= TUNABLE_COUNT)
		return 0;
	if (!k->hurt_ns)
		k->hurt_ns = look.now_ns; /* an earlier daemon may have raised it */
	if (knob_has_helped(k, look.now_ns))
		count(COUNT_RAISES_HELPED);
	if (!is_raised(row, &value, &baseline))
		return 0;
	target = knob_lowered(k, look.now_ns, value, baseline);
	if (!target)
		return 0;
	request = propose_value(row, SCENARIO_NOT_NEEDED, value, target);
	if (!request)
		return 0;
	request->evidence[0] = (look.now_ns - k->hurt_ns) / NET_SECOND_NS;
	request->evidence[1] = baseline;
	request_send(request, RING_QUIET);
	k->moved_ns = look.now_ns;
	patience_note_lowered(&k->patience, look.now_ns);
	return 0;
}
