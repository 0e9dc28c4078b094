/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What tcp_buffer remembers: of each connection, of each tunable in each
 * namespace, and of the sweep under way. Include behind TUNER_DEFINE.
 */
#include "bpf/common/pure/learning.h"
#include "bpf/common/sweep.bpf.h"
#include "bpf/tuners/tcp_buffer_logic.h"
#include "bpf/tuners/tcp_buffer_raise_logic.h"
#include "bpf/tuners/tcp_buffer_score_logic.h"

/* A connection is worth a storage when it has carried so much. */
#define SEEN_AFTER_BYTES (64 * 1024)

/* After a step down for latency: time for new connections to show it. */
const volatile __u64 cfg_latency_hold_ns = 10 * SECOND_NS;
/* After a change for lack of memory: until samples show what came of it. */
const volatile __u64 cfg_memory_hold_ns = 5 * SECOND_NS;
/* Memory is watched so long after something was out of place for the lack of
 * it: two turns of the decay, which looks too. */
const volatile __u64 cfg_memory_watch_ns = 60 * SECOND_NS;

/* The connections. Key: socket; written by the sweep and the visit, which the
 * daemon's one thread runs; goes with the socket. Without memory for it, the
 * connection is not seen. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct flow);
} flows SEC(".maps");

/* What was learned about one tunable in one namespace. */
struct learning {
	struct learning_step step;
	struct correlation latency;
	struct peak need;
	__u64 needed_ns;     /* when the upper half was last needed */
	__u64 hold_until_ns; /* no move before: the last one must show first */
	__u32 sequence;
	__u32 bloated_sweeps; /* in a row */
	__u32 netns_inode;
	__u32 squeezes; /* for lack of memory, without an hour between */
	__u64 squeezed_ns;
	__s64 before_squeeze[TUNER_MAX_VALUES]; /* [2] is 0: not squeezed */
	__s64 seen[TUNER_MAX_VALUES];
	struct trial trial;
	struct in_vain in_vain;
	struct demand demand;
};

/* Key: namespace and tunable. Written by the sweep and the decay only. When it
 * is full (counted), further namespaces are not tuned. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STATE_MAX_ENTRIES);
	__uint(pinning, LIBBPF_PIN_BY_NAME); /* outlives the daemon */
	__type(key, struct state_key);
	__type(value, struct learning);
} learning SEC(".maps");

/* The sweep under way. Only the daemon's thread runs it. */
struct {
	__u32 sockets;
	__u32 moving;
	__u32 urgent; /* connections to look at again soon */
	__u32 memory_short;    /* TCP's, and no more to be had */
	__u64 memory_moved_ns; /* when something was last out of place for it */
	/* Of the connection under way. Here rather than on the stack, because what
	 * is read back from memory is any value to the verifier, which would
	 * follow each that it knows to the end. */
	struct look look;
	struct finding found;
} sweep;

struct learning blank_learning;

/* Strategy -> how well it does, in all namespaces, since the daemon started.
 * Written by the sweep. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STRATEGY_COUNT);
	__type(key, __u32);
	__type(value, struct standing);
} standings SEC(".maps");

/* Pulses of SO_RCVLOWAT that enlarged a buffer, and that did not. Where the
 * first few do nothing, this kernel's does nothing. */
#define VISITS_TO_TRY 3
__u32 visits_helped;
__u32 visits_in_vain;
