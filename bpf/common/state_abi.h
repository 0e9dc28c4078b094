/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * The shared maps: their names, keys and values. The controller creates them
 * (controller/shared_maps.cc) and gives them to every object, so each map is
 * declared twice, here and in state.bpf.h, and compared at load.
 *
 * A user-space update replaces a whole hash value. That is why every map has
 * exactly one writer, named beside it.
 */
#include "bpf/common/request_abi.h"

#define MAP_REQUESTS "tuner_requests"
#define MAP_OWNERS "tuner_owners"
#define MAP_WATCHED "tuner_watched"
#define MAP_ORDERS "tuner_orders"
#define MAP_PUBLISHED "tuner_published"
#define MAP_PENDING "tuner_pending"
#define MAP_BEATS "tuner_beats"
#define MAP_SAMPLES "tuner_samples"
#define MAP_SCOPE "tuner_scope"
#define MAP_SCORES "tuner_scores"
#define MAP_ACTIVE "tuner_active"
#define MAP_CONTROL "tuner_control"
#define MAP_ALIVE "tuner_alive"
#define MAP_NAMESPACES "tuner_namespaces"

#define REQUESTS_BYTES (64 * 1024)
/* (namespace, tunable) pairs that can be tuned at once. */
#define STATE_MAX_ENTRIES 4096
#define WATCHED_MAX_ENTRIES 256
#define SCOPE_MAX_ENTRIES 256
#define NAMESPACES_MAX_ENTRIES 8192
#define TUNERS_MAX 64

/* Key of everything that belongs to one tunable, or one feature set of
 * tunables, in one namespace. For a set, `row` is its first tunable. */
struct state_key {
	__u64 netns; /* 0: global */
	__u16 tuner;
	__u16 row;
	union {
		__u32 reserved; /* 0: not of a device */
		__u32 device;	/* device_id() of its name */
	};
};

/* A network device by its name, as sysctls have it: FNV-1a (Fowler, Noll, Vo;
 * draft-eastlake-fnv) of 32 bits, which is not 0 for any. Two names that share
 * an id in one namespace share what is remembered: the applier would take the
 * value of one for a foreign write to the other, and leave it alone. */
#define DEVICE_ID_START 2166136261U
#define DEVICE_NAME_LEN 16
static inline __u32 device_id_add(__u32 id, char c)
{
	__u8 byte = c;

	return (id ^ byte) * 16777619U;
}

static inline __u32 device_id(const char *name)
{
	__u32 id = DEVICE_ID_START;

	for (int i = 0; i < DEVICE_NAME_LEN && name[i]; i++)
		id = device_id_add(id, name[i]);
	return id ? id : 1;
}

/*
 * tuner_owners: {namespace, set} -> who owns it. Writer: BPF (the sysctl
 * watcher). No entry: nobody wrote. What we write has one before, so that there
 * is room when somebody else does. The administrator owns the set
 * while generation != reclaimed. A foreign write replaces the whole entry, so
 * the numbers are never torn; a reclaim stores into `reclaimed` alone, so it
 * can lose against a foreign write but never undo one.
 */
struct owner {
	__u64 generation; /* foreign writes so far */
	__u64 reclaimed;  /* the generation that was given back to us */
	__u64 time_ns;
	__u16 row;   /* which tunable of the set was written */
	__u16 count; /* how many of `values` were written */
	__u16 previous_count;
	__u16 reserved;
	__u32 pid;
	__u32 reserved2;
	/* What the administrator wrote last; of a tunable in several files, to
	 * each, or VALUE_UNSAID. */
	__s64 values[TUNER_MAX_VALUES];
	/* ... and before that, in case the kernel refuses the last. */
	__s64 previous[TUNER_MAX_VALUES];
	/* What the file held when it became the administrator's: tells whether
	 * it was the file of this namespace at all. */
	__s64 before[TUNER_MAX_VALUES];
};

/* tuner_watched: sysctl name as the kernel gives it ("net/ipv4/tcp_rmem") ->
 * who wants to know. Writer: the controller. */
#define WATCHED_NAME_LEN 48
struct watched_key {
	char name[WATCHED_NAME_LEN];
};

/*
 * Of a tunable that each device has, "net/ipv4/neigh/DEVICE/unres_qlen_bytes",
 * there is one entry: under "*" and, from byte 4 on, what the parts before and
 * behind the device make, since programs before 5.12 cannot build a name. All
 * such sysctls have the device last but one.
 */
