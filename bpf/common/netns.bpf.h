/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * Which network namespace something belongs to.
 *
 * The id is the namespace's cookie where user space can ask for it too
 * (SO_NETNS_COOKIE, 5.14); otherwise the inode number of its nsfs file. The
 * controller finds out which (netns/netns_id.h) and says so before load, so
 * that both sides always mean the same number. 0 stands for tunables that all
 * namespaces share.
 */
#include "bpf/common/kernel.bpf.h"
#include "bpf/common/state.bpf.h"

const volatile bool tuner_netns_by_inode = false;
/* The daemon was told to keep to the namespaces in tuner_scope. */
const volatile bool tuner_confined = false;

/* `net` must be a pointer the verifier knows (from a socket or a task). */
#define netns_id(net) (tuner_netns_by_inode ? (__u64)(net)->ns.inum : (net)->net_cookie)

/* There is this namespace: it gets its place in the table. False: there is no
 * room for it. One look-up where it is known. */
static __always_inline bool netns_note(__u64 netns)
{
	struct state_key key = {.netns = netns};
	struct netns_seen seen;

	if (!netns || bpf_map_lookup_elem(&tuner_namespaces, &key))
		return true;
	seen.first_ns = bpf_ktime_get_ns();
	return !bpf_map_update_elem(&tuner_namespaces, &key, &seen, BPF_NOEXIST) ||
	       bpf_map_lookup_elem(&tuner_namespaces, &key); /* another CPU was faster */
}

static __always_inline bool netns_in_scope(__u64 netns)
{
	return !tuner_confined || bpf_map_lookup_elem(&tuner_scope, &netns);
}
