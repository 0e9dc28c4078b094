// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * netns: which network namespaces there are.
 *
 * What is remembered of a namespace must go when the namespace goes, and never
 * before: with the owner's entry the administrator's protection would go too.
 * User space cannot tell for sure. A namespace may be held by a process, a
 * mount, a descriptor or a socket, and before 6.18 there is no way to ask for
 * one by its id. So this walks the kernel's own list, when the controller asks.
 *
 * The symbol of the list's head cannot be had on every kernel; the walk begins
 * at the namespace of whoever runs the program, and comes back to it. On the
 * way it meets the head, which is no namespace: what would be its `ns.ops` is
 * something else. The list is the kernel's under RCU, and so is a run of an
 * iterator's program; a namespace that is added meanwhile is added at the end,
 * one that leaves keeps its pointer to the next.
 *
 * The result is a set of bits (state_abi.h), so that it takes the same room for
 * ten namespaces and for ten thousand. A dead id whose bits are all set by
 * living ones waits until one of them is dead too.
 *
 * How it fails. With more than WALK_MOST namespaces it says that it is not
 * complete, and nothing is forgotten.
 */
#include "bpf/common/tuner.bpf.h"
#include "policies/netns.policy.h"
TUNER_DEFINE(NETNS, "netns", "knows which network namespaces there are");

#define WALK_STEP 128
#define WALK_STEPS 512
#define WALK_MOST (WALK_STEP * WALK_STEPS)

/* Key: 0. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct alive);
} tuner_alive SEC(".maps");

/* The walk under way. Only the daemon's thread runs it. */
struct {
	__u64 first; /* &net->list of the namespace it began at */
	__u64 at;    /* ... and where it is; 0: it is over */
	__u64 ops;   /* what a network namespace has in ns.ops */
} walk;

static __always_inline struct net *net_of(__u64 list)
{
	return (struct net *)(list - bpf_core_field_offset(struct net, list));
}

static __always_inline void mark(struct alive *alive, __u64 id)
{
	struct alive_place place = alive_place_of(id);

	for (int i = 0; i < 2; i++)
		alive->bits[place.bit[i] / 64] |= 1ULL << (place.bit[i] % 64);
}

/* A global function: the verifier checks it once, not in each of WALK_STEPS
 * turns. */
__noinline int mark_some(int turn)
{
	__u32 zero = 0;
	struct alive *alive = bpf_map_lookup_elem(&tuner_alive, &zero);

	if (!alive)
		return 0;
	for (int i = 0; i < WALK_STEP && walk.at; i++) {
		struct net *net = net_of(walk.at);
		__u64 id;

		if ((__u64)BPF_CORE_READ(net, ns.ops) == walk.ops) {
			id = BPF_CORE_READ(net, ns.inum);
			if (!tuner_netns_by_inode)
				id = BPF_CORE_READ(net, net_cookie);
			mark(alive, id);
		}
		walk.at = (__u64)BPF_CORE_READ(net, list.next);
		if (walk.at == walk.first) {
			alive->complete = 1;
			walk.at = 0;
		}
	}
	return turn;
}

SEC("?iter/bpf_map_elem")
int walk__tuner_alive(struct bpf_iter__bpf_map_elem *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct net *net;

	if (!ctx->value) /* the walk of the map itself is over */
		return 0;
	net = BPF_CORE_READ(task, nsproxy, net_ns);
	walk.first = walk.at = (__u64)net + bpf_core_field_offset(struct net, list);
	walk.ops = (__u64)BPF_CORE_READ(net, ns.ops);
	for (int turn = 0; turn < WALK_STEPS && walk.at; turn++)
		mark_some(turn);
	if (walk.at)
		count(COUNT_INCOMPLETE);
	return 0;
}
