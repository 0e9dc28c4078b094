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

/* 2^-(elapsed/half_life) for elapsed < half_life, times 65536, within 0.4 %.
 *
 * The parabola through the exact values at 0, 1/2 and 1:
 * 2^-x ~ 1 - x/2 - k*x*(1-x) with k = 3 - 2*sqrt(2) = 11244/65536. It falls all
 * the way, and it is rounded once, at the end, so that the result does too.
 */
PURE __u64 peak_factor_q16(__u64 elapsed_ns, __u64 half_life_ns)
{
	__u64 x; /* elapsed/half_life, 0 .. 65535 of 65536 */

	if (half_life_ns >> 48)
		x = elapsed_ns / ((half_life_ns >> 16) + 1);
	else
		x = (elapsed_ns << 16) / half_life_ns;
	/* below 2^47 + 2^44 */
	return 65536 - ((x * (1ULL << 31) + 11244 * x * (65536 - x)) >> 32);
}

/* What is left of the peak. Within 0.4 % and 2 units of the exact exponential,
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
