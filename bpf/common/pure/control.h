/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * Did tuning help? A control group's answer, per host or over all.
 *
 * A few connections keep the default whatever is known; the caller draws them.
 * Their rewards, and those of the connections that got something better, are
 * averaged with forgetting, and tuning is worse when the difference of the
 * means is beyond a margin and beyond what chance makes of such variances.
 */
#include "bpf/common/pure/limits.h"

enum {
	CONTROL_HELD_OUT = 20, /* one connection in so many; for the caller */
	CONTROL_MOST_WEIGHT = 32,
	CONTROL_MIN_CONTROL = 5,
	CONTROL_MIN_TUNED = 10,
	CONTROL_MARGIN_Q8 = 35, /* a tenth: 256 * log2(1.1) */
};

enum control_group {
	CONTROL_GROUP_DEFAULT = 0, /* held out */
	CONTROL_GROUP_TUNED = 1,   /* got what was known to be better */
};

struct control_mean {
	__u32 runs;	  /* in all */
	__u32 variance;	  /* of the reward, q8 squared, at most 2^28 */
	__u16 reward_q8;  /* mean */
	__u16 rate_q8;	  /* mean of the rates' logarithms */
	__u32 weight;	  /* runs the means rest on, up to 32 */
};

/* 32 bytes. All zero is a good start. */
struct control {
	struct control_mean groups[2];
};

/* mean, a 1/weight of the way to v (0 < weight), by at least 1. */
PURE __u32 mean_towards(__u32 mean, __u32 v, __u32 weight)
{
	if (v >= mean)
		return mean + (v - mean + weight - 1) / weight;
	return mean - (mean - v + weight - 1) / weight;
}

/* Notes a run that is worth so much (reward_q8(), reward_rate_q8()). */
PURE void control_note(struct control *control, enum control_group group,
		       __u32 reward_q8, __u32 rate_q8);

/* Is tuned worse than control, with enough evidence? Then the host goes back
 * to the default: bandit_back_off(), and set this to zero.
 */
PURE int control_says_worse(const struct control *control);

/* What tuned delivers against control, thousandths; 0 while either group has
 * no run. Within 1 %.
 */
PURE __u64 control_rate_permille(const struct control *control);
