/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * The decayed peak of a need: rises at once to what was really needed, and
 * sinks by half in every half-life. It answers "did anybody need the upper half
 * of this lately?", and so says when a tunable may come down again.
 *
 * Kept is the peak as it was noted, not as it has decayed; asking often costs
 * no precision.
 */
#include "bpf/common/pure/limits.h"

/* All zero is a good start: nothing was ever needed. */
struct peak {
	__u64 value;    /* any unit */
	__u64 noted_ns;
};

/* 2^-(elapsed/half_life) for elapsed < half_life, times 65536, within 0.3 %.
 *
 * The parabola through the exact values at 0, 1/2 and 1:
 * 2^-x ~ 1 - x/2 - k*x*(1-x) with k = 3 - 2*sqrt(2) = 0.17157.
 */
PURE __u64 peak_factor_q16(__u64 elapsed_ns, __u64 half_life_ns)
{
	__u64 x = mul_div(elapsed_ns, 65536, half_life_ns); /* 0 .. 65535 */
	__u64 bow = x * (65536 - x) >> 16;                  /* at most 2^14 */

	return 65536 - (x >> 1) - (11244 * bow >> 16); /* above 2^15 - 1 */
}

/* What is left of the peak. Within 0.3 % and 2 units of the exact exponential,
 * never rising with time; 0 after 64 half-lives. A half-life of 0 forgets as
 * soon as time moves.
 */
PURE __u64 peak_now(const struct peak *peak, __u64 now_ns, __u64 half_life_ns)
{
	__u64 elapsed = sat_sub(now_ns, peak->noted_ns);
	__u64 halvings, factor, left;

	if (!elapsed)
		return peak->value;
	if (!half_life_ns || elapsed / half_life_ns >= 64)
		return 0;
	halvings = elapsed / half_life_ns;
	factor = peak_factor_q16(elapsed % half_life_ns, half_life_ns);
	left = peak->value >> halvings;
	/* left * factor / 2^16 in two parts; factor <= 2^16, so neither wraps */
	return (left >> 16) * factor + ((left & 0xffff) * factor >> 16);
}

/* Notes a need; a smaller one than what is left of the peak changes nothing. */
PURE void peak_note(struct peak *peak, __u64 now_ns, __u64 value,
		    __u64 half_life_ns)
{
	if (value < peak_now(peak, now_ns, half_life_ns))
		return;
	peak->value = value;
	peak->noted_ns = now_ns;
}
