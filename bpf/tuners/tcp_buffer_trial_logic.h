/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * Did a raise help? A series of raises (one is often followed by others at
 * once, until the need fits) is a trial. Its witnesses are the connections
 * that asked for the first of them; later they are compared with themselves.
 *
 * It helped when together they deliver more. It was in vain when, after all
 * the time they could want, they use more buffer than they could before and
 * deliver the same. It stays unknown when they are gone, have nothing to send,
 * read slowly, are at the end of their window scale, or deliver much less than
 * before: then the path has become another, or others have come.
 *
 * Rates are bytes/s, times nanoseconds unless named otherwise.
 */
#include "bpf/common/pure/limits.h"

enum {
	/* A gain is a quarter or more. Up to an eighth is none: a rate is known
	 * to a sixteenth (RATE_WINDOW_LEAST_BYTES), before and after. Between
	 * the two it may be a burst. */
	TRIAL_GAIN_PART = 4,
	TRIAL_SAME_PART = 8,
	/* A rate is a maximum, so it may be that of a burst (28 % more were
	 * seen of a fixed window). Less by more than a quarter shows that the
	 * path is another now, and half more that it is another need. */
	TRIAL_LESS_PART = 4,
	TRIAL_NEW_NEED_PART = 2,
	/* A gain counts from here on: slow start doubles in each round trip. */
	TRIAL_SETTLE_ROUND_TRIPS = 16,
	/* No gain counts from here on, with TRIAL_PATIENCE_NS. */
	TRIAL_PATIENCE_ROUND_TRIPS = 64,
	/* After a raise in vain a connection to somebody else may ask after
	 * this part of the hold. */
	TRIAL_OTHERS_PART = 16,
	SEVERAL_STRATEGIES = 0xffff,
};

#define TRIAL_SETTLE_LEAST_NS 2000000000ULL
/* Beyond slow start cubic takes (W/8 / 0.4)^(1/3) s to grow by an eighth
 * (RFC 9438: C = 0.4): 9.5 s for the 2700 segments of 4 MB. */
#define TRIAL_PATIENCE_NS 10000000000ULL
/* After a raise in vain; twice as long each time, until one helps. */
#define TRIAL_HOLD_NS 60000000000ULL
#define TRIAL_HOLD_MOST_NS 3600000000000ULL

/* What a connection remembers of its asking. */
struct witness {
	__u64 rate;    /* that it delivered */
	__u64 carried; /* ... or would have, within the maximum it had */
	__u32 sweep;   /* in which it asked */
	__u32 reserved;
};

/* A series of raises under judgement. All zero: none. */
struct trial {
	__u64 cap_before; /* 0: none */
	__u64 need;	  /* the largest that was asked for, bytes */
	__u64 raised_ns;  /* the last raise */
	__u32 sweep;	  /* of the first */
	__u32 rtt_us;
	__u32 peer_family;
	__u8 peer[16]; /* of the connection that needed most */
	__u16 raises;
	__u16 strategy; /* that made them, or SEVERAL_STRATEGIES */
};

/* Raises in vain, one after the other. */
struct in_vain {
	__u64 since_ns; /* the last */
	__u64 need;	/* the largest that was asked for, bytes */
	__u32 in_row;
	__u32 peer_family;
	__u8 peer[16];
};

/* What the witnesses say in one sweep. */
struct testimony {
	__u64 before;  /* sums over those that can be heard */
	__u64 carried;
	__u64 now;
	__u64 need_of_others;
	__u32 witnesses;
	__u32 users; /* ... that use more than the old maximum allowed */
};

enum outcome {
	TRIAL_RUNS,
	TRIAL_VOID, /* the maximum is not above the old one */
	RAISE_HELPED,
	RAISE_IN_VAIN,
	RAISE_UNKNOWN,
};

/* A connection asks for more. What it delivers is less than it could where it
 * has only just reached the cap; `share_256ths` of that is payload. */
PURE void witness_ask(struct witness *witness, __u32 sweep, __u64 rate, __u64 cap,
		      __u32 share_256ths, __u32 rtt_us)
{
	__u64 payload = mul_div(cap, share_256ths, 256);

	witness->sweep = sweep;
	witness->rate = rate;
	witness->carried = max_u64(rate, mul_div(payload, 1000000, max_u64(rtt_us, 1)));
}

