/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What net_buffer reads, and what it remembers: of each CPU, of each of its
 * three tunables, and of the look under way. Only the daemon's one thread runs
 * its programs. Include behind TUNER_DEFINE.
 */
#include "bpf/common/pure/correlation.h"
#include "bpf/tuners/net_buffer_logic.h"

#define CPUS_MOST 512

/* A line of /proc/net/softnet_stat, net/core/net-procfs.c. */
struct softnet_line {
	__u64 processed;
	__u64 dropped;
	__u64 squeezed;
	__u64 unused[7]; /* zeros, received_rps */
	__u64 flow_limited;
	__u64 length; /* of the backlog */
	__u64 cpu;
};

/* A line of /proc/stat, fs/proc/stat.c: ticks. */
struct cpu_times {
	__u64 user, nice, system, idle, iowait, irq, softirq, steal;
};

/* A line of /proc/schedstat, Documentation/scheduler/sched-stats.rst. */
struct cpu_waits {
	__u64 unused[7];
	__u64 run_delay_ns;
};

#define CPU_ARRAY(map, value_type)                \
	struct {                                  \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(max_entries, CPUS_MOST);   \
		__type(key, __u32);               \
		__type(value, value_type);        \
	} map SEC(".maps")

/* Written by the controller, before a pulse. Key of the first: the n-th CPU that
 * is online; of the others: the CPU. */
CPU_ARRAY(softnet, struct softnet_line);
CPU_ARRAY(cpu_times, struct cpu_times);
CPU_ARRAY(cpu_waits, struct cpu_waits);
/* Key: the CPU. Written by the pulse. */
CPU_ARRAY(cpus, struct cpu);

/* The tunables, by row. */
struct knob knobs[TUNABLE_COUNT];

/* What is watched closely while something is wrong. */
#define WATCH_NS (10 * NET_SECOND_NS)
/* A CPU that was squeezed is one of those that receive most, for so long. */
#define WAITS_NS (60 * NET_SECOND_NS)
struct {
	__u64 until_ns;
	__u64 evidence; /* number of the evidence that is gathered */
	__u64 asked;	/* the samples of the watch were read for this look */
	__u64 waits_ns; /* when the correlation last got a sample */
	struct correlation waits; /* x: the budget, y: what tasks wait */
} watch = {.evidence = 1};

#define SAMPLES_OF_WATCH                                                            \
	(1U << SAMPLE_CPU_TIMES | 1U << SAMPLE_CPU_WAITS | 1U << SAMPLE_MEM_AVAILABLE | \
	 1U << SAMPLE_MAX_BACKLOG | 1U << SAMPLE_BUDGET | 1U << SAMPLE_BUDGET_USECS)

/* The look under way. */
struct {
	__u64 now_ns; /* 0: no CPU yet */
	__u64 lost;   /* by the CPU that loses most of those not saturated ... */
	__u64 arrived;
	struct cpu_window lost_window;
	struct cpu_window squeezed_window; /* of the most squeezed with room */
	__u64 wait_ns;			   /* of tasks, for CPUs that receive most ... */
	__u64 waited_ns;		   /* ... in so much time of theirs */
	__u32 lost_cpu;
	__u32 squeezed_cpu;
	__u32 cpus;
	bool losing;
	bool saturated;
	bool squeezed;
	bool no_room;
	bool timed;
} look;
