/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * A sweep: the pulse looks at many things (sockets, devices), then decides once
 * for each tunable and namespace that they concern. What a tuner does with it:
 *
 *  - keeps what it learns in a hash by struct state_key. Its value holds a
 *    demand, a struct with a member `__u64 sweep` for what one sweep gathers:
 *	struct learned { struct peak need; struct demand demand; };
 *  - finds it for each thing looked at, and gathers:
 *	struct learned *l = state_of(&learned, &key, &blank, is_short);
 *	if (l && touch(&key, &l->demand))
 *		l->demand.need = max_u64(l->demand.need, need);
 *  - defines decide(), which proposes at most one change (propose.bpf.h) for
 *    touched_key(index), by what that demand has gathered;
 *  - calls end_sweep() where the iterator is called without a thing.
 *
 * Only the daemon's one thread runs all this. Include behind TUNER_DEFINE.
 */
#include "bpf/common/request.bpf.h"

#define SECOND_NS 1000000000ULL

/* Half of a need is forgotten in this time. */
const volatile __u64 cfg_need_half_life_ns = 600 * SECOND_NS;
/* A value comes down when its upper half was not needed for so long. */
const volatile __u64 cfg_unneeded_ns = 600 * SECOND_NS;
/* Moves further apart than this say nothing about each other. */
const volatile __u64 cfg_learning_horizon_ns = 3600 * SECOND_NS;

/* What the sweep under way has touched. */
#define TOUCHED_MAX 64 /* further ones get their turn in the next sweep */
struct {
	__u64 sweep;
	__u32 count;
	struct state_key keys[TOUCHED_MAX];
} touched = {.sweep = 1}; /* 0: what was never touched */

/* Of the sweep under way: no other has it, nor has one of an earlier daemon,
 * which what is learned may outlive. */
static __always_inline __u64 sweep_number(void)
{
	return touched.sweep;
}

/* What `map` holds for a key; a copy of `blank`, which is too large for the
 * stack, where that is nothing yet and `wanted`. NULL: nothing, or there is no
 * room (counted). */
static __always_inline void *state_of(void *map, const struct state_key *key, const void *blank,
				      bool wanted)
{
	void *state = bpf_map_lookup_elem(map, key);

	if (state || !wanted)
		return state;
	if (bpf_map_update_elem(map, key, blank, BPF_NOEXIST))
		count(COUNT_STATE_FULL);
	return bpf_map_lookup_elem(map, key);
}

/* decide() is to be called for this key, by a demand that is begun anew, with
 * zeros, in each sweep. False: it does not get its turn in this one. */
#define touch(key, demand) touch_demand(key, demand, sizeof(*(demand)), &(demand)->sweep)

static __always_inline bool touch_demand(const struct state_key *key, void *demand, __u32 size,
					 __u64 *sweep)
{
	if (*sweep == touched.sweep)
		return true;
	if (touched.count >= TOUCHED_MAX)
		return false;
	touched.keys[touched.count & (TOUCHED_MAX - 1)] = *key;
	touched.count++;
	__builtin_memset(demand, 0, size);
	*sweep = touched.sweep;
	return true;
}

static __always_inline struct state_key touched_key(__u32 index)
{
	return touched.keys[index & (TOUCHED_MAX - 1)];
}

/* The tuner's. A global function: the verifier checks it once, for any index,
 * rather than anew in each turn of the loop. */
__noinline int decide(__u32 index);

static __always_inline void end_sweep(void)
{
	for (__u32 i = 0; i < TOUCHED_MAX; i++) {
		if (i >= touched.count)
			break;
		decide(i);
	}
	touched.sweep = bpf_ktime_get_ns();
	touched.count = 0;
}
