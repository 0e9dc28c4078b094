/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * The memory of a protocol, which all its sockets share: tcp_mem and udp_mem say
 * how much it may take, in pages. The limit grows while the machine has memory,
 * and comes back when it is not needed.
 */
#include "bpf/common/pure/limits.h"

enum {
	/* Near a limit: so much of it, in 16ths. Three quarters is also where the
	 * kernel lets pressure end (tcp_init_mem(): tcp_mem[0]). */
	MEMORY_NEAR_16THS = 12,
	/* There is plenty again. */
	MEMORY_BACK_16THS = 8,
	/* A protocol may come to hold this part of the memory that is available. */
	MEMORY_PROTOCOL_PART = 2,
	/* The limit grows by a quarter, and comes down by one. */
	MEMORY_STEP_SHIFT = 2,
};

/* Pages, all of them. */
struct memory {
	__u64 used;	 /* by the protocol */
	__u64 available; /* to anybody: MemAvailable */
	__u64 limit[3];	 /* low, pressure, high */
};

/* All that decisions rest on could be read. */
PURE __u8 memory_is_known(const struct memory *memory)
{
	return memory->available && memory->limit[0] && memory->limit[1] && memory->limit[2];
}

PURE __u8 memory_is_near(const struct memory *memory, __u64 limit)
{
	return memory->used >= mul_div(limit, MEMORY_NEAR_16THS, 16);
}

PURE __u8 memory_is_back(const struct memory *memory, __u64 limit)
{
	return memory->used <= mul_div(limit, MEMORY_BACK_16THS, 16);
}

/* The most that limit[2] may be on this machine, now. */
PURE __u64 memory_high_most(const struct memory *memory)
{
	return sat_add(memory->used, memory->available / MEMORY_PROTOCOL_PART);
}

/* The limits with `high` for the third and the others in proportion. */
PURE void memory_scale(const struct memory *memory, __u64 high, __u64 *wanted)
{
	wanted[0] = mul_div(memory->limit[0], high, memory->limit[2]);
	wanted[1] = mul_div(memory->limit[1], high, memory->limit[2]);
	wanted[2] = high;
}

/* limit[2] one step up; 0 where the machine has no memory for a step that is
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

/* The protocol may take more than there is. */
PURE __u8 memory_is_overdrawn(const struct memory *memory)
{
	return memory->limit[2] > sat_add(memory->used, memory->available);
}
