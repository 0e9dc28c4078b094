/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * The decisions of the tcp_orphans tuner, as functions of numbers; the same
 * code runs in BPF and in the tests on the host.
 */
#include "bpf/common/pure/learning.h"

/* Two moves within an hour have to do with each other. */
#define ORPHANS_HORIZON_NS (3600 * 1000000000ULL)
/* Nothing needed for so long is not needed. */
#define ORPHANS_PATIENCE_NS (600 * 1000000000ULL)

enum {
	/* Each may hold 64 KiB that cannot be swapped (tcp_max_orphans in
	 * Documentation/networking/ip-sysctl.rst). */
	ORPHAN_KIB = 64,
	/* POLICY: all together a 16th of the memory that is available. */
	ORPHANS_MEMORY_SHIFT = 4,
};

struct orphans_look {
	__u64 now_ns;
	__u64 orphans;
	__u64 limit;	    /* 0: not known */
	__u64 available_kb; /* 0: not known */
};

/* All zero: nothing has happened yet. */
struct orphans_state {
	struct learning_step step;
	__u64 needed_ns; /* when the upper half was last needed */
};

/* The most that memory allows. Unknown: no raise at all. */
PURE __u64 orphans_ceiling(const struct orphans_look *look)
{
	return look->available_kb / ORPHAN_KIB >> ORPHANS_MEMORY_SHIFT;
}

/* The limit that should be, after one look; the present one where nothing is to
 * change. `baseline`: what was there before us, 0 if we have changed nothing.
 */
PURE __u64 orphans_wanted(struct orphans_state *s, const struct orphans_look *look,
			  __u64 baseline)
{
	__u64 ceiling = orphans_ceiling(look);

	if (!look->limit)
		return 0;
	if (look->orphans >= look->limit / 4 || !s->needed_ns)
		s->needed_ns = look->now_ns;
	if (look->orphans >= look->limit - look->limit / 4 && look->limit < ceiling) {
		learning_step_move(&s->step, look->now_ns, 1, ORPHANS_HORIZON_NS);
		return learning_step_apply(&s->step, look->limit, look->limit, ceiling);
	}
	if (!baseline || look->limit <= baseline ||
	    sat_sub(look->now_ns, s->needed_ns) < ORPHANS_PATIENCE_NS)
		return look->limit;
	s->needed_ns = look->now_ns; /* one step, then the same wait again */
	return max_u64(look->limit / 2, baseline);
}
