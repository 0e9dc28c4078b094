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
 * loses a run or a count, no more: any bytes are a valid state, and an arm that
 * is not available is never chosen.
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
	BANDIT_TRIAL_GAP = 4, /* connections between trials of an unknown arm */
	BANDIT_MOST_Q8 = 16383, /* rewards are no higher */
	BANDIT_MOST_WEIGHT = 16,
	BANDIT_MARGIN_Q8 = 18, /* 5 %: 256 * log2(1.05) */
	BANDIT_SURPRISE_Q8 = 256, /* twice or half */
	BANDIT_DUE = 20,     /* connections after which an arm is tried again */
	BANDIT_EPSILON_MIN = 16, /* of 1024 */
	BANDIT_NOISE_PPM = 500, /* lab: cubic gives way at about this loss */
	/* POLICY: between continents, and within a machine room. Only whether
	 * and how often an unknown arm is tried hangs on them.
	 */
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

PURE __u32 bandit_distance(__u32 a, __u32 b)
{
	return a > b ? a - b : b - a;
}

/* Of 1024 connections, how many explore. */
PURE __u32 bandit_epsilon(__u32 evidence)
{
	return max_u64(512 / (1 + evidence), BANDIT_EPSILON_MIN);
}

/* Too little known, sent back, or so near that there is nothing to gain? */
PURE int bandit_is_for_default(const struct bandit *bandit, __u64 now_ns)
{
	return bandit->runs < BANDIT_MIN_RUNS ||
	       bandit->kbytes < BANDIT_MIN_KBYTES ||
	       now_ns < bandit->back_until_ns ||
	       (bandit->min_rtt_us < BANDIT_SHORT_RTT_US &&
		bandit->min_rtt_us && bandit->loss_ppm < BANDIT_NOISE_PPM);
}

/* Halves the weights for each half-life that has passed. */
PURE void bandit_fade(struct bandit *bandit, __u64 now_ns)
{
	__u64 halvings = sat_sub(now_ns, bandit->faded_ns) / BANDIT_HALF_LIFE_NS;

	if (!bandit->faded_ns)
		bandit->faded_ns = now_ns;
	else if (halvings) {
		for (__u32 i = 0; i < BANDIT_ARMS; i++) {
			bandit->arms[i].weight >>= min_u64(halvings, 7);
			bandit->arms[i].pending_q8 = 0;
		}
		bandit->min_rtt_us = 0;
		bandit->faded_ns += halvings * BANDIT_HALF_LIFE_NS;
	}
}

PURE int bandit_can(const struct bandit_arm *arm, __u32 index, __u32 available,
		    int known)
{
	return available >> index & 1 &&
	       (arm->weight >= BANDIT_KNOWN) == known;
}

/* Is `a` better than `b` by more than the margin and what the two means are
 * unsure by?
 */
PURE int bandit_beats(const struct bandit_arm *a, const struct bandit_arm *b)
{
	__u32 unsure = (a->deviation_q8 + b->deviation_q8) / 8;

	return a->mean_q8 > b->mean_q8 + unsure + BANDIT_MARGIN_Q8;
}

/* The best known arm; the default unless it is beaten plainly. */
PURE __u32 bandit_best(const struct bandit *bandit, __u32 available)
{
	const struct bandit_arm *own = &bandit->arms[0];
	__u32 best = 0, most = 0;

	if (own->weight < BANDIT_KNOWN)
		return 0;
	for (__u32 i = 1; i < BANDIT_ARMS; i++) {
		const struct bandit_arm *arm = &bandit->arms[i];

		if (bandit_can(arm, i, available, 1) && arm->mean_q8 > most &&
		    bandit_beats(arm, own)) {
			best = i;
			most = arm->mean_q8;
		}
	}
	return best;
}

/* Is the arm known to be plainly worse than the default for this host, or was
 * the host sent back? Then a connection is not switched to it in mid-flight
 * either, whatever its losses look like by themselves.
 */
PURE int bandit_is_worse(const struct bandit *bandit, __u32 index, __u64 now_ns)
{
	const struct bandit_arm *own = &bandit->arms[0];
	const struct bandit_arm *arm = &bandit->arms[index & 3];

	return now_ns < bandit->back_until_ns ||
	       (own->weight >= BANDIT_KNOWN && arm->weight >= BANDIT_KNOWN &&
		bandit_beats(own, arm));
}

/* An unknown arm whose turn it is, 0 if none. */
PURE __u32 bandit_trial(const struct bandit *bandit, __u32 available,
			__u32 lossy_arm)
{
	int lossy = bandit->loss_ppm >= BANDIT_NOISE_PPM ||
		    bandit->min_rtt_us >= BANDIT_LONG_RTT_US;
	__u32 trial = 0;

	for (__u32 i = 1; i < BANDIT_ARMS; i++) {
		const struct bandit_arm *arm = &bandit->arms[i];
		int often = lossy && i == lossy_arm;

		if (bandit_can(arm, i, available, 0) &&
		    arm->idle >= (often ? 1 : BANDIT_TRIAL_GAP) &&
		    (often || !trial))
			trial = i;
	}
	return trial;
}

/* An arm whose last run was a surprise that would make it the best, else one
 * that has waited too long or that chance has drawn; `best` if none.
 */
