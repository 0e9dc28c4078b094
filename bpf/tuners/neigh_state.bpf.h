/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What neigh remembers of its tunables, and how it asks for another value.
 * Include behind TUNER_DEFINE.
 */
#include "bpf/common/propose.bpf.h"
#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/patience.h"
#include "bpf/common/pure/peak.h"
#include "bpf/common/sweep.bpf.h"
#include "bpf/tuners/neigh_logic.h"

/* After a raise could not be made: for as long others come first. */
const volatile __u64 cfg_held_ns = 60 * SECOND_NS;

/* What one look has found. */
struct neigh_demand {
	__u64 sweep;	  /* which one; if another, everything below is stale */
	__u64 entries;	  /* of a table */
	__u64 per_window; /* being added to it */
	__u64 lost;	  /* of a queue: packets */
	__u64 need;	  /* ... and bytes with which none would have been */
	__s64 seen[TUNER_MAX_VALUES];
	__u8 raise; /* else: lower */
	__u8 reserved[7];
};

/* What happened to queues of a device since the last look. Written by events on
 * any CPU; what two write at once may get lost. */
struct queue_news {
	__u64 lost;  /* packets dropped before the address was found */
	__u64 need;  /* bytes, the largest */
	__u32 limit; /* when it happened */
	__u32 netns_inode;
	char device[DEVICE_NAME_LEN];
};

struct learned {
	struct learning_step step;
	struct patience patience;
	struct peak need;
	__u64 needed_ns; /* when the upper half was last needed */
	__u64 held_until_ns;
	__u32 sequence;
	__u32 reserved;
	struct neigh_demand demand;
	struct queue_news news; /* of a device only */
};

/* Key: the tunable; in its namespace, of its device. Written by the pulse, but for
 * the news; forgotten when nothing was raised or needed for long. Full (counted):
 * further devices are not tuned. Kept, so that the next daemon knows whose device
 * an id is, and brings it down again. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STATE_MAX_ENTRIES);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct state_key);
	__type(value, struct learned);
} neighbours SEC(".maps");

struct learned blank_learned;

/* The pulse under way. Only the daemon's thread runs it. */
struct {
	__u32 moved; /* a change was asked for: look again at once */
	__u32 near;  /* a table is half full, and cannot be raised now */
	__u32 kept;  /* tunables that are raised */
} pulse;

static __always_inline bool is_raised(const struct published *published, int value)
{
	return published && published->writes &&
	       published->last[value] > published->baseline[value];
}

/* There is no raise to `target` now; others come first for a while. */
static __always_inline bool is_held(const struct state_key *key, struct learned *l, __u64 target,
				    __u64 now)
{
	bool yielded = is_yielded_key(key);

	if (!yielded && target)
		return false;
	count(yielded ? COUNT_HELD_YIELDED : COUNT_HELD_CEILING);
	l->held_until_ns = now + cfg_held_ns;
	return true;
}

/* A request for other values, to be completed and sent; NULL: not now. */
static __always_inline struct request *propose_values(const struct state_key *key,
						      struct learned *l, __u16 scenario, __u32 mask)
{
	struct request *request = propose(key, &l->sequence, scenario);

	if (!request)
		return NULL;
	request->mask = mask;
	__builtin_memcpy(request->seen, l->demand.seen, sizeof(request->seen));
	pulse.moved++;
	return request;
}

/* The next step down from `value`, to `floor` at most; 0: not worth it. */
static __always_inline __u64 step_down(struct learned *l, __u64 now, __u64 value, __u64 floor,
				       __u64 lowest)
{
	if (!learning_worth_lowering(value, floor, lowest))
		return 0;
	learning_step_move(&l->step, now, -1, cfg_learning_horizon_ns);
	return learning_step_apply(&l->step, value, floor, value);
}
