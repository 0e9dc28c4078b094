/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What udp_buffer remembers: of sockets that asked for much, of losses, of each
 * tunable, and of the sweep under way. Include behind TUNER_DEFINE.
 */
#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/memory.h"
#include "bpf/common/pure/patience.h"
#include "bpf/common/pure/peak.h"
#include "bpf/common/sweep.bpf.h"
#include "bpf/tuners/udp_buffer_logic.h"

/* Between two steps down; between two counts of a raise that is held, and before
 * one that follows a want of memory. */
const volatile __u64 cfg_lower_every_ns = 30 * SECOND_NS;
const volatile __u64 cfg_held_every_ns = 60 * SECOND_NS;
/* After a change of udp_mem: until it shows what came of it. */
const volatile __u64 cfg_memory_hold_ns = SECOND_NS;

enum side { SIDE_RECEIVE, SIDE_SEND, SIDES };

#define COMM_LEN REQUEST_COMM_LEN

/* Who asked for more than there was without us, and what for. */
struct asker {
	struct size_request side[SIDES];
	__u32 pid;
	char comm[COMM_LEN];
};

/* Key: socket. Written when it asks, in process context, and by the sweep; goes
 * with the socket. Without memory for it, the request is not seen. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct asker);
} askers SEC(".maps");

/* The one that asked for most since the last look, for sockets that are gone
 * before they can be looked at. Written without a lock: of requests at the same
 * instant one is remembered, in the worst case with the other one's name. */
struct asker most_asker;

/* Where datagrams are lost: a port of a namespace, by a hash of both. Written by
 * whoever loses one, and by the sweep. Where two meet, the first one counts
 * until it has lost nothing for two seconds. */
#define BURSTS 64
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BURSTS);
	__type(key, __u32);
	__type(value, struct burst);
} bursts SEC(".maps");

/* Something was asked for or lost since the last sweep. */
volatile __u32 news;

/* What one sweep gathers for one tunable. */
struct size_demand {
	__u64 sweep;
	__u64 need; /* 0: nothing is held back */
	__u64 number[4];
	__u32 cut; /* open sockets that were */
	__u16 scenario;
	__u16 reserved;
	char comm[COMM_LEN];
};

struct sizing {
	struct learning_step step;
	struct patience patience;
	struct peak need;
	__u64 needed_ns; /* when the upper half was last needed */
	__u64 held_ns;	 /* when a raise was last counted as held */
	__u64 moved_ns;
	__u64 squeezed_ns; /* when memory has last lowered it; 0: never */
	__u32 sequence;
	__u32 reserved;
	struct size_demand demand;
};

struct sizing blank_sizing;

/* Key: the tunable. Written by the sweep only. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TUNER_MAX_TUNABLES);
	__type(key, struct state_key);
	__type(value, struct sizing);
} sizes SEC(".maps");

/* The sweep under way. Only the daemon's thread runs it. */
struct {
	__u32 waiting; /* requests and bursts to look at again soon */
	__u32 busy;    /* UDP is near its limit, or was a moment ago */
} sweep;

/* What was learned of a tunable, to be decided about in this sweep. */
static __always_inline struct sizing *sizing_of(__u16 row)
{
	struct state_key key = state_key_of(0, row);
	struct sizing *sizing = state_of(&sizes, &key, &blank_sizing, true);

	if (!sizing || !touch(&key, &sizing->demand))
		return NULL;
	/* What an earlier daemon has raised is not given up at once. */
	if (!sizing->needed_ns)
		sizing->needed_ns = bpf_ktime_get_ns();
	return sizing;
}
