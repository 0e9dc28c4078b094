/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * How well a strategy does. Each series of raises that was judged gives it a
 * mark, in thousandths of a doubling:
 *
 *	log2(delivered / could be delivered before) per raise, at most one
 *	- log2(maximum / need), at most four
 *
 * Who gets there in fewer changes is the better one, since each is a write and
 * a line in the log; and who leaves less to spare, since that is what fills
 * queues and memory. A raise at most doubles the maximum, so of what is gained
 * at most one doubling is its doing. A series in vain gained nothing, and
 * needed nothing above what there was. One that could not be judged says
 * nothing.
 *
 * The score is a mean in which marks fade, the last counting an eighth.
 */
#include "bpf/tuners/tcp_buffer_trial_logic.h"

enum {
	MARK_DOUBLING_Q8 = 256, /* of log2_ratio_q8() */
	MARK_GAIN_MOST_Q8 = MARK_DOUBLING_Q8,
	MARK_WASTE_MOST_Q8 = 4 * MARK_DOUBLING_Q8,
	/* So many series make a score: one may be luck with its path. */
	SCORE_SERIES_LEAST = 3,
	SCORE_FADING_SHIFT = 3,
};

/* What is known of one strategy. All zero: nothing. */
struct standing {
	__s64 score; /* thousandths of a doubling */
	__u64 series;
};

/* log2(v / reference) with 8 fractional bits, within [0, most]. */
PURE __u32 doublings_q8(__u64 v, __u64 reference, __u32 most)
{
	return v > reference ? min_u64(log2_ratio_q8(v, reference), most) : 0;
}

/* The mark of a series that made the maximum `cap`, where `need` is what the
 * connections need now. -4000 .. 1000. */
PURE __s32 series_mark(const struct trial *trial, const struct testimony *testimony, __u8 helped,
		       __u64 cap, __u64 need)
{
	__u32 gain = 0, waste;

	if (helped)
		gain = doublings_q8(testimony->now, testimony->carried, 64 * MARK_DOUBLING_Q8);
	gain = min_u64(gain / max_u64(trial->raises, 1), MARK_GAIN_MOST_Q8);
	waste = doublings_q8(cap, helped ? need : trial->cap_before, MARK_WASTE_MOST_Q8);
	return PURE_S32(gain * 1000 / MARK_DOUBLING_Q8) -
	       PURE_S32(waste * 1000 / MARK_DOUBLING_Q8);
}

/* The first mark counts in full, the second and third a half, and so on down
 * to an eighth (>> of a negative number rounds down). */
PURE void note_mark(struct standing *standing, __s32 mark)
{
	__u32 shift;

	standing->series = sat_add(standing->series, 1);
	shift = min_u64(bit_length(standing->series) - 1, SCORE_FADING_SHIFT);
	standing->score += (mark - standing->score) >> shift;
}
