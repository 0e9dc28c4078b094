/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * How far to move: the learning rate of one (namespace, tunable).
 *
 * Sign-based step adaptation (Rprop: Riedmiller and Braun, "A direct adaptive
 * method for faster backpropagation learning", 1993): as long as the moves go
 * the same way the step grows, because the goal is still far; a reversal means
 * that we stepped over it, and the step shrinks. Here by powers of two, since
 * a step is a fraction 1/2^shift of the value.
 */
#include "bpf/common/pure/limits.h"

enum {
	LEARNING_SHIFT_START = 2,    /* first step: 1/4 of the value */
	LEARNING_SHIFT_LARGEST = 0,  /* all of it: the value doubles */
	LEARNING_SHIFT_SMALLEST = 6, /* 1/64 */
};

/* All zero is a good start: nothing has moved yet. */
struct learning_step {
	__u64 moved_ns;   /* when the last move was */
	__s32 direction;  /* of the last move: 1 up, -1 down, 0 none yet */
	__u32 step_shift; /* of the last move: 1/2^n of the value */
};

/* Notes a move in this direction (> 0 up, < 0 down, 0: no move, nothing
 * happens) and sets the step for it. A last move more than horizon_ns ago says
 * nothing about this one: back to the start.
 */
PURE void learning_step_move(struct learning_step *step, __u64 now_ns,
			     __s32 direction, __u64 horizon_ns)
{
	__s32 sign = direction > 0 ? 1 : -1;

	if (!direction)
		return;
	if (!step->direction || sat_sub(now_ns, step->moved_ns) > horizon_ns)
		step->step_shift = LEARNING_SHIFT_START;
	else if (step->direction == sign)
		step->step_shift = sat_sub(step->step_shift, 1);
	else
		step->step_shift = min_u64(sat_add(step->step_shift, 1),
					   LEARNING_SHIFT_SMALLEST);
	step->direction = sign;
	step->moved_ns = now_ns;
}

/* The value one step further in the direction of the last move, within
 * [lowest, highest]. Down, a step is at most one half: that undoes a doubling,
 * and the whole value would be too much of a step. Never moved: unchanged, but
 * within the bounds.
 */
PURE __u64 learning_step_apply(const struct learning_step *step, __u64 value,
			       __u64 lowest, __u64 highest)
{
	if (step->direction > 0)
		value = grow_by_shift(value, step->step_shift, highest);
	else if (step->direction < 0)
		value = shrink_by_shift(value, max_u64(step->step_shift, 1),
					lowest);
	return clamp_u64(value, lowest, highest);
}

/* Is a way down to `floor` worth a change? An eighth of the value, or all that
 * is left above `lowest`: a value that followed a fading need more closely would
 * change with every look.
 */
PURE int learning_worth_lowering(__u64 value, __u64 floor, __u64 lowest)
{
	return floor < value &&
	       (floor <= lowest || value - floor >= value / 8);
}
