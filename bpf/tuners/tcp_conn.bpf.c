// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * tcp_conn: which congestion control a connection uses.
 *
 * Cubic and reno take every loss for a full queue and slow down. On a path that
 * loses segments by itself they end at about 1.22 MSS / (RTT sqrt(loss))
 * (Mathis et al. 1997), whatever the path could carry: with 1 % and 40 ms at
 * 2.5 of 100 Mbit/s. bbr goes by delivery rate and shortest round trip instead,
 * and fills 95 of them. Where losses come from a full queue, bbr has nothing to
 * offer and is hard on its neighbours; so it is for connections that need it.
 *
 * What is observed. Each connection asks for one callback, when it sends a
 * segment again; one that never does costs no more than to ask. With the first
 * such callback behind 64 KiB it is given a storage and looked at, from then on
 * whenever it sends again.
 *
 * How it is decided (bpf/common/pure/loss.h). When loss has held over several
 * round trips, while round trips stayed near the shortest, it is the path that
 * loses and not a queue: the connection is switched to bbr where it stands,
 * once in its life. Its destination is known from then on: each further
 * connection there is given, as it is established, what has served that host
 * best, by a bandit (bpf/common/pure/bandit.h) that learns from what
 * connections deliver, how much they lose, and what queue they keep. One in
 * twenty keeps the default; where those do better, the host goes back. Where bbr
 * is known to do worse, a connection is not switched in mid-flight either.
 *
 * Whose choice it is (tcp_conn_choice.bpf.h). Only a socket that still has the
 * default of its namespace, by nobody's choice, is touched. What an
 * application, its listener, a route or another BPF program chose stays, and so
 * does what an application chooses after us. What
 * net.ipv4.tcp_allowed_congestion_control does not list is not used. A new
 * default makes all that was learned against the old one void.
 *
 * What cannot be known. A receiver sees nothing of its peer's losses. An
 * application that asks for bbr itself after our switch cannot be told from one
 * that asks for nothing. Whether an algorithm is allowed is read from a socket
 * that has it: one whose new algorithm turns out not to be is switched there
 * and back, within the same callback.
 *
 * How it fails. Without storage (no memory) a connection is not helped. Another
 * program that replaces the callback flags of our sockets, rather than adding
 * to them, hides them; we only add. When the daemon dies its programs go, and
 * connections keep the algorithm they have.
 */
#include "bpf/common/tuner.bpf.h"
#include "policies/tcp_conn.policy.h"
TUNER_DEFINE_WITH(TCP_CONN, "tcp_conn", "the congestion control that suits each remote host",
		  TUNER_NONE, TCP_CONN_MODULES, TCP_CONN_REPORTS);

#include "bpf/common/request.bpf.h"
#include "bpf/tuners/tcp_conn_state.bpf.h"
#include "bpf/tuners/tcp_conn_choice.bpf.h"
#include "bpf/tuners/tcp_conn_host.bpf.h"

/* ---- saying -------------------------------------------------------------- */

static __always_inline struct net *net_of(struct tcp_sock *tp)
{
	return ((struct sock *)tp)->__sk_common.skc_net.net;
}

/*
 * Notes something about the connection, with two numbers and its round-trip
 * times as evidence. A function of its own: the verifier of 5.10 loses sight of
 * the record where several copies of this are woven together.
 */
