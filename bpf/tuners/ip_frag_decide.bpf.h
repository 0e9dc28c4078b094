/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What ip_frag remembers of a namespace, and what it decides after a look: to
 * raise its threshold, to lower it, or neither. The arithmetic is in
 * ip_frag_logic.h. Include behind TUNER_DEFINE.
 */
#include "bpf/common/propose.bpf.h"
#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/patience.h"
#include "bpf/common/pure/peak.h"
#include "bpf/common/sweep.bpf.h"
#include "bpf/tuners/ip_frag_logic.h"

/* After a raise could not be made: for as long others come first. */
const volatile __u64 cfg_held_ns = 60 * SECOND_NS;

/* The fragments of one family in one namespace that were ever dropped for lack
 * of memory. `dropped` is added to by the event, atomically. */
struct reassembly {
	struct frag_watch watch;
	struct learning_step step;
	struct patience patience;
	struct peak need;
	__u64 dropped; /* ever */
	__u64 dropped_seen;
	__u64 needed_ns; /* when the upper half was last needed */
	__u64 held_until_ns;
	__u64 lowered_ns; /* for want of datagrams that are completed */
	__u64 due_ns;	  /* the next look; 0: when something is dropped */
	__u32 sequence;
	__u32 netns_inode;
	__u16 asked; /* for looks that did not come */
	__u8 restless; /* drops are no reason to look: no raise is possible */
	__u8 reserved[5];
};

/* Key: namespace and tunable. Inserted by the event, written by pulse and visit,
 * deleted by the pulse when nothing was raised or dropped for long. When it is
 * full (counted), further namespaces are not tuned. It outlives the daemon, so
 * that what was raised comes down. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STATE_MAX_ENTRIES);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct state_key);
	__type(value, struct reassembly);
} reassemblies SEC(".maps");

struct reassembly blank_reassembly;

/* One look, and what the decision about it needs. */
struct look {
	struct frag_look of;
	struct frag_finding found;
	struct state_key key;
	__u64 baseline;
	__u64 given;	 /* bytes, by all raises, ... */
	__u64 available; /* ... of those that the machine has */
} look;

static __always_inline struct request *propose_threshold(struct reassembly *r, __u16 scenario,
							 __u64 target)
{
	struct request *request = propose(&look.key, &r->sequence, scenario);

	if (!request)
		return NULL;
	request->netns_inode = r->netns_inode;
	request->mask = 1;
	request->seen[0] = look.of.high;
	request->wanted[0] = target;
	return request;
}

/* Why there is no raise to `target` now; the row of a counter, 0: there is. */
static __always_inline __u32 held_back(__u64 target)
{
	if (is_yielded(look.key.netns, look.key.row))
		return COUNT_HELD_YIELDED;
	if (!look.found.completes)
		return COUNT_HELD_INCOMPLETE;
	return target ? 0 : COUNT_HELD_CEILING;
}

/* True: there was a raise, and the next look is to come soon. */
static __always_inline bool raise(struct reassembly *r)
{
	__u64 own = sat_sub(look.of.high, look.baseline);
	__u64 ceiling = frag_ceiling(look.available, look.baseline, sat_sub(look.given, own));
	struct learning_step step = r->step;
	struct request *request;
	__u64 target;
	__u32 held;

	learning_step_move(&step, look.of.now_ns, 1, cfg_learning_horizon_ns);
	target = frag_raised(&look.of, step.step_shift, ceiling);
	held = held_back(target);
	if (held) {
		count(held);
		return false;
	}
	if (look.of.now_ns < r->held_until_ns)
		return false;
	request = propose_threshold(r, SCENARIO_FRAGMENT_MEMORY_FULL, target);
	if (!request)
		return false;
	request->evidence[0] = look.of.memory;
	request->evidence[1] = look.of.dropped;
	request->evidence[2] = look.found.completed;
	request->evidence[3] = look.of.pending;
	request_send(request, RING_QUIET);
	r->step = step;
	patience_note_raised(&r->patience, look.of.now_ns);
	return true;
}

/* Half of it at once, but not below what was in force before. */
static __always_inline __u64 halved(void)
{
	return shrink_by_shift(look.of.high, 1, look.baseline);
}

/* It was lowered although it may be needed. */
static __always_inline void hold_raises(struct reassembly *r)
{
	patience_note_lowered(&r->patience, look.of.now_ns);
	r->held_until_ns = look.of.now_ns + patience_ns(&r->patience, cfg_held_ns);
}

static __always_inline void lower_hopeless(struct reassembly *r)
{
	struct request *request;

	if (look.of.now_ns - r->lowered_ns < frag_pause_ns(look.of.timeout_ns))
		return;
	request = propose_threshold(r, SCENARIO_NEVER_COMPLETED, halved());
	if (!request)
		return;
	request->evidence[0] = look.of.pending;
	request->evidence[1] = look.of.memory;
	request->evidence[2] = look.found.completed;
	request->evidence[3] = look.baseline;
	request_send(request, RING_QUIET);
	r->lowered_ns = look.of.now_ns;
	hold_raises(r);
}

static __always_inline void lower_overdrawn(struct reassembly *r)
{
	struct request *request = propose_threshold(r, SCENARIO_MACHINE_MEMORY_SHORT, halved());

	if (!request)
		return;
	request->evidence[0] = look.given;
	request->evidence[1] = look.available;
	request_send(request, RING_QUIET);
	hold_raises(r);
}

/* One step towards where we found it. */
static __always_inline void lower_unneeded(struct reassembly *r)
{
	__u64 now = look.of.now_ns;
	__u64 need = peak_now(&r->need, now, cfg_need_half_life_ns);
	__u64 floor = max_u64(sat_add(need, need / 4), look.baseline);
	struct learning_step step = r->step;
	struct request *request;

	if (now - r->needed_ns < patience_ns(&r->patience, cfg_unneeded_ns) ||
	    !learning_worth_lowering(look.of.high, floor, look.baseline))
		return;
	learning_step_move(&step, now, -1, cfg_learning_horizon_ns);
	request = propose_threshold(r, SCENARIO_FRAGMENT_MEMORY_NOT_NEEDED,
				    learning_step_apply(&step, look.of.high, floor, look.of.high));
	if (!request)
		return;
	request->evidence[0] = (now - r->needed_ns) / SECOND_NS;
	request->evidence[1] = need;
	request->evidence[2] = look.baseline;
	request_send(request, RING_QUIET);
	r->step = step;
	patience_note_lowered(&r->patience, now);
}

static __always_inline void lower(struct reassembly *r)
{
	if (look.of.high <= look.baseline || is_yielded(look.key.netns, look.key.row))
		return;
	if (look.found.hopeless)
		lower_hopeless(r);
	else if (frag_overdrawn(look.given, look.available))
		lower_overdrawn(r);
	else
		lower_unneeded(r);
}
