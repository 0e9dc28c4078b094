/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What tcp_listen remembers, and what it decides at the end of a sweep: one
 * move per tunable and namespace. The arithmetic is in tcp_listen_logic.h.
 * Include behind TUNER_DEFINE.
 */
#include "bpf/common/propose.bpf.h"
#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/patience.h"
#include "bpf/common/pure/peak.h"
#include "bpf/common/sweep.bpf.h"
#include "bpf/tuners/tcp_listen_logic.h"

/* After a raise could not be made: for as long others come first. */
const volatile __u64 cfg_held_ns = 60 * SECOND_NS;

/* The listeners. Key: socket; `asked` written by listen(), the rest by the
 * sweep; goes with the socket. Without memory for it, the listener is not
 * seen. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct listener);
} listeners SEC(".maps");

/* Where connections arrive; port 0 stands for the whole namespace. */
struct place {
	__u64 netns;
	__u32 port;
	__u32 reserved;
};

/* Place -> handshakes completed there (port 0: 1). Written by socket-ops,
 * atomically. Full: a place long without arrivals is forgotten, and counted
 * anew. Allocated at once, 90 bytes an entry. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, struct place);
	__type(value, __u64);
} arrivals SEC(".maps");

/* Something has arrived or begun to listen since the last sweep. */
volatile __u32 news;

/* What was learned about one tunable in one namespace. */
struct listening {
	struct learning_step step;
	struct patience patience;
	struct peak need;
	__u64 needed_ns; /* when the upper half was last needed */
	__u64 held_until_ns;
	__s64 seen;
	__u32 sequence;
	__u32 netns_inode;
	struct listen_demand demand;
};

/* Key: namespace and tunable. Written by the sweep and the decay only; forgotten
 * when nothing was raised or needed for long. When it is full (counted),
 * further namespaces are not tuned. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STATE_MAX_ENTRIES);
	__type(key, struct state_key);
	__type(value, struct listening);
} backlogs SEC(".maps");

/* The sweep under way. Only the daemon's thread runs it. */
struct {
	__u32 waiting; /* listeners to look at again soon */
	__u32 kept;    /* tunables that are raised, or should be */
} sweep;

struct listening blank_listening;

/* What a listener needs, held back or not, so that it is not taken away. */
static __always_inline void note_need(struct listening *l, const struct state_key *key, __u64 now,
				      __u64 need)
{
	struct published *published = bpf_map_lookup_elem(&tuner_published, key);

	peak_note(&l->need, now, need, cfg_need_half_life_ns);
	if (need > (__u64)l->seen / 2)
		l->needed_ns = now;
	sweep.kept += published && l->seen > published->baseline[0];
}

/* Where to gather what is wanted of {namespace, tunable} in this sweep; NULL
 * when it is not its turn. */
static __always_inline struct listen_demand *demand_of(struct listening *l,
						       const struct state_key *key, __u64 now)
{
	sweep.kept++;
	return now >= l->held_until_ns && touch(key, &l->demand) ? &l->demand : NULL;
}

/* A request for another value, to be completed and sent; NULL: not now. */
static __always_inline struct request *propose_backlog(const struct state_key *key,
						       struct listening *l, __u16 scenario,
						       __u64 target)
{
	struct request *request = propose(key, &l->sequence, scenario);

	if (!request)
		return NULL;
	request->netns_inode = l->netns_inode;
	request->mask = 1;
	request->seen[0] = l->seen;
	request->wanted[0] = target;
	return request;
}

/* Why there is no raise to `target` now; the row of a counter, 0: there is. */
static __always_inline __u32 held_back(const struct state_key *key, __u64 target, __u64 pressure)
{
	if (is_yielded(key->netns, key->row))
		return COUNT_HELD_YIELDED;
	if (!target)
		return COUNT_HELD_CEILING;
	return sample_value(SAMPLE_TCP_MEM_USED) >= pressure ? COUNT_HELD_MEMORY : 0;
}

__noinline int decide(__u32 index)
{
	struct state_key key = touched_key(index);
	struct listening *l = bpf_map_lookup_elem(&backlogs, &key);
	__u64 pressure = sample_value(SAMPLE_TCP_MEM_PRESSURE);
	__u64 now = bpf_ktime_get_ns();
	struct listen_demand *demand;
	struct request *request;
	__u64 target;
	__u32 held;

	if (!l)
		return 0;
	demand = &l->demand;
	target = raised_backlog(l->seen, demand, backlog_ceiling(pressure, tuner_page_bytes));
	held = held_back(&key, target, pressure);
	if (held) {
		count(held);
		l->held_until_ns = now + cfg_held_ns;
		return 0;
	}
	request = propose_backlog(&key, l, demand->scenario, target);
	if (!request)
		return 0;
	request->evidence[0] = demand->port;
	request->evidence[1] = demand->numbers[0];
	request->evidence[2] = demand->numbers[1];
	request->evidence[3] = demand->numbers[2];
	request_send(request, RING_QUIET);
	learning_step_move(&l->step, now, 1, cfg_learning_horizon_ns);
	patience_note_raised(&l->patience, now);
	return 0;
}

/* One step towards where we found it, when the upper half is not needed. */
static __always_inline void come_down(const struct state_key *key_in_map, struct listening *l)
{
	struct state_key key = *key_in_map;
	struct published *published = bpf_map_lookup_elem(&tuner_published, &key);
	__u64 now = bpf_ktime_get_ns();
	struct learning_step step;
	struct request *request;
	__u64 need, floor, target;

	if (!published || published->last[0] <= published->baseline[0]) {
		if (now - l->needed_ns >= cfg_learning_horizon_ns)
			bpf_map_delete_elem(&backlogs, &key);
		return;
	}
	if (now - l->needed_ns < patience_ns(&l->patience, cfg_unneeded_ns) ||
	    is_yielded(key.netns, key.row))
		return;
	need = peak_now(&l->need, now, cfg_need_half_life_ns);
	floor = max_u64(need, published->baseline[0]);
	if (!learning_worth_lowering(published->last[0], floor, published->baseline[0]))
		return;
	step = l->step;
	learning_step_move(&step, now, -1, cfg_learning_horizon_ns);
	target = learning_step_apply(&step, published->last[0], floor, published->last[0]);
	l->seen = published->last[0];
	request = propose_backlog(&key, l, SCENARIO_BACKLOG_NOT_NEEDED, target);
	if (!request)
		return;
	request->evidence[0] = (now - l->needed_ns) / SECOND_NS;
	request->evidence[1] = need;
	request->evidence[2] = published->baseline[0];
	request_send(request, RING_QUIET);
	l->step = step;
	patience_note_lowered(&l->patience, now);
}
