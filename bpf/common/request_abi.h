/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What crosses the one shared ring buffer, from BPF to the controller: records
 * of one fixed size. BPF asks; only the controller writes.
 */
#include "bpf/common/tuner_abi.h"

/* Numbered for good: a number is never used for something else. */
enum request_kind {
	REQUEST_SET = 1,      /* please write `wanted` into a tunable */
	REQUEST_NOTE = 2,     /* BPF has acted by itself (on a socket): say so */
	REQUEST_WAKE = 3,     /* please run the pulse of `tuner` now */
	REQUEST_OVERRIDE = 4, /* somebody else wrote `wanted` over `seen` */
	/* 5: namespaces appearing and disappearing */
	REQUEST_VISIT = 6, /* please run the visit hook inside `netns` */
	REQUEST_TEST = 254,
};

#define REQUEST_COMM_LEN 16

/* What somebody wrote, of a tunable whose numbers are in several files: this in
 * place of the numbers in the others. */
#define VALUE_UNSAID (-0x7fffffffffffffffLL - 1)

struct request {
	__u16 kind;
	__u16 tuner;	/* number the controller gave the object (tuner_id) */
	__u16 tunable;	/* row of the description */
	__u16 scenario; /* row of the description */
	__u32 sequence; /* of the pending decision; 0 where nothing pends */
	__u32 mask;	/* SET: bit n: value n is to change; OVERRIDE: count */
	__u64 netns;	/* namespace id (netns.bpf.h); 0: global tunable */
	__u32 netns_inode; /* helps to find it; 0 where not at hand */
	__u32 reserved;
	__u64 time_ns;	/* CLOCK_MONOTONIC when it was decided */
	__s64 seen[TUNER_MAX_VALUES];
	__s64 wanted[TUNER_MAX_VALUES];
	__u64 evidence[4]; /* {arg0} .. {arg3} of the scenario's text */
	union {
		__u8 peer[16];	 /* remote address, first 4 bytes for AF_INET */
		char device[16]; /* of a tunable that each device has */
	};
	__u32 peer_family; /* AF_INET, AF_INET6, or 0: no peer */
	__u32 pid;	   /* OVERRIDE: the writer, in the initial pid namespace */
	char comm[REQUEST_COMM_LEN]; /* ... or {comm} of the scenario's text */
};

ABI_ASSERT(sizeof(struct request) == 160);
