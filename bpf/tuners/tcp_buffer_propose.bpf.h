/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What every part of tcp_buffer that asks for a change needs.
 */
#include "bpf/common/propose.bpf.h"
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
static __always_inline struct request *propose_maximum(const struct state_key *key,
						       struct learning *l, __u16 scenario,
						       __u64 target, const struct demand *demand)
{
	struct request *request = propose(key, &l->sequence, scenario);

	if (!request)
		return NULL;
	request->netns_inode = l->netns_inode;
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