PURE __u8 is_witness(const struct trial *trial, const struct witness *witness)
{
	return trial->cap_before && trial->sweep == witness->sweep;
}

PURE void testify(struct testimony *testimony, const struct witness *witness, __u64 rate,
		  __u8 uses_raise)
{
	testimony->before = sat_add(testimony->before, witness->rate);
	testimony->carried = sat_add(testimony->carried, witness->carried);
	testimony->now = sat_add(testimony->now, rate);
	testimony->witnesses++;
	testimony->users += uses_raise;
}

/* A raise from `cap` is made for a need. Returns 1 for the first of a series. */
PURE __u8 trial_raise(struct trial *trial, __u64 now_ns, __u32 sweep, __u64 cap, __u64 need,
		      __u32 rtt_us, __u16 strategy)
{
	trial->raised_ns = now_ns;
	trial->rtt_us = rtt_us;
	if (trial->cap_before) {
		trial->need = max_u64(trial->need, need);
		trial->raises = min_u64(trial->raises + 1, 0xffff);
		if (trial->strategy != strategy)
			trial->strategy = SEVERAL_STRATEGIES;
		return 0;
	}
	trial->raises = 1;
	trial->strategy = strategy;
	trial->need = need;
	trial->cap_before = cap;
	trial->sweep = sweep;
	return 1;
}

PURE __u64 trial_settle_ns(const struct trial *trial)
{
	/* 32 bits times 14 bits fits, here and below */
	return max_u64(trial->rtt_us * (1000ULL * TRIAL_SETTLE_ROUND_TRIPS),
		       TRIAL_SETTLE_LEAST_NS);
}

PURE __u64 trial_patience_ns(const struct trial *trial)
{
	return TRIAL_PATIENCE_NS + trial->rtt_us * (1000ULL * TRIAL_PATIENCE_ROUND_TRIPS);
}

/* Where `now` stands, with the maximum as it is now. */
PURE enum outcome trial_outcome(const struct trial *trial, const struct testimony *testimony,
				__u64 now_ns, __u64 cap)
{
	__u64 age = sat_sub(now_ns, trial->raised_ns);
	__u64 carried = testimony->carried;
	__u64 before = testimony->before;

	if (cap <= trial->cap_before)
		return TRIAL_VOID;
	if (age < trial_settle_ns(trial))
		return TRIAL_RUNS;
	if (testimony->witnesses && testimony->now > sat_add(carried, carried / TRIAL_GAIN_PART))
		return RAISE_HELPED;
	if (age < trial_patience_ns(trial))
		return TRIAL_RUNS;
	/* Others may be using it, who had not asked. */
	if (!testimony->users || testimony->now > sat_add(carried, carried / TRIAL_SAME_PART) ||
	    testimony->now < before - before / TRIAL_LESS_PART ||
	    testimony->need_of_others > trial->cap_before)
		return RAISE_UNKNOWN;
	return RAISE_IN_VAIN;
}

/* How long no raise is tried for the same need, after so many in vain. */
PURE_ONCE __u64 in_vain_hold_ns(__u32 in_row, __u32 same_peer)
{
	__u64 hold;

	if (!in_row)
		return 0;
	hold = min_u64(TRIAL_HOLD_NS << min_u64(in_row - 1, 16), TRIAL_HOLD_MOST_NS);
	return same_peer ? hold : hold / TRIAL_OTHERS_PART;
}

/* A larger need than those that a raise did not help is another matter. */
PURE __u8 is_new_need(const struct in_vain *in_vain, __u64 need)
{
	return need > sat_add(in_vain->need, in_vain->need / TRIAL_NEW_NEED_PART);
}

PURE void in_vain_note(struct in_vain *in_vain, const struct trial *trial, __u64 now_ns)
{
	in_vain->in_row = is_new_need(in_vain, trial->need) ? 1 : in_vain->in_row + 1;
	in_vain->need = max_u64(in_vain->need, trial->need);
	in_vain->since_ns = now_ns;
	in_vain->peer_family = trial->peer_family;
	__builtin_memcpy(in_vain->peer, trial->peer, sizeof(in_vain->peer));
}

PURE void in_vain_forget(struct in_vain *in_vain)
{
	in_vain->in_row = 0;
	in_vain->need = 0;
}