static __noinline void note(struct tcp_sock *tp, __u32 scenario, __u64 arg0, __u64 arg1)
{
	struct sock *sk = (struct sock *)tp;
	struct net *net = net_of(tp);
	struct request *request = request_begin(REQUEST_NOTE, netns_id(net));

	if (!request)
		return;
	request->netns_inode = net->ns.inum;
	request->tunable = TUNABLE_CONGESTION;
	request->scenario = scenario;
	request->evidence[0] = arg0;
	request->evidence[1] = arg1;
	request->evidence[2] = tp->srtt_us >> 3;
	request->evidence[3] = min_rtt_of(tp);
	request->peer_family = sk->__sk_common.skc_family;
	if (request->peer_family == AF_INET6)
		BPF_CORE_READ_INTO(&request->peer, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	else
		*(__u32 *)request->peer = sk->__sk_common.skc_daddr;
	request_send(request, RING_WAKE);
}

/* Says what loss has led to, once an hour for each host; each daemon anew. */
static __always_inline void note_loss(struct tcp_sock *tp, struct host *host, __u32 scenario,
				      const struct loss *loss, __u64 now)
{
	if (host->said_ns >= began_ns && now - host->said_ns < cfg_say_again_ns)
		return;
	host->said_ns = now;
	note(tp, scenario, loss->segments, (__u64)loss->segments * loss->loss_ppm / LOSS_PPM);
}

/* The kernel would not: not tried again for a while; said once an hour where it
 * is bbr, without which there is little to choose from. */
static __always_inline void note_unusable(struct tcp_sock *tp, __u32 arm, __u32 scenario,
					  long error, __u64 now)
{
	count(COUNT_UNUSABLE);
	unusable_until_ns[arm & (ARM_COUNT - 1)] = now + cfg_unusable_ns;
	if (arm != ARM_BBR || (unusable_said_ns && now - unusable_said_ns < cfg_say_again_ns))
		return;
	unusable_said_ns = now;
	note(tp, scenario, -error, 0);
}

/* ---- acting -------------------------------------------------------------- */

/* From now on the connection has that arm; false: the kernel would not. */
static __always_inline bool give(struct bpf_sock_ops *ctx, struct tcp_sock *tp, struct conn *conn,
				 __u32 arm, __u64 now)
{
	long error = 0;

	switch (set_algorithm(ctx, tp, net_of(tp), arm, &error)) {
	case SETTING_DONE:
		conn->arm = arm;
		conn->settled = 1;
		return true;
	case SETTING_FAILED:
		note_unusable(tp, arm, SCENARIO_NO_ALGORITHM, error, now);
		conn->settled = 0; /* tried again, later */
		return false;
	case SETTING_NOT_ALLOWED:
		note_unusable(tp, arm, SCENARIO_NOT_ALLOWED, 0, now);
		conn->settled = 1;
		return false;
	}
	return false;
}

/* The path of this connection loses: bbr, if it is ours to say. */
static __always_inline void rescue(struct bpf_sock_ops *ctx, struct tcp_sock *tp,
				   struct conn *conn, __u64 now)
{
	__u32 scenario = conn->loss.loss_ppm >= cfg_loss_limits.high_ppm ?
				 SCENARIO_LOSS_ON_PATH :
				 SCENARIO_LOSS_CRIPPLES;
	struct net *net = net_of(tp);
	struct host_key key;
	struct host *host;

	conn->settled = 1;
	if (!has_default_algorithm(tp, net)) {
		count(COUNT_CHOSEN);
		return;
	}
	if (now < unusable_until_ns[ARM_BBR]) {
		conn->settled = 0; /* tried again then */
		return;
	}
	if (!(usable_arms(net, now) & 1 << ARM_BBR))
		return; /* it is the default */
	fill_host_key(&key, ctx, netns_id(net));
	host = remembered_host(&key, net);
	if (!host)
		return;
	count_host(host, now);
	if (bandit_is_worse(&host->bandit, ARM_BBR, now)) {
		count(COUNT_WORSE);
		__builtin_memset(&conn->loss, 0, sizeof(conn->loss));
		conn->settled = 0; /* judged anew: what is known may change */
		return;
	}
	if (!may_act()) {
		count(COUNT_OBSERVED);
		note_loss(tp, host, SCENARIO_LOSS_OBSERVED, &conn->loss, now);
		return;
	}
	look_at_run(conn, tp, now);
	note_run(host, conn, min_rtt_of(tp), now); /* of neither group */
	reward_run_restart(&conn->run);
	if (!give(ctx, tp, conn, ARM_BBR, now))
		return;
	count(COUNT_SWITCHED);
	note_loss(tp, host, scenario, &conn->loss, now);
}

/* ---- seeing connections -------------------------------------------------- */

static __always_inline void ask_for(struct bpf_sock_ops *ctx, int callbacks)
{
	/* Other programs may have asked for callbacks of their own. */
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | callbacks);
}

/* A connection to a host that is known gets what is best for it. */
static __always_inline void choose(struct bpf_sock_ops *ctx, struct bpf_sock *sk,
				   struct tcp_sock *tp, struct host *host, __u64 now)
{
	struct net *net = net_of(tp);
	struct bandit_choice choice = {};
	struct conn *conn;

	if (!may_act() || !has_default_algorithm(tp, net))
		return;
	conn = bpf_sk_storage_get(&conns, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conn)
		return;
	count(COUNT_CONNECTIONS);
	count_host(host, now);
	look_at_run(conn, tp, now);
	if (bpf_get_prandom_u32() % CONTROL_HELD_OUT == 0) {
		conn->group = GROUP_CONTROL;
		conn->settled = 1;
		count(COUNT_CONTROL);
		return;
	}
	choice = bandit_choose(&host->bandit, now, usable_arms(net, now), ARM_BBR,
			       bpf_get_prandom_u32());
	if (choice.arm == ARM_DEFAULT || !give(ctx, tp, conn, choice.arm, now))
		return;
	conn->group = choice.why == BANDIT_BEST ? GROUP_TUNED : GROUP_NONE;
	count(choice.why == BANDIT_BEST ? COUNT_TUNED : COUNT_TRIED);
}

static __always_inline void see_established(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct tcp_sock *tp;
	struct host_key key;
	struct host *host;

	tp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
	if (!tp)
		return;
	fill_host_key(&key, ctx, netns_id(net_of(tp)));
	if (!netns_in_scope(key.netns))
		return;
	ask_for(ctx, BPF_SOCK_OPS_RETRANS_CB_FLAG);
	host = known_host(&key, net_of(tp));
	if (host) {
		ask_for(ctx, BPF_SOCK_OPS_STATE_CB_FLAG);
		choose(ctx, sk, tp, host, bpf_ktime_get_ns());
	}
}

