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
 * Of a namespace that comes and goes between two walks nothing would be seen.
 * No tracepoint tells of a namespace being made, or of its end. The first
 * program that is executed in one does, which is how nearly all begin; so does
 * the first request of a tuner from there (request.bpf.h). Exec is rare and
 * costs half a millisecond, so a look-up is nothing to it.
 *
 * The result of a walk is a set of bits (state_abi.h), so that it takes the same
 * room for ten namespaces and for ten thousand. A dead id whose bits are all set
 * by living ones waits until one of them is dead too.
 *
 * How it fails. With more than 65,536 namespaces it says that it is not
 * complete, and nothing is forgotten. Those that come and go between two walks
 * without an exec or a request are not counted.
 */
#include "bpf/common/tuner.bpf.h"
#include "policies/netns.policy.h"
TUNER_DEFINE(NETNS, "netns", "knows which network namespaces there are");

#include "bpf/common/netns_walk.bpf.h"

/* Key: 0. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct alive);
} tuner_alive SEC(".maps");

static __always_inline void mark(struct alive *alive, __u64 id)
{
	struct alive_place place = alive_place_of(id);

	for (int i = 0; i < 2; i++)
		alive->bits[place.bit[i] / 64] |= 1ULL << (place.bit[i] % 64);
}

static __always_inline void note(__u64 id)
{
	if (!netns_note(id))
		count(COUNT_NO_ROOM);
}

__noinline int walk_net(__u64 address)
{
	__u64 id = walked_netns_id((struct net *)address);
	__u32 zero = 0;
	struct alive *alive = bpf_map_lookup_elem(&tuner_alive, &zero);

	if (alive)
		mark(alive, id);
	note(id);
	return 0;
}

static __always_inline void look_for_all(const void *key, struct alive *alive)
{
	alive->complete = walk_namespaces();
	if (!alive->complete)
		count(COUNT_INCOMPLETE);
}

WALK_MAP(walk, tuner_alive, look_for_all, walk_nothing_done)

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec__tp_btf, struct task_struct *task)
{
	struct net *net = task->nsproxy->net_ns;

	note(netns_id(net));
	return 0;
}
