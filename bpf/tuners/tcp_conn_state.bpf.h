/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What tcp_conn remembers: of each connection that loses or goes to a host that
 * is known, and of each such host. Include behind TUNER_DEFINE.
 */
#include "bpf/common/pure/bandit.h"
#include "bpf/common/pure/control.h"
#include "bpf/common/pure/loss.h"
#include "bpf/common/pure/reward.h"
#include "bpf/common/request.bpf.h"

#define SECOND_NS 1000000000ULL
/* A connection to an unknown host is worth a storage when it has carried so
 * much, and sends something again. */
#define SEEN_AFTER_BYTES (64 * 1024)
/* Looks at a run are a round trip apart, but not nearer than this. */
#define LOOK_AFTER_NS 20000000ULL /* several jiffies, in which time is kept */

/* Thresholds of loss: see bpf/common/pure/loss.h. */
const volatile struct loss_limits cfg_loss_limits = {.high_ppm = 10000, .low_ppm = 500};
/* The same thing about the same host is said again after so long. */
const volatile __u64 cfg_say_again_ns = 3600 * SECOND_NS;
/* After the kernel would not set an algorithm: until it is tried again. */
const volatile __u64 cfg_unusable_ns = 60 * SECOND_NS;

/* The arms of the bandit. 0 is whatever the default is. */
enum arm {
	ARM_DEFAULT,
	ARM_BBR,
	ARM_CUBIC,
	ARM_HTCP,
	ARM_COUNT,
};

struct conn {
	struct loss loss;
	struct reward_run run; /* under the present algorithm */
	__u64 next_look_ns;
	__u32 jiffies_then;   /* at the last look ... */
	__u32 limited_then;   /* ... and how long, until then, the congestion
			       * window was what it waited for */
	__u32 path_segments;  /* delivered in a round trip, at best and lately */
	__u32 host_rtt_us;    /* shortest to the host when this began to lose;
			       * 0: not known */
	__u8 arm;	      /* its algorithm is the arm's, as long as nobody
			       * else has set another */
	__u8 group;	      /* enum group */
	__u8 settled;	      /* its algorithm is not changed any more */
	__u8 losing;	      /* counted as such, once ... */
	__u8 queueing;	      /* ... and as such */
	__u8 ended;
};

enum group {
	GROUP_NONE,    /* says nothing about whether tuning helps */
	GROUP_CONTROL, /* keeps the default, whatever is known */
	GROUP_TUNED,
};

/* Key: socket; written under its lock, by socket-ops only; goes with the
 * socket. Without memory for it, nothing is done for the connection. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conn);
} conns SEC(".maps");

/* A destination: an IPv4 address, or an IPv6 /64, which is the least that one
 * site is given (RFC 6177). In another namespace the same address may be
 * another host. */
struct host_key {
	__u64 netns;
	__u64 prefix; /* IPv4: the address, in the first four bytes */
	__u64 family;
};

struct host {
	struct bandit bandit;
	struct control control;
	__u64 said_ns;	  /* when a switch was last explained; 0: never */
	__u64 counted_ns; /* ... counted among the hosts of a daemon */
	__u64 fallback;	  /* address of the default algorithm that arm 0 was */
};

#define HOSTS_MAX 4096 /* of about 200 bytes with key and links: 0.8 MB */

/* Written by socket-ops on all CPUs, field by field; see bandit.h on races. The
 * host that nobody had to do with for longest makes room for a new one. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, HOSTS_MAX);
	__uint(pinning, LIBBPF_PIN_BY_NAME); /* for the next daemon of this boot */
	__type(key, struct host_key);
	__type(value, struct host);
} hosts SEC(".maps");

const struct host blank_host; /* too large for the stack */

/* Until then an arm is not tried: the kernel refused it. Two CPUs may both find
 * out; either time will do. */
__u64 unusable_until_ns[ARM_COUNT];
__u64 unusable_said_ns;

/* When this daemon first had to do with a host. */
__u64 began_ns;
