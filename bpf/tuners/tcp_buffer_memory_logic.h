/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * TCP's memory, which all connections of the machine share: tcp_mem says how
 * much, in pages. Near its pressure level it grows while the machine has
 * memory; where it cannot, the maxima and initial sizes of buffers come down.
 * What went one way comes back the other.
 */
#include "bpf/common/pure/limits.h"

enum {
	/* Near: so much, in 16ths, of where pressure begins. It is also where
	 * the kernel lets pressure end (tcp_init_mem(): tcp_mem[0]). */
	MEMORY_NEAR_16THS = 12,
	/* There is plenty again. */
	MEMORY_BACK_16THS = 8,
	/* TCP may come to hold this part of the memory that is available. */
	MEMORY_TCP_PART = 2,
	/* tcp_mem grows by a quarter, and comes down by one. */
	MEMORY_STEP_SHIFT = 2,
	/* Not below that, however short memory is: 64 KiB still carry
	 * 10 Mbit/s over 50 ms; 16 KiB is tcp_wmem[1] as the kernel has it. */
	SQUEEZED_LEAST_MAXIMUM = 64 * 1024,
	SQUEEZED_LEAST_INITIAL = 16 * 1024,
};

/* After a squeeze, before the first step back; twice as long with each squeeze
 * that follows one, so that a shortage that lasts is not tried for ever. */
#define SQUEEZE_HOLD_NS 30000000000ULL
#define SQUEEZE_HOLD_MOST_NS 3600000000000ULL

/* Pages, all of them. */
struct memory {
	__u64 used;	 /* by TCP */
	__u64 available; /* to anybody: MemAvailable */
	__u64 limit[3];	 /* tcp_mem: low, pressure, high */
};

/* All that decisions rest on could be read. */
PURE __u8 memory_is_known(const struct memory *memory)
{
	return memory->available && memory->limit[0] && memory->limit[1] && memory->limit[2];
}

PURE __u8 memory_is_near(const struct memory *memory)
{
	return memory->used >= mul_div(memory->limit[1], MEMORY_NEAR_16THS, 16);
}

PURE __u8 memory_is_back(const struct memory *memory)
{
	return memory->used <= mul_div(memory->limit[1], MEMORY_BACK_16THS, 16);
}

/* The most that tcp_mem[2] may be on this machine, now. */
PURE __u64 memory_high_most(const struct memory *memory)
{
	return sat_add(memory->used, memory->available / MEMORY_TCP_PART);
}

/* tcp_mem with `high` for its third value and the others in proportion. */
PURE void memory_scale(const struct memory *memory, __u64 high, __u64 *wanted)
{
	wanted[0] = mul_div(memory->limit[0], high, memory->limit[2]);
	wanted[1] = mul_div(memory->limit[1], high, memory->limit[2]);
	wanted[2] = high;
}

/* tcp_mem[2] one step up; 0 where the machine has no memory for a step that is
 * worth it. */
PURE __u64 memory_raised_high(const struct memory *memory)
{
	__u64 high = memory->limit[2];
	__u64 raised = grow_by_shift(high, MEMORY_STEP_SHIFT, memory_high_most(memory));

	return raised > sat_add(high, high / 16) ? raised : 0;
}

/* One step down, towards where it was found; 0 when it is there. */
PURE __u64 memory_lowered_high(const struct memory *memory, __u64 baseline)
{
	__u64 high = memory->limit[2];

	return high > baseline ? shrink_by_shift(high, MEMORY_STEP_SHIFT, baseline) : 0;
}

/* TCP may take more than there is. */
PURE __u8 memory_is_overdrawn(const struct memory *memory)
{
	return memory->limit[2] > sat_add(memory->used, memory->available);
}

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
