/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * Where tcp_mem cannot grow (bpf/common/pure/memory.h), the maxima and initial
 * sizes of buffers come down. What went one way comes back the other.
 */
#include "bpf/common/pure/memory.h"

enum {
	/* Not below that, however short memory is: 64 KiB still carry
	 * 10 Mbit/s over 50 ms; 16 KiB is tcp_wmem[1] as the kernel has it. */
	SQUEEZED_LEAST_MAXIMUM = 64 * 1024,
	SQUEEZED_LEAST_INITIAL = 16 * 1024,
};

/* After a squeeze, before the first step back; twice as long with each squeeze
 * that follows one, so that a shortage that lasts is not tried for ever. */
#define SQUEEZE_HOLD_NS 30000000000ULL
#define SQUEEZE_HOLD_MOST_NS 3600000000000ULL

/* Half of a size, but not below the least; a size below it stays. */
PURE __u64 squeezed(__u64 size, __u64 least)
{
	return min_u64(size, max_u64(size / 2, least));
}

/* Twice a size, towards what it was before it was squeezed. */
PURE __u64 unsqueezed(__u64 size, __u64 before)
{
	return max_u64(size, min_u64(sat_mul(size, 2), before));
}

/* How long a squeeze lasts at least; `squeezes` without an hour between. */
PURE __u64 squeeze_hold_ns(__u32 squeezes)
{
	return min_u64(SQUEEZE_HOLD_NS << min_u64(sat_sub(squeezes, 1), 16),
		       SQUEEZE_HOLD_MOST_NS);
}