/* ---- looking ------------------------------------------------------------- */

/* Segments that the path has delivered in a round trip, at best: from the
 * kernel's own samples (net/ipv4/tcp_rate.c), forgotten bit by bit. */
static __always_inline void note_path(struct conn *conn, struct tcp_sock *tp)
{
	__u64 delivered = (__u64)tp->rate_delivered * min_rtt_of(tp);
	__u32 us = tp->rate_interval_us;

	conn->path_segments -= conn->path_segments >> 6;
	if (us)
		conn->path_segments = max_u64(conn->path_segments,
					      min_u64(delivered / us, ~0U));
}

static __always_inline void judge_loss(struct bpf_sock_ops *ctx, struct tcp_sock *tp,
				       struct conn *conn, __u64 now)
{
	struct loss_limits limits = {
		.high_ppm = cfg_loss_limits.high_ppm,
		.low_ppm = cfg_loss_limits.low_ppm,
	};
	struct loss_look look = {
		.now_ns = now,
		.sent = tp->data_segs_out,
		.retransmitted = tp->total_retrans,
		.spurious = tp->dsack_dups,
		.recovery = tp->high_seq,
		.srtt_us = tp->srtt_us >> 3,
		.min_rtt_us = lesser_rtt(min_rtt_of(tp), conn->host_rtt_us),
	};
	__u32 verdict = loss_update(&conn->loss, &look, conn->path_segments, &limits);

	count(COUNT_LOST);
	if (verdict == LOSS_QUEUE && !conn->queueing) {
		conn->queueing = 1;
		count(COUNT_QUEUE);
	}
	if (verdict == LOSS_NOISE)
		rescue(ctx, tp, conn, now);
}

/* The connection sends its first segment again. Where others have been to its
 * host, it is known how short round trips there can be. */
static __always_inline void begin_losing(struct bpf_sock_ops *ctx, struct tcp_sock *tp,
					 struct conn *conn)
{
	struct host_key key;
	struct host *host;

	conn->losing = 1;
	count(COUNT_LOSING);
	ask_for(ctx, BPF_SOCK_OPS_STATE_CB_FLAG);
	fill_host_key(&key, ctx, netns_id(net_of(tp)));
	host = known_host(&key, net_of(tp));
	if (host)
		conn->host_rtt_us = host->bandit.min_rtt_us;
}

/* A segment is being sent again. */
static __always_inline void see_retransmission(struct bpf_sock_ops *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	struct bpf_sock *sk = ctx->sk;
	struct tcp_sock *tp;
	struct conn *conn;

	if (!sk || ctx->bytes_acked < SEEN_AFTER_BYTES)
		return;
	conn = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (conn && conn->settled && now < conn->next_look_ns)
		return;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return;
	/* Another program may have asked for the callback. */
	if (!conn && netns_in_scope(netns_id(net_of(tp))))
		conn = bpf_sk_storage_get(&conns, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conn)
		return;
	if (!conn->losing)
		begin_losing(ctx, tp, conn);
	if (now >= conn->next_look_ns) {
		conn->next_look_ns = now + max_u64(125ULL * tp->srtt_us, LOOK_AFTER_NS);
		look_at_run(conn, tp, now);
		note_path(conn, tp);
	}
	if (!conn->settled)
		judge_loss(ctx, tp, conn, now);
}

/* A connection ends: its last run is learned from. */
static __always_inline void see_end(struct bpf_sock_ops *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	struct bpf_sock *sk = ctx->sk;
	struct tcp_sock *tp;
	struct host_key key;
	struct conn *conn;
	struct host *host;

	/* What was sent has arrived, or never will. */
	if (!sk || (ctx->args[0] != TCP_FIN_WAIT1 && ctx->args[1] != TCP_CLOSE))
		return;
	conn = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (!conn || conn->ended)
		return;
	conn->ended = 1;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return;
	fill_host_key(&key, ctx, netns_id(net_of(tp)));
	host = known_host(&key, net_of(tp));
	if (!host || !has_own_algorithm(tp, net_of(tp), conn->arm))
		return;
	look_at_run(conn, tp, now);
	if (!note_run(host, conn, min_rtt_of(tp), now))
		return;
	count(COUNT_BACK);
	note(tp, SCENARIO_DEFAULT_IS_BETTER, BANDIT_BACK_OFF_NS / SECOND_NS, 0);
}

SEC("?sockops")
int conn__sockops(struct bpf_sock_ops *ctx)
{
	switch (ctx->op) {
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		see_established(ctx);
		break;
	case BPF_SOCK_OPS_RETRANS_CB:
		see_retransmission(ctx);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		see_end(ctx);
		break;
	}
	return 1;
}