struct watched_path {
	__u32 before;	 /* device_id_add() of all parts before the device */
	__u32 device;	 /* ... of the device: its device_id() */
	__u32 last;	 /* ... of the last part */
	__u32 device_at; /* where the device begins in the name */
	__u32 last_at;	 /* likewise the last part */
};

/* One more character of a sysctl's name as the kernel gives it. */
static inline void watched_path_add(struct watched_path *path, char c, __u32 at)
{
	if (c != '/') {
		path->last = device_id_add(path->last, c);
		return;
	}
	path->before = device_id_add(path->before * 31 + path->device, c);
	path->device = path->last;
	path->device_at = path->last_at;
	path->last = DEVICE_ID_START;
	path->last_at = at + 1;
}

static inline void watched_path_key(const struct watched_path *path, struct watched_key *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->name[0] = '*';
	__builtin_memcpy(key->name + 4, &path->before, sizeof(path->before));
	__builtin_memcpy(key->name + 8, &path->last, sizeof(path->last));
}

struct watched {
	__u16 tuner;
	__u16 row;     /* the tunable */
	__u16 set_row; /* first tunable of its set */
	__u16 values;  /* of the tunable */
	__u32 flags;   /* TUNABLE_PER_NETNS */
	__u16 parts;   /* files it is in: 1, or as many as it has values */
	__u16 part;    /* which of them this is */
};

/*
 * tuner_orders: {namespace, set} -> what the controller wants done to the
 * owner. Writer: the controller; the watcher's pulse carries them out, the
 * controller then deletes them. `generation` guards against a foreign write
 * in between: an order for another generation is void.
 */
enum order_kind {
	ORDER_RECLAIM = 1,  /* the set is ours again */
	ORDER_YIELD = 2,    /* found by comparing: it is the administrator's */
	ORDER_WITHDRAW = 3, /* the kernel refuses `values`: `previous` counts */
	ORDER_RESERVE = 4,  /* an entry that is nobody's, before our first write */
};

struct order {
	__u32 kind;
	__u16 row;
	__u16 count;
	__u64 generation;
	__s64 values[TUNER_MAX_VALUES];
	__s64 before[TUNER_MAX_VALUES];
};

/* tuner_published: {namespace, tunable} -> what we did last. Writer: the
 * controller. */
struct published {
	__s64 baseline[TUNER_MAX_VALUES]; /* before our first write */
	__s64 last[TUNER_MAX_VALUES];	  /* our last write, as read back */
	__u64 time_ns;			  /* of that write */
	__u64 reclaimed; /* the owner's, then: a reclaim since makes `last` void */
	__u32 writes;
	__u32 refused;	   /* requests refused since the last write */
	__u64 refused_ns;  /* when the last refusal happened */
};

/* tuner_pending: {namespace, tunable} -> the one request in flight. Inserted
 * by the pulse (BPF_NOEXIST), deleted by the controller. */
struct pending {
	__u64 time_ns;
	__u32 sequence;
	__u32 reserved;
};

/*
 * tuner_beats: tuner -> when it wants its pulse. Writer: BPF (the pulse; an
 * event may clear `asleep`). 0 ms: not before an event wakes it.
 */
struct beat {
	__u32 period_ms;
	__u32 asleep; /* the pulse rests for long; the next event is to wake it */
	__u32 samples; /* bit n: sample n, of those read only when asked for, is
			* to be read before the next pulses */
	__u32 reserved;
};

/* Shortest pause between two pulses of a tuner, whoever asks. */
#define BEAT_MIN_MS 100

/* tuner_samples: tuner * TUNER_MAX_SAMPLES + row -> value. Writer: the
 * controller. `valid` is 0 until it could be read. */
struct sample {
	__u64 value;
	__u64 valid;
};

/* tuner_scores: tuner * TUNER_MAX_STRATEGIES + row -> how well that strategy
 * does. Writer: BPF (the tuner's pulse). */
struct score {
	__s64 value;  /* the higher the better; the unit is the tuner's own */
	__u64 judged; /* how often; 0: nothing is known of it */
};

/* tuner_active: tuner -> which of its strategies runs. Writer: the
 * controller. */
