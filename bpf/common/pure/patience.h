/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * How long nothing must have been needed before a value comes down. Some needs
 * show only where they are not met: what is lost to a full queue is counted, what
 * fits is not. Such a value comes down although it is needed, and goes up again;
 * and so does one whose need comes back every half hour. So each need that comes
 * back doubles the wait, from ten minutes to 21 hours. One that comes back a day
 * after a step down is a new one.
 */
#include "bpf/common/pure/limits.h"

#define PATIENCE_FORGETS_NS (86400 * 1000000000ULL)

enum { PATIENCE_MOST = 7 }; /* doublings */

/* All zero is a good start: nothing was lowered yet. */
struct patience {
	__u64 lowered_ns; /* the last step down; 0: none since the last raise */
	__u32 comebacks;
	__u32 reserved;
};

/* How long to wait for what at first takes `first_ns`. */
PURE __u64 patience_ns(const struct patience *p, __u64 first_ns)
{
	__u64 doublings = min_u64(p->comebacks, PATIENCE_MOST);

	return first_ns > PURE_U64_MAX >> doublings ? PURE_U64_MAX : first_ns << doublings;
}

PURE void patience_note_lowered(struct patience *p, __u64 now_ns)
{
	p->lowered_ns = now_ns;
}

PURE void patience_note_raised(struct patience *p, __u64 now_ns)
{
	if (!p->lowered_ns)
		return;
	if (sat_sub(now_ns, p->lowered_ns) < PATIENCE_FORGETS_NS)
		p->comebacks = min_u64(p->comebacks, PATIENCE_MOST - 1) + 1;
	else
		p->comebacks = 0;
	p->lowered_ns = 0;
}
