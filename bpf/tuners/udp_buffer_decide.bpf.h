/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * The end of a sweep: at most one move of each tunable, up for what the sweep
 * has gathered, or down. The arithmetic is in udp_buffer_logic.h and
 * bpf/common/pure/memory.h.
 */
#include "bpf/common/propose.bpf.h"
#include "bpf/tuners/udp_buffer_state.bpf.h"

static __always_inline __u64 available_pages(void)
{
	return sample_value(SAMPLE_MEM_AVAILABLE) * 1024 / tuner_page_bytes;
}

/* The most that memory allows of rmem_max, wmem_max or rmem_default. */
static __always_inline __u64 ceiling_of(__u16 row)
{
	__u64 pressure = sample_value(SAMPLE_UDP_MEM_PRESSURE);

	if (row == TUNABLE_RMEM_DEFAULT)
		return size_ceiling(pressure, available_pages(), tuner_page_bytes, DEFAULT_PART,
				    DEFAULT_MOST);
	return size_ceiling(pressure, available_pages(), tuner_page_bytes, MAXIMUM_PART,
			    SIZE_MOST);
}

/* A request for another size, to be completed and sent; NULL: not now. */
static __always_inline struct request *propose_size(const struct state_key *key,
						    struct sizing *sizing, __u16 scenario,
						    __u64 value, __u64 target)
{
	struct request *request = propose(key, &sizing->sequence, scenario);

	if (!request)
		return NULL;
	request->mask = 1;
	request->seen[0] = value;
	request->wanted[0] = target;
	sizing->moved_ns = bpf_ktime_get_ns();
	return request;
}

static __always_inline void count_held(struct sizing *sizing, __u64 now, __u32 counter)
{
	if (sizing->held_ns && now - sizing->held_ns < cfg_held_every_ns)
		return;
	sizing->held_ns = now;
	count(counter);
}

static __always_inline bool raise_size(const struct state_key *key, struct sizing *sizing,
				       __u64 value, __u64 ceiling, __u64 now)
{
	struct size_demand *demand = &sizing->demand;
	struct request *request;
	__u64 target;

	if (!demand->need)
		return false;
	target = key->row == TUNABLE_RMEM_DEFAULT ? raised_default(value, demand->need, ceiling) :
						    raised_maximum(value, demand->need, ceiling);
	if (!target || is_yielded(0, key->row)) {
		count_held(sizing, now, target ? COUNT_HELD_YIELDED : COUNT_HELD_CEILING);
		return false;
	}
	if (size_was_squeezed(sizing->squeezed_ns, now,
			      patience_ns(&sizing->patience, cfg_held_every_ns))) {
		count_held(sizing, now, COUNT_HELD_CEILING);
		return false;
	}
	request = propose_size(key, sizing, demand->scenario, value, target);
	if (!request)
		return true;
	patience_note_raised(&sizing->patience, now);
	__builtin_memcpy(request->evidence, demand->number, sizeof(request->evidence));
	__builtin_memcpy(request->comm, demand->comm, sizeof(request->comm));
	request_send(request, RING_QUIET);
	learning_step_move(&sizing->step, now, 1, cfg_learning_horizon_ns);
	return true;
}

/* At once where memory does not allow what is in force, else step by step when
 * nothing has needed the upper half for long; never below where we found it. */
static __always_inline void lower_size(const struct state_key *key, struct sizing *sizing,
				       __u64 value, __u64 ceiling, __u64 now)
{
	struct published *published = bpf_map_lookup_elem(&tuner_published, key);
	struct learning_step step = sizing->step;
	struct request *request;
	__u64 target, baseline, floor, need;

	if (!published || !published->writes || is_yielded(0, key->row))
		return;
	baseline = published->baseline[0];
	if (value <= baseline)
		return;
	target = squeezed_size(value, baseline, ceiling);
	if (target) {
		request = propose_size(key, sizing, SCENARIO_MACHINE_MEMORY_SHORT, value, target);
		if (!request)
			return;
		request->evidence[0] = sample_value(SAMPLE_MEM_AVAILABLE);
		request->evidence[1] = ceiling;
		request->evidence[2] = baseline;
		request_send(request, RING_QUIET);
		sizing->squeezed_ns = now;
		patience_note_lowered(&sizing->patience, now);
		return;
	}
	if (now - sizing->needed_ns < patience_ns(&sizing->patience, cfg_unneeded_ns) ||
	    now - sizing->moved_ns < cfg_lower_every_ns)
		return;
	need = peak_now(&sizing->need, now, cfg_need_half_life_ns);
	floor = max_u64(need, baseline);
	if (!learning_worth_lowering(value, floor, baseline))
		return;
	learning_step_move(&step, now, -1, cfg_learning_horizon_ns);
	target = learning_step_apply(&step, value, floor, value);
	request = propose_size(key, sizing, SCENARIO_SIZE_NOT_NEEDED, value, target);
	if (!request)
		return;
	request->evidence[0] = (now - sizing->needed_ns) / SECOND_NS;
	request->evidence[1] = need;
	request->evidence[2] = baseline;
	request_send(request, RING_QUIET);
	sizing->step = step;
	patience_note_lowered(&sizing->patience, now);
}

