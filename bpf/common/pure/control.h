/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * Did tuning help? A control group's answer, per host or over all.
 *
 * A few connections keep the default whatever is known; the caller draws them.
 * Each of their rewards is held against the mean of the connections that got
 * something better at that time: a path that has changed since would otherwise
 * speak for one group or the other. Tuning is worse when the mean difference is
 * beyond a margin and beyond what chance makes of its variance. All means
 * forget.
 */
#include "bpf/common/pure/limits.h"

enum {
	CONTROL_HELD_OUT = 20, /* one connection in so many; for the caller */
	CONTROL_MOST_WEIGHT = 16,
	CONTROL_MIN_TUNED = 5, /* runs before control is held against them */
	CONTROL_MIN_HELD = 5,  /* differences before there is a verdict */
	CONTROL_MARGIN_Q8 = 35, /* a tenth: 256 * log2(1.1) */
	CONTROL_MOST_Q8 = 16383, /* rewards are no higher */
	CONTROL_ZERO = 16384, /* what stands for no difference */
};

enum control_group {
	CONTROL_GROUP_DEFAULT = 0, /* held out */
	CONTROL_GROUP_TUNED = 1,   /* got what was known to be better */
};

struct control_mean {
	__u32 runs;	 /* in all */
	__u16 reward_q8; /* mean */
	__u16 rate_q8;	 /* mean of the rates' logarithms */
	__u32 weight;	 /* runs the means rest on, up to 16 */
};

/* 32 bytes. All zero is a good start. */
struct control {
	struct control_mean groups[2];
	__u32 variance;	   /* of the difference, q8 squared, below 2^30 */
	__u16 difference;  /* CONTROL_ZERO + mean of control - tuned, q8 */
	__u16 differences; /* that it rests on, up to 16 */
};

/* mean, a 1/weight of the way to v (0 < weight), by at least 1. */
PURE __u32 mean_towards(__u32 mean, __u32 v, __u32 weight)
{
	if (v >= mean)
		return mean + (v - mean + weight - 1) / weight;
	return mean - (mean - v + weight - 1) / weight;
}

PURE __u32 control_weight(__u32 weight)
{
	return min_u64(weight, CONTROL_MOST_WEIGHT - 1) + 1;
}

PURE void control_mean_note(struct control_mean *mean, __u32 reward, __u32 rate)
{
	__u32 weight = control_weight(mean->weight);

	mean->reward_q8 = weight == 1 ? reward :
			  mean_towards(mean->reward_q8, reward, weight);
	mean->rate_q8 = weight == 1 ? rate :
			mean_towards(mean->rate_q8, rate, weight);
	mean->weight = weight;
	mean->runs = min_u64(sat_add(mean->runs, 1), 0xffffffff);
}

/* A run of the control group, held against the tuned ones of its time. */
PURE void control_difference_note(struct control *control, __u32 reward)
{
	__u32 tuned = min_u64(control->groups[CONTROL_GROUP_TUNED].reward_q8,
			      CONTROL_MOST_Q8);
	__u32 weight = control_weight(control->differences);
	__u32 v = CONTROL_ZERO + reward - tuned; /* 1 .. 2^15 - 1 */
	__u64 d = v > control->difference ? v - control->difference :
					    control->difference - v;

	if (weight == 1) {
		control->difference = v;
		control->variance = 0;
	} else { /* as in correlation.h; d * d < 2^32 */
		control->variance = mean_towards(
			control->variance, d * d * (weight - 1) / weight, weight);
		control->difference =
			mean_towards(control->difference, v, weight);
	}
	control->differences = weight;
}

/* Notes a run that is worth so much (reward_q8(), reward_rate_q8()). */
PURE void control_note(struct control *control, enum control_group group,
		       __u32 reward_q8, __u32 rate_q8)
{
	__u32 reward = min_u64(reward_q8, CONTROL_MOST_Q8);
	__u32 rate = min_u64(rate_q8, CONTROL_MOST_Q8);

	control_mean_note(&control->groups[group & 1], reward, rate);
	if (group == CONTROL_GROUP_DEFAULT &&
	    control->groups[CONTROL_GROUP_TUNED].weight >= CONTROL_MIN_TUNED)
		control_difference_note(control, reward);
}

/* Is tuned worse than control, with enough evidence: by more than a tenth and
 * twice the standard error? Then the host goes back to the default:
 * bandit_back_off(), and set this to zero.
 */
PURE int control_says_worse(const struct control *control)
{
	__u64 worse = sat_sub(control->difference, CONTROL_ZERO); /* < 2^16 */

	return control->differences >= CONTROL_MIN_HELD &&
	       worse > CONTROL_MARGIN_Q8 &&
	       worse * worse * control->differences > 4ULL * control->variance;
}

/* 1000 * 2^(q8 / 256) for q8 below 2^13, within 0.3 %: the parabola through the
 * exact values of 2^x at 0, 1/2 and 1, 1 + 0.6569 * x + 0.3431 * x^2.
 */
PURE __u64 exp2_permille(__u32 q8)
{
	__u64 x = q8 & 255;
	__u64 mantissa = 65536 + (43050 * x >> 8) + (22486 * x * x >> 16);

	return 1000 * mantissa << min_u64(q8 >> 8, 32) >> 16; /* below 2^59 */
}

/* What tuned delivers against control, thousandths; 0 while either group has
 * no run. Within 0.3 % and 1.
 */
PURE __u64 control_rate_permille(const struct control *control)
{
	const struct control_mean *held = &control->groups[CONTROL_GROUP_DEFAULT];
	const struct control_mean *tuned = &control->groups[CONTROL_GROUP_TUNED];

	if (!held->weight || !tuned->weight)
		return 0;
	if (tuned->rate_q8 >= held->rate_q8)
		return exp2_permille(tuned->rate_q8 - held->rate_q8);
	return 1000000 / exp2_permille(held->rate_q8 - tuned->rate_q8);
}
