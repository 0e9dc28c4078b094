/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * How a tuner describes itself.
 *
 * Each tuner object carries one variable `tuner` in section .rodata.tuner: a
 * struct tuner_header and, behind it, tables of fixed-size records. The
 * controller reads them before it loads the object; they stay in the kernel,
 * so `bpftool map dump name .rodata.tuner` describes a running tuner.
 *
 * Text is char[N], never a pointer: libbpf does not relocate data sections, so
 * a pointer would load without complaint and read as an offset.
 *
 * A reader walks each table by the record size found in the header. A longer
 * record (newer object) is read as far as it is known, a shorter one (older
 * object) is filled up with zeros; so is a shorter header. Another major
 * number is refused.
 */
#include "bpf/common/types.h"

#define TUNER_SECTION ".rodata.tuner"
#define TUNER_MAGIC 0x52454e5554465042ULL /* "BPFTUNER" */
#define TUNER_ABI_MAJOR 1
#define TUNER_ABI_MINOR 3 /* 1: strategies; 2: modules, reports; 3: samples of a visit, checks */

/* The most records of a kind that one tuner may have. */
#define TUNER_MAX_TUNABLES 16
#define TUNER_MAX_SCENARIOS 16
#define TUNER_MAX_SAMPLES 16
#define TUNER_MAX_COUNTERS 32
#define TUNER_MAX_HOOKS 16
#define TUNER_MAX_STRATEGIES 8
#define TUNER_MAX_MODULES 8
#define TUNER_MAX_REPORTS 8

/* A tunable has at most this many values (tcp_rmem: min, default, max). */
#define TUNER_MAX_VALUES 3

struct tuner_table {
	__u32 offset;	   /* bytes from the start of the header */
	__u16 record_size; /* bytes */
	__u16 count;
};

struct tuner_header {
	__u64 magic;
	__u16 major;
	__u16 minor;
	__u32 header_size; /* bytes; before minor 1 the header ended with `hooks` */
	char name[16];	   /* also the name of the object file */
	char summary[104]; /* one line */
	struct tuner_table tunables;
	struct tuner_table scenarios;
	struct tuner_table samples;
	struct tuner_table counters;
	struct tuner_table hooks;
	struct tuner_table strategies;
	struct tuner_table modules;
	struct tuner_table reports;
};

/* tuner_tunable.flags */
#define TUNABLE_PER_NETNS 0x1 /* every network namespace has its own value */
/* No sysctl but something BPF itself sets on single sockets, and only notes
 * (REQUEST_NOTE). It has no values and no bounds; its name is words. */
#define TUNABLE_ON_SOCKETS 0x2

/* Something the tuner may ask to have changed. */
struct tuner_tunable {
	char name[48];	 /* sysctl, "net.ipv4.tcp_rmem" */
	char labels[48]; /* of the values, "min default max" */
	char set[16];	 /* tunables of one set are yielded together */
	__u32 values;	 /* 1 .. TUNER_MAX_VALUES; on sockets: 0 */
	__u32 flags;
	__s64 min; /* no value below it is ever written ... */
	__s64 max; /* ... nor above it */
};

/* Something that can be seen, and the words for it. */
struct tuner_scenario {
	char id[32];	      /* a fact about the system: RECEIVE_WINDOW_LIMITED */
	char name[64];	      /* how the log calls it */
	char description[128]; /* one sentence, behind the name */
	char reason[96];       /* "Due to <reason> change ..." */
	/* The numbers behind it. Slots: {tunable} {old} {new} {netns} {peer}
	 * {comm} {arg0} .. {arg3}; no others. */
	char evidence[288];
};

/* tuner_sample.kind */
enum tuner_sample_kind {
	SAMPLE_SYSCTL = 1, /* source: sysctl; field: index of the value, "2" */
	SAMPLE_KEYED = 2,  /* source: file; field: "TCP mem" in "TCP: a 1 mem 2", or
			* "MemFree" in "MemFree: 1 kB" */
	SAMPLE_PAIRED = 3, /* source: file; field: "TcpExt ListenDrops" of line pairs */
	SAMPLE_LISTED = 4, /* source: file; field: "Ip6ReasmOKs" of "Ip6ReasmOKs 1" */
	/* source: file with a line of numbers for each CPU; field: "MAP BASE
	 * [PREFIX]": the tuner's own map for it, an array of __u64 columns, and
	 * 10 or 16. With the prefix "cpu" only lines "cpuN ..." count and go to
	 * key N; else the n-th line goes to key n. */
	SAMPLE_TABLE = 5,
};

