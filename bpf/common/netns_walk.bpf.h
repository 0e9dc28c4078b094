/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * A walk over all network namespaces: the kernel's own list, 0.1 ms for a
 * thousand. Only for iterators that the daemon's one thread runs. Include
 * behind TUNER_DEFINE, define walk_net(), call walk_namespaces().
 *
 * The symbol of the list's head cannot be had on every kernel; the walk begins
 * at the namespace of whoever runs the program, and comes back to it. On the
 * way it meets the head, which is no namespace: what would be its `ns.ops` is
 * something else. The list is the kernel's under RCU, and so is a run of an
 * iterator's program; a namespace that is added meanwhile is added at the end,
 * one that leaves keeps its pointer to the next.
 */
#include "bpf/common/tuner.bpf.h"

/* Three loops, each in a function of its own: the verifier goes through each of
 * them once. 32 * 32 * 64 = 65,536 namespaces at most. */
#define WALK_STEP 32
#define WALK_STRIDE 32
#define WALK_STRIDES 64

/* The walk under way. */
struct {
	__u64 first; /* &net->list of the namespace it began at */
	__u64 at;    /* ... and where it is; 0: it is over */
	__u64 ops;   /* what a network namespace has in ns.ops */
} walk;

/* The tuner's: what is to be done with the struct net at this address, which is
 * read with BPF_CORE_READ. A global function: the verifier checks it once. */
__noinline int walk_net(__u64 address);

static __always_inline __u64 walked_netns_id(struct net *net)
{
	if (tuner_netns_by_inode)
		return BPF_CORE_READ(net, ns.inum);
	return BPF_CORE_READ(net, net_cookie);
}

__noinline int walk_step(int turn)
{
	for (int i = 0; i < WALK_STEP && walk.at; i++) {
		__u64 address = walk.at - bpf_core_field_offset(struct net, list);
		struct net *net = (struct net *)address;

		if ((__u64)BPF_CORE_READ(net, ns.ops) == walk.ops)
			walk_net(address);
		walk.at = (__u64)BPF_CORE_READ(net, list.next);
		if (walk.at == walk.first)
			walk.at = 0;
	}
	return turn;
}

__noinline int walk_stride(int turn)
{
	for (int i = 0; i < WALK_STRIDE && walk.at; i++)
		walk_step(i);
	return turn;
}

/* False: there were more than fit in a walk; not all have been walked. */
static __always_inline bool walk_namespaces(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct net *net = BPF_CORE_READ(task, nsproxy, net_ns);

	walk.first = walk.at = (__u64)net + bpf_core_field_offset(struct net, list);
	walk.ops = (__u64)BPF_CORE_READ(net, ns.ops);
	for (int i = 0; i < WALK_STRIDES && walk.at; i++)
		walk_stride(i);
	return !walk.at;
}
