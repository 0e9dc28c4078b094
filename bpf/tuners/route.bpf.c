// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * route: how many IPv6 routes of its own a network namespace may remember.
 *
 * Of a route the kernel makes copies: for each CPU that uses it, for each host
 * to which the path's MTU is smaller or that redirects, for each packet of some
 * raw sockets. Before 6.3 it counts them, one namespace at a time. Above
 * net.ipv6.route.gc_thresh it looks through all routes for what is old, twice a
 * second; above max_size it does so at every further copy and, when that frees
 * nothing, refuses: connect() and sendto() fail with ENETUNREACH, and the
 * kernel's log says "Route cache is full".
 *
 * 6.3 (af6d10345ca7) removed the limit, since it let strangers stop a host
 * (CVE-2023-52340), and so did the maintained versions of older kernels. There
 * the tuner stands down. It goes by the type of the function that told of the
 * limit, not by the version.
 *
 * What is observed. Forced tidying up (fib6_run_gc) wakes the pulse: there are
 * more than gc_thresh, a quarter of the limit as the kernel has it. The pulse
 * walks all namespaces and reads three numbers of each: ten times a second
 * while routes grow fast, once while they are many, every 30 s while a limit is
 * raised, not at all otherwise (every 5 s where fentry does not work).
 *
 * How it is decided (route_logic.h). More than half of max_size in use: room
 * for twice as many, at most double, never more than 1/64 of the memory that is
 * available. gc_thresh follows at a quarter. A quarter of the limit or less in
 * use for ten minutes: a step back towards what was there before.
 *
 * What cannot be known: whose routes they are. A stranger's cost memory up to
 * the ceiling, and then the kernel refuses as before. The kernel's count is
 * exact only to 32 for each CPU.
 */
#include "bpf/common/tuner.bpf.h"
#include "policies/route.policy.h"
TUNER_DEFINE(ROUTE, "route", "keeps room for the IPv6 routes in use, where the kernel limits them");

#include "bpf/common/netns_walk.bpf.h"
#include "bpf/common/propose.bpf.h"
#include "bpf/common/sweep.bpf.h"
#include "bpf/tuners/route_logic.h"

#define BEAT_FAST_MS 100   /* while they grow fast */
#define BEAT_BUSY_MS 1000  /* while they are many */
#define BEAT_BLIND_MS 5000 /* where nothing tells of them */
#define BEAT_KEEP_MS 30000 /* while a limit is raised */

/* After a raise could not be made: for as long no other is tried. */
const volatile __u64 cfg_held_ns = 60 * SECOND_NS;

/* What is known of one namespace. */
struct routes {
	struct route_room room;
	__u64 held_until_ns;
	__u32 max_sequence;
	__u32 thresh_sequence;
};

/* Key: namespace, and the row of max_size. Written by the walk only; forgotten
 * when they have not been many for an hour and nothing is raised. When it is
 * full (counted), further namespaces are not tuned. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STATE_MAX_ENTRIES);
	__type(key, struct state_key);
	__type(value, struct routes);
} rooms SEC(".maps");

struct routes blank_routes;

/* The walk under way. Only the daemon's thread runs it. */
struct {
	__u32 growing; /* namespaces to look at again soon */
	__u32 many;    /* ... not so soon */
	__u32 kept;    /* ... because something is raised */
} found;

/* One namespace in the walk. */
struct visited {
	struct state_key max_key, thresh_key;
	struct route_look look;
	__u32 inode;
};

/* ---- asking -------------------------------------------------------------- */

/* What a tunable was before we changed it; `now` if we did not. */
static __always_inline __u64 baseline_of(const struct state_key *key, __u64 now)
{
	struct published *published = bpf_map_lookup_elem(&tuner_published, key);

	return published ? published->baseline[0] : now;
}

static __always_inline struct request *ask(const struct visited *v, const struct state_key *key,
					   __u32 *sequence, __u16 scenario, __u64 seen,
					   __u64 wanted)
{
	struct request *request = propose(key, sequence, scenario);

	if (!request)
		return NULL;
	request->netns_inode = v->inode;
	request->mask = 1;
	request->seen[0] = seen;
	request->wanted[0] = wanted;
	request->evidence[0] = v->look.entries;
	request->evidence[1] = v->look.max_size;
	return request;
}

/* True: there is a need for more room, met or not. */
static __always_inline bool raise_limit(const struct visited *v, struct routes *routes)
{
	const struct route_look *look = &v->look;
	__u64 ceiling = route_ceiling(sample_value(SAMPLE_MEM_AVAILABLE));
	__u64 target = route_raised(look, ceiling);
	struct request *request;

	if (route_need(look) <= look->max_size)
		return false;
	if (look->now_ns < routes->held_until_ns)
		return true;
	if (!target || is_yielded(v->max_key.netns, TUNABLE_MAX_SIZE)) {
		count(target ? COUNT_HELD_YIELDED : COUNT_HELD_CEILING);
		routes->held_until_ns = look->now_ns + cfg_held_ns;
		return true;
	}
	request = ask(v, &v->max_key, &routes->max_sequence, SCENARIO_ROUTES_NEAR_LIMIT,
		      look->max_size, target);
	if (!request)
		return true;
	request->evidence[2] = ceiling;
	request_send(request, RING_QUIET);
	learning_step_move(&routes->room.step, look->now_ns, 1, cfg_learning_horizon_ns);
	patience_note_raised(&routes->room.patience, look->now_ns);
	return true;
}

static __always_inline void send_lowered(const struct visited *v, const struct routes *routes,
					 struct request *request, __u64 baseline)
{
	const struct route_room *room = &routes->room;