/* ---- udp_mem -------------------------------------------------------------- */

static __always_inline void read_udp_memory(struct memory *memory)
{
	memory->used = sample_value(SAMPLE_UDP_MEM_USED);
	memory->available = available_pages();
	memory->limit[0] = sample_value(SAMPLE_UDP_MEM_LOW);
	memory->limit[1] = sample_value(SAMPLE_UDP_MEM_PRESSURE);
	memory->limit[2] = sample_value(SAMPLE_UDP_MEM_HIGH);
}

/* `found`, where not NULL: what was there before us, and is put back as it was
 * rather than in proportion. `limit`: for the words, what has been come near. */
static __always_inline void move_udp_mem(const struct state_key *key, struct sizing *sizing,
					 const struct memory *memory, __u16 scenario,
					 __u64 limit, __u64 high, const __s64 *found)
{
	struct request *request = propose(key, &sizing->sequence, scenario);
	__u32 page_kib = tuner_page_bytes / 1024;
	__u64 wanted[3];

	if (!request)
		return;
	memory_scale(memory, high, wanted);
	for (int i = 0; i < 3; i++) {
		request->seen[i] = memory->limit[i];
		request->wanted[i] = found && high == (__u64)found[2] ? found[i] : (__s64)wanted[i];
	}
	request->mask = 7;
	request->evidence[0] = memory->used * page_kib;
	request->evidence[1] = limit * page_kib;
	request->evidence[2] = memory->available * page_kib;
	request_send(request, RING_QUIET);
	sizing->moved_ns = bpf_ktime_get_ns();
}

/*
 * UDP has no state of pressure, so from udp_mem[0] on a socket that holds more
 * than udp_rmem_min gets no more (__sk_mem_raise_allocated(), net/core/sock.c):
 * the first number is the limit, not the third.
 */
static __always_inline void decide_udp_mem(const struct state_key *key, struct sizing *sizing,
					   __u64 now)
{
	struct published *published = bpf_map_lookup_elem(&tuner_published, key);
	struct memory memory;
	__u64 high;

	read_udp_memory(&memory);
	if (!memory_is_known(&memory))
		return;
	if (memory_is_near(&memory, memory.limit[0])) {
		sweep.busy = 1;
		sizing->needed_ns = now;
		high = memory_raised_high(&memory);
		if (!high || is_yielded(0, TUNABLE_UDP_MEM))
			count_held(sizing, now, high ? COUNT_HELD_YIELDED : COUNT_HELD_CEILING);
		else if (now - sizing->moved_ns >= cfg_memory_hold_ns)
			move_udp_mem(key, sizing, &memory, SCENARIO_UDP_MEMORY_SHORT,
				     memory.limit[0], high, NULL);
		return;
	}
	if (!published || !published->writes || is_yielded(0, TUNABLE_UDP_MEM))
		return;
	high = memory_lowered_high(&memory, published->baseline[2]);
	if (!high)
		return;
	if (!memory_is_back(&memory, published->baseline[0]))
		sizing->needed_ns = now;
	if (now - sizing->moved_ns >= cfg_lower_every_ns &&
	    (memory_is_overdrawn(&memory) || now - sizing->needed_ns > cfg_unneeded_ns))
		move_udp_mem(key, sizing, &memory, SCENARIO_UDP_MEMORY_NOT_NEEDED,
			     published->baseline[0], high, published->baseline);
}

/* Samples and tunables have the same order. */
ABI_ASSERT((int)SAMPLE_RMEM_MAX == (int)TUNABLE_RMEM_MAX);
ABI_ASSERT((int)SAMPLE_WMEM_MAX == (int)TUNABLE_WMEM_MAX);
ABI_ASSERT((int)SAMPLE_RMEM_DEFAULT == (int)TUNABLE_RMEM_DEFAULT);

__noinline int decide(__u32 index)
{
	struct state_key key = touched_key(index);
	struct sizing *sizing = bpf_map_lookup_elem(&sizes, &key);
	__u64 now = bpf_ktime_get_ns();
	__u64 value, ceiling;

	if (!sizing)
		return 0;
	if (key.row == TUNABLE_UDP_MEM) {
		decide_udp_mem(&key, sizing, now);
		return 0;
	}
	value = sample_value(key.row);
	ceiling = ceiling_of(key.row);
	if (value && !raise_size(&key, sizing, value, ceiling, now))
		lower_size(&key, sizing, value, ceiling, now);
	return 0;
}
