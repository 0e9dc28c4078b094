/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * Unsigned arithmetic that stops at its limits instead of wrapping, steps of a
 * fraction 1/2^shift, ratios, and a logarithm. Used by every tuner.
 */
#include "bpf/common/pure/pure.h"

PURE __u64 min_u64(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

PURE __u64 max_u64(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

/* a + b, at most U64_MAX. */
PURE __u64 sat_add(__u64 a, __u64 b)
{
	return a > PURE_U64_MAX - b ? PURE_U64_MAX : a + b;
}

/* a - b, at least 0. */
PURE __u64 sat_sub(__u64 a, __u64 b)
{
	return a > b ? a - b : 0;
}

/* Does a * b fit in 64 bits? By halves, since clang makes a 128-bit product,
 * which BPF does not have, of the usual b <= U64_MAX / a.
 */
PURE int mul_fits(__u64 a, __u64 b)
{
	__u64 a_high = a >> 32, a_low = a & 0xffffffff;
	__u64 b_high = b >> 32, b_low = b & 0xffffffff;
	__u64 cross;

	if (a_high && b_high)
		return 0;
	cross = a_high * b_low + b_high * a_low; /* one of the two is 0 */
	if (cross >> 32)
		return 0;
	return cross << 32 <= PURE_U64_MAX - a_low * b_low;
}

/* a * b, at most U64_MAX. */
PURE __u64 sat_mul(__u64 a, __u64 b)
{
	return mul_fits(a, b) ? a * b : PURE_U64_MAX;
}

/* v within [lowest, highest]. If the two contradict, highest wins: it is the
 * one that protects the machine.
 */
PURE __u64 clamp_u64(__u64 v, __u64 lowest, __u64 highest)
{
	return min_u64(max_u64(v, lowest), highest);
}

/* v / 2^shift, but at least 1, so that small values can move at all. */
PURE __u64 step_of(__u64 v, __u32 shift)
{
	return max_u64(shift < 64 ? v >> shift : 0, 1);
}

/* v + v/2^shift, never above cap. A shift of 2 is a step of 25 %. */
PURE __u64 grow_by_shift(__u64 v, __u32 shift, __u64 cap)
{
	return min_u64(sat_add(v, step_of(v, shift)), cap);
}

/* v - v/2^shift, never below floor. A shift of 0 goes to the floor at once. */
PURE __u64 shrink_by_shift(__u64 v, __u32 shift, __u64 floor)
{
	return max_u64(sat_sub(v, step_of(v, shift)), floor);
}

/* How many bits v takes: 0 for 0, 1 for 1, 64 for U64_MAX. Sets all bits below
 * the highest and counts them: no branch, so one path for the verifier
 * (clang 16 crashes on __builtin_clzll for BPF).
 */
PURE __u32 bit_length(__u64 v)
{
	for (__u32 i = 1; i < 64; i <<= 1)
		v |= v >> i;
	return __builtin_popcountll(v);
}

/* a * b / c, rounded down; U64_MAX where the result does not fit or c is 0.
 *
 * Exact whenever a * b fits in 64 bits. Beyond that never above the exact
 * value, and below it by less than 1 + value / 2^28: each operand is cut to
 * its 32 leading bits (relative error under 2^-31 each, c rounded up), and
 * their quotient is at least 2^30 before it is cut to an integer.
 */
PURE_ONCE __u64 mul_div(__u64 a, __u64 b, __u64 c)
{
	__u32 up, down;
	__u64 quotient;

	if (!c)
		return PURE_U64_MAX;
	if (mul_fits(a, b))
		return a * b / c;

	/* a ~ 2^(bits - 32) * its leading 32 bits, so for b and c; hence the
	 * quotient of the leading bits has to go 2^(up - down) higher.
	 */
	up = bit_length(a) + bit_length(b);
	down = bit_length(c) + 32;
	a = a << (64 - bit_length(a)) >> 32;
	b = b << (64 - bit_length(b)) >> 32;
	c = (c << (64 - bit_length(c)) >> 32) + 1;
	quotient = a * b / c; /* 32 bits times 32 bits fits */

	if (up < down)
		return quotient >> (down - up); /* by at most 32: a * b > 2^64 */
	if (up - down > 64 - bit_length(quotient))
		return PURE_U64_MAX;
	return quotient << (up - down);
}

/* part in thousandths of whole; 0 where there is no whole to be part of. */
PURE __u64 permille(__u64 part, __u64 whole)
{
	return whole ? mul_div(part, 1000, whole) : 0;
}

/* So many thousandths of whole. */
PURE __u64 permille_of(__u64 whole, __u32 thousandths)
{
	return mul_div(whole, thousandths, 1000);
}

/* log2(v) with 8 fractional bits, 0 .. 16383; 0 is taken as 1.
 *
 * Monotone. Never above log2(v), below it by less than 1.001/256. Squaring the
 * mantissa doubles its logarithm, and what overflows into the next binary
 * digit is the next bit of the result; each of the eight steps preserves
 * order, hence so does the whole.
 */
PURE_ONCE __u32 ilog2_q8(__u64 v)
{
	__u32 log = v ? bit_length(v) - 1 : 0;
	__u64 mantissa = v ? v << (63 - log) >> 32 : 1ULL << 31; /* [2^31, 2^32) */

	for (int i = 0; i < 8; i++) {
		mantissa = mantissa * mantissa >> 31; /* 64 bits hold the square */
		log = log << 1 | mantissa >> 32;
		mantissa >>= mantissa >> 32;
	}
	return log;
}

/* log2(v / reference) with 8 fractional bits, -16383 .. 16383, to within
 * 1.001/256 either way.
 */
PURE __s32 log2_ratio_q8(__u64 v, __u64 reference)
{
	__s32 log = PURE_S32(ilog2_q8(v));
	__s32 log_reference = PURE_S32(ilog2_q8(reference));

	return log - log_reference;
}