	request->evidence[0] = sat_sub(v->look.now_ns, room->needed_ns) / SECOND_NS;
	request->evidence[1] = peak_now(&room->need, v->look.now_ns, cfg_need_half_life_ns) / 2;
	request->evidence[2] = baseline;
	request_send(request, RING_QUIET);
}

static __always_inline void lower_limit(const struct visited *v, struct routes *routes,
					__u64 baseline)
{
	struct learning_step step;
	__u64 target = route_lowered(&routes->room, &v->look, baseline, cfg_unneeded_ns,
				     cfg_need_half_life_ns, cfg_learning_horizon_ns, &step);
	struct request *request;

	if (!target || is_yielded(v->max_key.netns, TUNABLE_MAX_SIZE))
		return;
	request = ask(v, &v->max_key, &routes->max_sequence, SCENARIO_ROUTES_NOT_NEEDED,
		      v->look.max_size, target);
	if (!request)
		return;
	routes->room.step = step;
	patience_note_lowered(&routes->room.patience, v->look.now_ns);
	send_lowered(v, routes, request, baseline);
}

/* gc_thresh follows max_size, once that is another than we found. */
static __always_inline void follow(const struct visited *v, struct routes *routes, __u64 baseline)
{
	__u64 seen = v->look.gc_thresh;
	__u64 wanted = route_thresh(v->look.max_size, baseline);
	struct request *request;

	if (seen == wanted || is_yielded(v->thresh_key.netns, TUNABLE_GC_THRESH))
		return;
	request = ask(v, &v->thresh_key, &routes->thresh_sequence,
		      wanted > seen ? SCENARIO_TIDIED_TOO_OFTEN : SCENARIO_ROUTES_NOT_NEEDED, seen,
		      wanted);
	if (!request)
		return;
	if (wanted > seen)
		request_send(request, RING_QUIET);
	else
		send_lowered(v, routes, request, baseline);
}

/* ---- looking ------------------------------------------------------------- */

static __always_inline void decide_for(const struct visited *v, struct routes *routes)
{
	const struct route_look *look = &v->look;
	__u64 max_baseline = baseline_of(&v->max_key, look->max_size);
	__u64 thresh_baseline = baseline_of(&v->thresh_key, look->gc_thresh);
	bool is_ours = look->max_size > max_baseline || look->gc_thresh > thresh_baseline;

	found.growing += route_is_growing(&routes->room, look);
	found.many += route_is_many(look);
	found.kept += is_ours;
	route_note(&routes->room, look, cfg_need_half_life_ns);
	if (raise_limit(v, routes))
		return;
	if (is_ours) {
		lower_limit(v, routes, max_baseline);
		follow(v, routes, thresh_baseline);
	} else if (look->now_ns - routes->room.needed_ns >= cfg_learning_horizon_ns) {
		bpf_map_delete_elem(&rooms, &v->max_key);
	}
}

__noinline int walk_net(__u64 address)
{
	struct net *net = (struct net *)address;
	__u64 netns = walked_netns_id(net);
	struct visited v = {
		.max_key = state_key_of(netns, TUNABLE_MAX_SIZE),
		.thresh_key = state_key_of(netns, TUNABLE_GC_THRESH),
		.inode = BPF_CORE_READ(net, ns.inum),
	};
	__s64 entries = BPF_CORE_READ(net, ipv6.ip6_dst_ops.pcpuc_entries.count);
	int max_size = BPF_CORE_READ(net, ipv6.sysctl.ip6_rt_max_size);
	struct routes *routes;

	if (max_size <= 0 || !netns_in_scope(netns))
		return 0;
	v.look.now_ns = bpf_ktime_get_ns();
	v.look.entries = entries > 0 ? entries : 0;
	v.look.max_size = max_size;
	v.look.gc_thresh = BPF_CORE_READ(net, ipv6.ip6_dst_ops.gc_thresh);
	routes = state_of(&rooms, &v.max_key, &blank_routes, route_is_many(&v.look));
	if (routes)
		decide_for(&v, routes);
	return 0;
}

static __always_inline void set_beat(void)
{
	struct beat *beat = own_beat();

	if (!beat)
		return;
	beat->period_ms = found.growing ? BEAT_FAST_MS :
			  found.many	? BEAT_BUSY_MS :
			  !(tuner_hooks & HOOK_BIT(PRESSURE)) ? BEAT_BLIND_MS :
			  found.kept			      ? BEAT_KEEP_MS :
								0;
	/* An event that has just found it awake comes again in half a second. */
	beat->asleep = beat->period_ms == BEAT_KEEP_MS || !beat->period_ms;
}

static __always_inline void look_at_namespaces(struct seq_file *seq)
{
	found.growing = found.many = found.kept = 0;
	walk_namespaces();
	set_beat();
	count(COUNT_WALKS);
}

WALK_MAP(walk, counts, walk_nothing_each, look_at_namespaces)

/* `force`: there are more than gc_thresh. Without, it is a timer's look. */
SEC("?fentry/fib6_run_gc")
int BPF_PROG(pressure__fentry, unsigned long expires, struct net *net, bool force)
{
	if (!force)
		return 0;
	count(COUNT_PRESSED);
	wake_pulse();
	return 0;
}

/* ---- is there a limit? --------------------------------------------------- */

static __always_inline void look_for_limit(struct seq_file *seq)
{
	if (!bpf_core_type_matches(struct dst_ops___limited))
		STAND_DOWN(seq, ROUTE_NO_LIMIT);
}

WALK_MAP(limit, counts, walk_nothing_each, look_for_limit)