struct active_strategy {
	__u32 row;
	__u32 reserved;
	__u64 since_ns;
};

/*
 * The controller pins tuner_owners, tuner_published and tuner_control, and of
 * the tuners' own maps those that are declared with __uint(pinning,
 * LIBBPF_PIN_BY_NAME), so that they outlive the daemon. Raise this when a field of struct
 * state_key, owner or published moves or changes its meaning: a daemon of
 * another version starts afresh.
 */
#define STATE_ABI_VERSION 2

/*
 * The map `layout`, pinned beside them: name -> what the next daemon has to
 * know. Writer: the controller; objects do not see it.
 *   "version"       fingerprint: STATE_ABI_VERSION
 *   "map NAME"      fingerprint: of the layout of its key and value
 *   "tuner NAME"    number: its number in keys; fingerprint: of its rows
 */
#define MAP_LAYOUT "layout"
#define LAYOUT_NAME_LEN 64
#define LAYOUT_MAX_ENTRIES 1024
struct layout_key {
	char name[LAYOUT_NAME_LEN];
};

struct layout_entry {
	__u64 fingerprint;
	__u32 number;
	__u32 reserved;
};

ABI_ASSERT(sizeof(struct layout_key) == 64);
ABI_ASSERT(sizeof(struct layout_entry) == 16);
/* tuner_control: tuner -> what it may do. Writer: the controller, as it loads a
 * tuner; bpftunectl, which sets and clears `paused`. Zeros: everything. The last
 * entry holds for all tuners, and is for what they do by themselves: dry run
 * and freeze. */
#define CONTROL_OF_ALL TUNERS_MAX
#define CONTROLS_MAX (TUNERS_MAX + 1)
struct tuner_control {
	__u32 paused;  /* what it asks for is refused */
	__u32 observe; /* what it asks for is said, not done */
};

/*
 * tuner_alive: one entry, the namespaces there are, as a set that may hold more
 * but never less: a Bloom filter with two bits for each id. Ids are handed out
 * one after the other, so an id's lowest bits are one good hash; the other are
 * the highest bits of its product with 2^64 divided by the golden ratio (Knuth,
 * The Art of Computer Programming 3, 6.4). With n living namespaces a dead one
 * is taken for alive with probability (2n / ALIVE_BITS)^2: 1 in 1,000 of 1,000.
 * The program that walks it (<hook>__tuner_alive) fills it in; the controller
 * clears it before.
 */
#define ALIVE_BITS_LOG2 16
#define ALIVE_BITS (1 << ALIVE_BITS_LOG2)
struct alive {
	__u64 complete; /* not 0: the walk came to its end */
	__u64 bits[ALIVE_BITS / 64];
};
struct alive_place {
	__u32 bit[2];
};

static inline struct alive_place alive_place_of(__u64 id)
{
	struct alive_place out;

	out.bit[0] = id & (ALIVE_BITS - 1);
	out.bit[1] = (id * 0x9e3779b97f4a7c15ULL) >> (64 - ALIVE_BITS_LOG2);
	return out;
}

/*
 * tuner_namespaces: {namespace} (tuner and row 0) -> since when it is known.
 * Inserted (BPF_NOEXIST) by whatever program meets a namespace first: one that
 * is told of it, one that has a request from it, or the walk of tuner_alive.
 * The controller deletes those that are gone. Where it is full, further ones
 * are not counted; they are tuned all the same.
 */
struct netns_seen {
	__u64 first_ns;
};

ABI_ASSERT(sizeof(struct state_key) == 16);
ABI_ASSERT(sizeof(struct owner) == 112);
ABI_ASSERT(sizeof(struct watched) == 16);
ABI_ASSERT(sizeof(struct order) == 64);
ABI_ASSERT(sizeof(struct published) == 80);
ABI_ASSERT(sizeof(struct pending) == 16);
ABI_ASSERT(sizeof(struct beat) == 16);
ABI_ASSERT(sizeof(struct sample) == 16);
ABI_ASSERT(sizeof(struct score) == 16);
ABI_ASSERT(sizeof(struct active_strategy) == 16);
ABI_ASSERT(sizeof(struct tuner_control) == 8);
ABI_ASSERT(sizeof(struct alive) == 8 + ALIVE_BITS / 8);
ABI_ASSERT(sizeof(struct netns_seen) == 8);
