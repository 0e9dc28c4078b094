/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What is done to single connections, inside their namespace: one that is
 * older than the daemon is given its storage, and a receive buffer that has
 * stopped growing is woken.
 */
#include "bpf/tuners/tcp_buffer_propose.bpf.h"

static __always_inline void note_visit(struct sock *sk, __u64 netns, __u32 before, __u32 after)
{
	struct request *request = request_begin(REQUEST_NOTE, netns);

	if (!request)
		return;
	request->tunable = TUNABLE_TCP_RMEM;
	request->scenario = SCENARIO_RECEIVER_STALLED;
	request->evidence[0] = before;
	request->evidence[1] = after;
	copy_peer(sk, &request->peer_family, request->peer);
	request_send(request, RING_QUIET);
}

/* A connection that has carried data unseen is older than we are. */
static __always_inline void see_older(struct sock_common *skc)
{
	if (!bpf_sk_storage_get(&flows, skc, NULL, BPF_SK_STORAGE_GET_F_CREATE))
		return;
	count(COUNT_OLDER);
	wake_pulse();
}

/* Runs in each namespace when the daemon starts, and in one that asks. */
SEC("?iter/tcp")
int visit__iter_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	int most = 0x7fffffff, lowat = 1;
	struct tcp_sock *tp;
	struct flow *flow;
	struct sock *sk;
	__u32 before;

	if (!skc || skc->skc_state != TCP_ESTABLISHED)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc);
	if (!tp)
		return 0;
	flow = bpf_sk_storage_get(&flows, skc, NULL, 0);
	if (!flow && tp->bytes_received + tp->bytes_acked >= SEEN_AFTER_BYTES)
		see_older(skc);
	if (!flow || !flow->wants_visit)
		return 0;
	flow->wants_visit = 0;
	sk = (struct sock *)tp;
	if (sk->sk_rcvlowat != lowat) /* the application uses it */
		return 0;
	before = sk->sk_rcvbuf;
	bpf_setsockopt(tp, SOL_SOCKET, SO_RCVLOWAT, &most, sizeof(most));
	bpf_setsockopt(tp, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat));
	if ((__u32)sk->sk_rcvbuf > before) {
		visits_helped++;
		note_visit(sk, netns_id(skc->skc_net.net), before, sk->sk_rcvbuf);
	} else {
		visits_in_vain++;
		count(COUNT_VISIT_IN_VAIN);
	}
	return 0;
}