PURE __u32 bandit_explore(const struct bandit *bandit, __u32 available,
			  __u32 best, __u32 random)
{
	__u32 most = bandit->arms[best & 3].mean_q8, evidence = 0;
	__u32 waiting = best, waited = 0;

	for (__u32 i = 0; i < BANDIT_ARMS; i++) {
		const struct bandit_arm *arm = &bandit->arms[i];

		if (!bandit_can(arm, i, available, 1))
			continue;
		evidence += arm->weight;
		if (i == best)
			continue;
		if (arm->idle && arm->pending_q8 >= most)
			return i;
		if (arm->idle > waited) {
			waiting = i;
			waited = arm->idle;
		}
	}
	if (waited >= BANDIT_DUE || random % 1024 < bandit_epsilon(evidence))
		return waiting;
	return best;
}

/* Which arm the next connection gets. available: bit n for arm n; the default
 * always is. lossy_arm: the one that suits loss and long paths (bbr), 0 if none
 * or if that is the default. random: any 32 bits. Not for connections of the
 * control group, which get the default.
 */
PURE struct bandit_choice bandit_choose(struct bandit *bandit, __u64 now_ns,
					__u32 available, __u32 lossy_arm,
					__u32 random)
{
	struct bandit_choice choice = {};
	__u32 best;

	bandit_fade(bandit, now_ns);
	for (__u32 i = 0; i < BANDIT_ARMS; i++)
		if (bandit->arms[i].idle < 255)
			bandit->arms[i].idle++;
	if (bandit_is_for_default(bandit, now_ns))
		return choice;
	best = bandit_best(bandit, available | 1);
	choice.arm = bandit_trial(bandit, available, lossy_arm);
	if (!choice.arm)
		choice.arm = bandit_explore(bandit, available | 1, best, random);
	if (choice.arm != best)
		choice.why = BANDIT_TRIAL;
	else if (best)
		choice.why = BANDIT_BEST;
	bandit->arms[choice.arm & 3].idle = 0;
	return choice;
}

/* Moves the arm towards a run that is not, or no longer, a surprise. */
PURE void bandit_learn(struct bandit_arm *arm, __u32 reward_q8)
{
	__u32 weight = min_u64(arm->weight, BANDIT_MOST_WEIGHT - 1) + 1;
	__u32 distance = bandit_distance(reward_q8, arm->mean_q8);

	if (weight == 1) {
		arm->mean_q8 = reward_q8;
		arm->deviation_q8 = 0;
	} else {
		arm->mean_q8 = mean_towards(arm->mean_q8, reward_q8, weight);
		arm->deviation_q8 =
			mean_towards(arm->deviation_q8, distance, weight);
	}
	arm->weight = weight;
}

/* A run far from the mean: waits for a second that agrees with it. One that
 * waits in vain widens the deviation, so that what happens often surprises no
 * more.
 */
PURE void bandit_surprise(struct bandit_arm *arm, __u32 reward_q8)
{
	__u32 pending = arm->pending_q8;
	__u32 apart = bandit_distance(reward_q8, pending);

	if (pending && apart < bandit_distance(reward_q8, arm->mean_q8) / 2) {
		arm->mean_q8 = (reward_q8 + pending) / 2;
		arm->deviation_q8 = apart / 2;
		arm->weight = BANDIT_KNOWN;
		arm->pending_q8 = 0;
		return;
	}
	if (pending)
		arm->deviation_q8 = mean_towards(
			arm->deviation_q8,
			bandit_distance(pending, arm->mean_q8),
			arm->weight + 1U);
	arm->pending_q8 = max_u64(reward_q8, 1);
}

/* A run under this arm has ended: reward_q8(), its bytes, reward_loss_ppm() and
 * the minimum round trip. Only for runs that reward_is_known(); those of the
 * control group too, for arm 0.
 */
PURE void bandit_note(struct bandit *bandit, __u64 now_ns, __u32 index,
		      __u32 reward_q8, __u64 bytes, __u32 loss_ppm,
		      __u32 min_rtt_us)
{
	struct bandit_arm *arm = &bandit->arms[index & 3];
	__u32 reward = min_u64(reward_q8, BANDIT_MOST_Q8);
	__u32 distance;

	bandit_fade(bandit, now_ns);
	bandit->runs = min_u64(sat_add(bandit->runs, 1), 0xffffffff);
	bandit->kbytes = min_u64(sat_add(bandit->kbytes, bytes >> 10), 0xffffffff);
	if (!bandit->min_rtt_us || min_rtt_us < bandit->min_rtt_us)
		bandit->min_rtt_us = min_rtt_us;
	bandit->loss_ppm = mean_towards(bandit->loss_ppm, loss_ppm, 4);
	arm->idle = 0;

	distance = bandit_distance(reward, arm->mean_q8);
	if (arm->weight >= BANDIT_KNOWN && distance > BANDIT_SURPRISE_Q8 &&
	    distance > 4U * arm->deviation_q8) {
		bandit_surprise(arm, reward);
		return;
	}
	if (arm->pending_q8) {
		distance = bandit_distance(arm->pending_q8, arm->mean_q8);
		arm->deviation_q8 = mean_towards(arm->deviation_q8, distance,
						 arm->weight + 1U);
		arm->pending_q8 = 0;
	}
	bandit_learn(arm, reward);
}

/* Tuning made it worse (control_says_worse()): the default for ten minutes, and
 * what was learned of the other arms is forgotten.
 */
PURE void bandit_back_off(struct bandit *bandit, __u64 now_ns)
{
	bandit->back_until_ns = sat_add(now_ns, BANDIT_BACK_OFF_NS);
	for (__u32 i = 1; i < BANDIT_ARMS; i++) {
		bandit->arms[i].weight = 0;
		bandit->arms[i].pending_q8 = 0;
	}
}
