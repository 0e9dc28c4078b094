/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * Does y follow x? Pearson's correlation coefficient with forgetting.
 *
 * x and y are logarithms with 8 fractional bits, relative to the flow they come
 * from (log2_ratio_q8: buffer to buffer at first sight, round-trip time to its
 * minimum), cut to +-16, a factor of 65536 either way.
 *
 * Means, variances and covariance are moving averages: a new sample gets the
 * weight a = 1/2^k, all earlier ones share 1 - a. k rises with the number of
 * samples to 5, so the last 30 or so count, and what no longer holds is
 * forgotten. With d = x - mean before the sample (West 1979):
 *	mean     += a * d
 *	variance += a * ((1 - a) * d^2 - variance)
 * and the covariance with dx * dy in place of d^2. This is exactly the weighted
 * coefficient whatever the weights are, and it works on differences from the
 * mean: no large sums are subtracted from each other, nothing grows with time.
 *
 * Nothing can wrap, whatever the series. In units of 2^-16 of an input unit
 * |x| and so |mean| are at most 2^28 (a mean moves towards x, never past it),
 * hence |d| <= 2^29. Cut to 2^-8 it is 2^21, a product 2^42; variances and
 * covariance move towards such products, never past them: 2^42.
 * correlation_squared() brings them below 2^22 before it multiplies.
 */
#include "bpf/common/pure/limits.h"

enum {
	CORRELATION_INPUT_LIMIT = 16 * 256,
	CORRELATION_FORGET_SHIFT = 5, /* a sample's weight is 1/32 at last */
	/* With fewer, chance alone gives r >= 0.7 too often: uncorrelated
	 * normal samples do once in 80 trials of 10, once in 800 of 16
	 * (Student's t = r * sqrt((n - 2) / (1 - r^2))).
	 */
	CORRELATION_MIN_SAMPLES = 16,
	/* Units of (2^-8 of an input unit)^2: one input unit squared. Less is
	 * rounding of the inputs, not variation.
	 */
	CORRELATION_MIN_VARIANCE = 256 * 256,
};

/* All zero is a good start: no samples yet. */
struct correlation {
	__s64 mean_x; /* 2^-16 of an input unit */
	__s64 mean_y;
	__s64 var_x;  /* (2^-8 of an input unit)^2 */
	__s64 var_y;
	__s64 cov;
	__u64 samples; /* stops counting at 2^CORRELATION_FORGET_SHIFT */
};

PURE __s64 correlation_input(__s32 q8)
{
	__s64 v = q8;

	if (v > CORRELATION_INPUT_LIMIT)
		v = CORRELATION_INPUT_LIMIT;
	if (v < -CORRELATION_INPUT_LIMIT)
		v = -CORRELATION_INPUT_LIMIT;
	return v * 65536;
}

/* The average after a sample of weight a = 1/2^shift: average + a *
 * ((1 - a) * product - average), where >> rounds down for negative numbers.
 */
PURE __s64 correlation_average(__s64 average, __s64 product, __u32 shift)
{
	return average + ((product - (product >> shift) - average) >> shift);
}

/* Adds a sample. */
PURE void correlation_add(struct correlation *c, __s32 x_q8, __s32 y_q8)
{
	__s64 x = correlation_input(x_q8), y = correlation_input(y_q8);
	__u32 shift = min_u64(bit_length(c->samples), CORRELATION_FORGET_SHIFT);
	__s64 dx = (x - c->mean_x) >> 8, dy = (y - c->mean_y) >> 8;

	if (!c->samples) {
		c->mean_x = x;
		c->mean_y = y;
		c->samples = 1;
		return;
	}
	c->mean_x += (x - c->mean_x) >> shift;
	c->mean_y += (y - c->mean_y) >> shift;
	c->var_x = correlation_average(c->var_x, dx * dx, shift);
	c->var_y = correlation_average(c->var_y, dy * dy, shift);
	c->cov = correlation_average(c->cov, dx * dy, shift);
	if (c->samples < 1U << CORRELATION_FORGET_SHIFT)
		c->samples++;
}

/* Is there enough to judge: samples, and variation in both x and y? */
PURE int correlation_is_known(const struct correlation *c)
{
	return c->samples >= CORRELATION_MIN_SAMPLES &&
	       c->var_x >= CORRELATION_MIN_VARIANCE &&
	       c->var_y >= CORRELATION_MIN_VARIANCE;
}

/* By how many bits, an even number, v must come down to be below 2^22. */
PURE __u32 correlation_excess(__u64 v)
{
	__u32 bits = bit_length(v);

	return bits > 22 ? (bits - 22 + 1) & ~1U : 0;
}

/* r^2 as a fraction of numbers below 2^44; 0 while r is not known or not
 * positive.
 *
 * cov^2 / (var_x * var_y), after taking an even number of bits off each variance
 * and half of both off the covariance, which leaves r as it is, but for less
 * than 0.00001. A covariance above both variances is rounding: r is 1.
 */
PURE int correlation_squared(const struct correlation *c, __u64 *numerator,
			     __u64 *denominator)
{
	__u32 down_x = correlation_excess(c->var_x);
	__u32 down_y = correlation_excess(c->var_y);
	__u64 cov = c->cov;

	if (!correlation_is_known(c) || c->cov <= 0)
		return 0;
	cov >>= (down_x + down_y) / 2;
	*denominator = (c->var_x >> down_x) * (c->var_y >> down_y);
	*numerator = cov >> 22 ? *denominator : cov * cov;
	return 1;
}

/* Is r >= r_permille/1000? False while not known, and for r_permille of 0 or
 * above 1000. Both sides stay below 2^44 * 1000^2 < 2^64. */
PURE int correlation_at_least(const struct correlation *c, __u32 r_permille)
{
	__u64 numerator, denominator, r = r_permille;

	if (!r || r > 1000 || !correlation_squared(c, &numerator, &denominator))
		return 0;
	return numerator * 1000000 >= r * r * denominator;
}

/* r in thousandths, for the explanation; 0 while not known or not positive. */
PURE __u32 correlation_permille(const struct correlation *c)
{
	__u64 numerator, denominator, r = 0;

	if (!correlation_squared(c, &numerator, &denominator))
		return 0;
	numerator = min_u64(numerator, denominator) * 1000000;
	for (__u64 bit = 512; bit; bit >>= 1)
		if (r + bit <= 1000 && numerator >= (r + bit) * (r + bit) * denominator)
			r += bit;
	return r;
}
