/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * Which congestion control suits a remote host? An epsilon-greedy bandit.
 *
 * Arm 0 is the system's default, arms 1 .. 3 are what the caller makes of them.
 * Each has a mean reward (reward.h: a logarithm, so that a difference is a
 * ratio), the deviation from it and a weight, the number of runs it rests on.
 *
 *   start	the default alone, until some runs have moved some bytes.
 *   trial	then each other arm twice, in between: often where the path
 *		loses segments or is long (where bbr wins), seldom elsewhere,
 *		never within a millisecond without loss.
 *   best	the highest mean; the default unless beaten by 5 % and the
 *		uncertainty of the two means.
 *   explore	with probability epsilon, which falls as evidence grows, and
 *		whenever an arm has not been tried for 20 connections: the arm
 *		that has waited longest.
 *   surprise	a run twice as good or bad as the mean, and far outside of the
 *		deviation, changes nothing, but is tried again; a second run
 *		that agrees with it replaces the mean. So a path that changes is
 *		noticed by two runs, and one odd run is not.
 *   forgetting	weights halve every half hour; an arm without weight is unknown.
 *
 * A host's entry may be used on several CPUs at once without a lock: a race
 * loses a run or a count, no more. Nothing is read twice, any bytes are a valid
 * state, and an arm that is not available is never chosen.
 */
#include "bpf/common/pure/control.h"
#include "bpf/common/pure/limits.h"

#define BANDIT_HALF_LIFE_NS (1800ULL * 1000000000ULL)
#define BANDIT_BACK_OFF_NS (600ULL * 1000000000ULL)

enum {
	BANDIT_ARMS = 4,
	BANDIT_MIN_RUNS = 4, /* nothing is changed before */
	BANDIT_MIN_KBYTES = 256,
	BANDIT_KNOWN = 2,    /* runs that make an arm known */
	BANDIT_MOST_WEIGHT = 16,
	BANDIT_MARGIN_Q8 = 18, /* 5 %: 256 * log2(1.05) */
	BANDIT_SURPRISE_Q8 = 256, /* twice or half */
	BANDIT_DUE = 20,     /* connections after which an arm is tried again */
	BANDIT_EPSILON_MIN = 32, /* of 1024 */
	BANDIT_NOISE_PPM = 500, /* lab: cubic gives way at about this loss */
	BANDIT_LONG_RTT_US = 80000,
	BANDIT_SHORT_RTT_US = 1000,
};

enum bandit_why {
	BANDIT_DEFAULT = 0, /* the default, as known or for want of evidence */
	BANDIT_BEST = 1,    /* known to be better: the tuned group */
	BANDIT_TRIAL = 2,   /* trial or exploration: neither group */
};

struct bandit_arm {
	__u16 mean_q8;
	__u16 deviation_q8; /* mean of the absolute ones */
	__u16 pending_q8;   /* a surprise that awaits a second; 0: none */
	__u8 weight;	    /* runs, up to 16 */
	__u8 idle;	    /* connections since it was chosen, up to 255 */
};

/* 64 bytes a host. All zero is a good start. */
struct bandit {
	__u64 faded_ns;
	__u64 back_until_ns; /* the default until then */
	__u32 runs;
	__u32 kbytes;
	__u32 min_rtt_us; /* of the runs since it last faded; 0: none */
	__u32 loss_ppm;	  /* mean of the last few runs */
	struct bandit_arm arms[BANDIT_ARMS];
};

struct bandit_choice {
	__u32 arm;
	enum bandit_why why;
};

/* Which arm the next connection gets. available: bit n for arm n; the default
 * always is. lossy_arm: the one that suits loss and long paths (bbr), 0 if none
 * or if that is the default. random: any 32 bits. Not for connections of the
 * control group, which get the default.
 */
PURE struct bandit_choice bandit_choose(struct bandit *bandit, __u64 now_ns,
					__u32 available, __u32 lossy_arm,
					__u32 random);

/* A run under this arm has ended: reward_q8(), its bytes, reward_loss_ppm() and
 * the minimum round trip. Only for runs that reward_is_known(); those of the
 * control group too, for arm 0.
 */
PURE void bandit_note(struct bandit *bandit, __u64 now_ns, __u32 arm,
		      __u32 reward_q8, __u64 bytes, __u32 loss_ppm,
		      __u32 min_rtt_us);

/* Tuning made it worse (control_says_worse()): the default for ten minutes, and
 * what was learned of the other arms is forgotten.
 */
PURE void bandit_back_off(struct bandit *bandit, __u64 now_ns);
