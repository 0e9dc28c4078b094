/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * The shared maps, as the objects see them. state_abi.h says what is in each
 * and who alone may write it.
 */
#include "bpf/common/kernel.bpf.h"
#include "bpf/common/request_abi.h"
#include "bpf/common/state_abi.h"

/* Filled by the controller before load. */
const volatile __u16 tuner_id = 0;
/* Row of a tunable -> first row of its feature set. */
const volatile __u16 tuner_set_row[TUNER_MAX_TUNABLES] = {};
/* Bit n: hook n of the description runs, by its preferred program. */
const volatile __u32 tuner_hooks = 0;
/* Of this machine: what tcp_mem and udp_mem count in. */
const volatile __u32 tuner_page_bytes = 4096;

#define SHARED_HASH(map, key_type, value_type, entries) \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_HASH);        \
		__uint(map_flags, BPF_F_NO_PREALLOC);   \
		__uint(max_entries, entries);           \
		__type(key, key_type);                  \
		__type(value, value_type);              \
	} map SEC(".maps")

SHARED_HASH(tuner_owners, struct state_key, struct owner, STATE_MAX_ENTRIES);
SHARED_HASH(tuner_published, struct state_key, struct published, STATE_MAX_ENTRIES);
SHARED_HASH(tuner_pending, struct state_key, struct pending, STATE_MAX_ENTRIES);
SHARED_HASH(tuner_orders, struct state_key, struct order, STATE_MAX_ENTRIES);
SHARED_HASH(tuner_watched, struct watched_key, struct watched, WATCHED_MAX_ENTRIES);
SHARED_HASH(tuner_scope, __u64, __u8, SCOPE_MAX_ENTRIES);
SHARED_HASH(tuner_namespaces, struct state_key, struct netns_seen, NAMESPACES_MAX_ENTRIES);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, REQUESTS_BYTES);
} tuner_requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TUNERS_MAX);
	__type(key, __u32);
	__type(value, struct beat);
} tuner_beats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TUNERS_MAX * TUNER_MAX_SAMPLES);
	__type(key, __u32);
	__type(value, struct sample);
} tuner_samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TUNERS_MAX * TUNER_MAX_STRATEGIES);
	__type(key, __u32);
	__type(value, struct score);
} tuner_scores SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TUNERS_MAX);
	__type(key, __u32);
	__type(value, struct active_strategy);
} tuner_active SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CONTROLS_MAX);
	__type(key, __u32);
	__type(value, struct tuner_control);
} tuner_control SEC(".maps");

/* Whether the tuner may act by itself on sockets. The applier asks the same of
 * its requests. */
static __always_inline bool may_act(void)
{
	__u32 own_key = tuner_id, all_key = CONTROL_OF_ALL;
	struct tuner_control *own = bpf_map_lookup_elem(&tuner_control, &own_key);
	struct tuner_control *all = bpf_map_lookup_elem(&tuner_control, &all_key);

	return own && !own->paused && !own->observe && all && !all->paused && !all->observe;
}

static __always_inline struct state_key state_key_of(__u64 netns, __u16 row)
{
	struct state_key key = {
		.netns = netns,
		.tuner = tuner_id,
		.row = row,
	};

	return key;
}

/* The administrator's, until somebody reclaims it. */
static __always_inline bool is_yielded_key(const struct state_key *tunable)
{
	struct state_key key = *tunable;
	struct owner *owner;

	key.row = tuner_set_row[key.row & (TUNER_MAX_TUNABLES - 1)];
	owner = bpf_map_lookup_elem(&tuner_owners, &key);
	return owner && owner->generation != owner->reclaimed;
}

static __always_inline bool is_yielded(__u64 netns, __u32 tunable)
{
	struct state_key key = state_key_of(netns, tunable);

	return is_yielded_key(&key);
}

/* A sampled number, or 0 while it could not be read. */
static __always_inline __u64 sample_value(__u32 row)
{
	__u32 key = tuner_id * TUNER_MAX_SAMPLES + row;
	struct sample *sample = bpf_map_lookup_elem(&tuner_samples, &key);

	return sample && sample->valid ? sample->value : 0;
}

/* The row of the strategy that runs; 0 for a tuner that has none. */
static __always_inline __u32 strategy_now(void)
{
	__u32 key = tuner_id;
	struct active_strategy *active = bpf_map_lookup_elem(&tuner_active, &key);

	return active ? active->row : 0;
}

/* How well a strategy does now, the higher the better. Only the pulse says so. */
static __always_inline void score_strategy(__u32 row, __s64 value)
{
	__u32 key = tuner_id * TUNER_MAX_STRATEGIES + row;
	struct score *score = bpf_map_lookup_elem(&tuner_scores, &key);

	if (!score)
		return;
	score->value = value;
	score->judged++;
}

static __always_inline struct beat *own_beat(void)
{
	__u32 key = tuner_id;

	return bpf_map_lookup_elem(&tuner_beats, &key);
}
