/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What every part of tcp_buffer that asks for a change needs.
 */
#include "bpf/tuners/tcp_buffer_state.bpf.h"

static __always_inline void copy_peer(struct sock *sk, __u32 *family, __u8 *peer)
{
	*family = sk->__sk_common.skc_family;
	if (*family == AF_INET6)
		BPF_CORE_READ_INTO((__u8(*)[16])peer, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	else
		*(__u32 *)peer = sk->__sk_common.skc_daddr;
}

/* A request for another maximum, to be completed and sent; NULL: not now.
 * `demand`, where there is one, names the connection it is for. */
static __always_inline struct request *propose(const struct state_key *key, struct learning *l,
					       __u16 scenario, __u64 target,
					       const struct demand *demand)
{
	struct published *published = bpf_map_lookup_elem(&tuner_published, key);
	struct request *request;

	/* Refused lately: what was in the way is not gone so soon. */
	if (published && published->refused &&
	    bpf_ktime_get_ns() - published->refused_ns < cfg_refused_hold_ns)
		return NULL;
	if (!pending_begin(key, l->sequence + 1))
		return NULL;
	request = request_begin(REQUEST_SET, key->netns);
	if (!request) {
		bpf_map_delete_elem(&tuner_pending, key);
		return NULL;
	}
	request->netns_inode = l->netns_inode;
	request->tunable = key->row;
	request->scenario = scenario;
	request->sequence = ++l->sequence;
	request->mask = 1U << 2;
	request->seen[0] = request->wanted[0] = l->seen[0];
	request->seen[1] = request->wanted[1] = l->seen[1];
	request->seen[2] = l->seen[2];
	request->wanted[2] = target;
	if (demand) {
		request->peer_family = demand->peer_family;
		__builtin_memcpy(request->peer, demand->peer, sizeof(request->peer));
	}
	return request;
}