/* tuner_sample.every_ms: not before the pulse, but before each visit
 * (HOOK_VISIT), in the namespace that is visited. */
#define SAMPLE_AT_VISIT 0xffffffffU

/* What BPF cannot read, sampled by the controller before the pulse, or before
 * a visit. */
struct tuner_sample {
	char source[48];
	char field[32];
	__u32 kind;
	__u32 every_ms; /* not read more often than this; 0: only before a pulse
			 * for which the tuner asks for it (beat.samples);
			 * or SAMPLE_AT_VISIT */
};

/* One cell of the tuner's map `counts`, printed in the summary unless zero. */
struct tuner_counter {
	char text[64]; /* "flows seen" */
};

/* tuner_hook.kind: what the controller does with the programs of a hook */
enum tuner_hook_kind {
	HOOK_EVENT = 1,	   /* attached; the kernel runs it */
	HOOK_PULSE = 2,	   /* run at the tuner's beat (state_abi.h) */
	HOOK_PERIODIC = 3, /* run every period_ms */
	HOOK_VISIT = 4,	   /* run inside a namespace when the tuner asks */
	/* An iterator, run once after load. What it writes (STAND_DOWN) is why
	 * there is nothing to tune on this kernel: the tuner stands down. */
	HOOK_CHECK = 5,
};

/* tuner_hook.flags */
#define HOOK_REQUIRED 0x1 /* without it the tuner has nothing to do */
#define HOOK_AT_START 0x2 /* HOOK_VISIT: also once in each namespace at start */

/*
 * A place from which the tuner watches or acts. Programs whose name begins
 * with "<name>__" are alternatives for it, in the order of the source; the
 * first that really loads and attaches is used.
 */
struct tuner_hook {
	char name[16];
	char loss[104]; /* what is lost when no alternative works */
	__u32 kind;
	__u32 flags;
	__u32 period_ms; /* HOOK_PERIODIC only */
	__u32 reserved;
};

/*
 * One of several ways to do the tuner's work. One at a time runs: its hooks are
 * attached, those of the others are not; a hook that belongs to none always is.
 * After `seconds`, and not before it was judged in that time, the controller
 * looks at the scores that the tuner's BPF keeps (tuner_scores), and takes one
 * that was never tried, else the best.
 */
struct tuner_strategy {
	char name[32];
	char description[96]; /* "sizes buffers by measured need" */
	__u32 seconds;	      /* until it is judged */
	__u32 hooks;	      /* bit n: hook n belongs to it */
};

/*
 * A kernel module with something the tuner uses, where the kernel has it. The
 * controller loads it when it starts; a closed list says which it may be.
 */
struct tuner_module {
	char name[16];	/* "tcp_htcp" */
	char loss[104]; /* what is lost without it */
};

/*
 * A clause of the one sentence that the summary has about the tuner. Slots: {0}
 * to {3} for the counters in these rows, {ratio} for (0 / 1) over (2 / 3). Left
 * out while one of the counters it uses is zero.
 */
#define TUNER_REPORT_COUNTERS 4
struct tuner_report {
	char text[116];
	__u8 counters[TUNER_REPORT_COUNTERS];
};

ABI_ASSERT(sizeof(struct tuner_table) == 8);
ABI_ASSERT(sizeof(struct tuner_header) == 200);
ABI_ASSERT(sizeof(struct tuner_tunable) == 136);
ABI_ASSERT(sizeof(struct tuner_scenario) == 608);
ABI_ASSERT(sizeof(struct tuner_sample) == 88);
ABI_ASSERT(sizeof(struct tuner_counter) == 64);
ABI_ASSERT(sizeof(struct tuner_hook) == 136);
ABI_ASSERT(sizeof(struct tuner_strategy) == 136);
ABI_ASSERT(sizeof(struct tuner_module) == 120);
ABI_ASSERT(sizeof(struct tuner_report) == 120);
