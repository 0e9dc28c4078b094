// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * tcp_buffer: how large TCP's buffers may become.
 *
 * The kernel sizes the buffers of each connection itself, up to
 * net.ipv4.tcp_rmem[2] and tcp_wmem[2]. A connection can have no more in
 * flight than its buffers hold, so on a long fast path the limit is the speed:
 * with the old default of 6 MB, 1 Gbit/s over 100 ms ends at a third of it.
 * Set generously instead, every connection may fill the queue of its
 * bottleneck, and hundreds of them all memory.
 *
 * What is observed. No program sits on the path of a packet. A connection that
 * carries data is given a storage; a sweep over that storage map, ten times a
 * second while something happens and at most once a second otherwise, reads
 * what the kernel has measured in tcp_sock anyway. A connection that has not
 * moved since the last look costs three loads.
 *
 * How it is decided (tcp_buffer_logic.h, tcp_buffer_raise_logic.h). A connection is held back by a
 * tunable when its buffer has reached the cap and the other side of the story
 * agrees: a sender must have filled it while its congestion window would take
 * more, a receiver's application must read promptly. What it needs is what the
 * path holds, rate times *shortest* round trip, with headroom; so a queue that
 * our own buffer fills does not count as need. At the end of a sweep each
 * namespace takes one decision per tunable, for the connection that needs
 * most: raise, at most doubling, never over a share of what the kernel grants
 * TCP (tcp_mem). It does not raise while TCP memory is short, nor for a
 * connection that already keeps a queue standing, unless latency has been seen
 * not to follow the buffer.
 *
 * How far is a matter of strategy (tcp_buffer_raise_logic.h): to a quarter over
 * the measured need; or, in case that measures too much, by the learned step,
 * again and again until the need is met.
 *
 * Every raise is judged (tcp_buffer_trial_logic.h): the connections that asked
 * for it are compared with themselves, and one that helped nobody is taken
 * back. That scores the strategy (tcp_buffer_score_logic.h); after an hour, and
 * when there was enough to judge, it is the other one's turn, then the better's.
 *
 * Near the limit of TCP's memory (tcp_buffer_memory_logic.h) tcp_mem grows while
 * the machine has memory; where it cannot, all buffers come down.
 *
 * Down it goes when round trips follow the buffer (r >= 0.9, and two and a half
 * times the shortest), never below what connections need; and step by step to
 * where we found it, when nothing has needed the upper half for ten minutes.
 *
 * What cannot be known. The need of a connection that is held back is known
 * from below only, hence doubling. The window scale of a connection is fixed
 * in its SYN: past 65535 << scale only new connections profit. Whether the
 * peer's buffers are the limit cannot be seen; then the need stays below the
 * cap and nothing is raised.
 *
 * A receive buffer can stop following raises: the kernel's autotuning grows it
 * only when more was copied in a round trip than ever before, and a full
 * window makes both equal. The visit program then raises SO_RCVLOWAT to the
 * most and puts it back at once, which makes the kernel (tcp_set_rcvlowat(),
 * since 6.1 from BPF) enlarge the buffer without ending its autotuning.
 * Sockets that use SO_RCVLOWAT themselves are left alone.
 *
 * How it fails. Without storage (no memory) a connection is not seen; another
 * program that replaces the callback flags of our sockets, rather than adding
 * to them, hides their senders. Without the visit hook a stalled connection
 * stays as it is. A request that finds the
 * ring full is counted and made again by the next sweep. When the daemon dies,
 * its programs and storage go with it; the values stay.
 */
#include "bpf/common/tuner.bpf.h"
#include "policies/tcp_buffer.policy.h"
TUNER_DEFINE_STRATEGIES(TCP_BUFFER, "tcp_buffer",
			"sizes TCP's buffers by what the paths in use really hold");

#include "bpf/common/request.bpf.h"
#include "bpf/tuners/tcp_buffer_state.bpf.h"
#include "bpf/tuners/tcp_buffer_decay.bpf.h"
#include "bpf/tuners/tcp_buffer_decide.bpf.h"
#include "bpf/tuners/tcp_buffer_visit.bpf.h"

#define BEAT_FAST_MS 100  /* while something is held back, or new */
#define BEAT_BUSY_MS 1000 /* while connections carry data */
#define BEAT_IDLE_MS 2000 /* while connections exist */

/* ---- seeing connections ------------------------------------------------- */

/*
 * A storage costs 0.5 to 0.9 us to make, ten times all the rest of a short
 * connection. So a connection gets one when it has carried data: a sender from
 * a callback once a round trip, which it asks for when it is established and
 * ends with the storage; a receiver when its buffer grows for the first time
 * (6.16). Where that tracepoint is not to be had, each connection gets one
 * when it is established, since it may turn out to be a receiver. Those that
 * are older than the daemon are found by the visit, once.
 */
static __always_inline bool receivers_are_seen(void)
{
	return tuner_hooks & (1U << HOOK_ROW_GROW);
}

static __always_inline void see_sender(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	if (!sk)
		return;
	bpf_sk_storage_get(&flows, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	wake_pulse();
}

SEC("?sockops")
int flow__sockops(struct bpf_sock_ops *ctx)
{
	/* Other programs may have asked for callbacks of their own. */
	int flags = ctx->bpf_sock_ops_cb_flags;

	switch (ctx->op) {
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		count(COUNT_ESTABLISHED);
		if (receivers_are_seen())
			bpf_sock_ops_cb_flags_set(ctx, flags | BPF_SOCK_OPS_RTT_CB_FLAG);
		else
			see_sender(ctx);
		break;
	case BPF_SOCK_OPS_RTT_CB:
		if (ctx->bytes_acked < SEEN_AFTER_BYTES)
			break;
		bpf_sock_ops_cb_flags_set(ctx, flags & ~BPF_SOCK_OPS_RTT_CB_FLAG);
		see_sender(ctx);
		break;
	}
	return 1;
}

/* An application has read more in a round trip than ever before. */
SEC("?tp_btf/tcp_rcvbuf_grow")
int BPF_PROG(grow__tp_btf, struct sock *sk)
{
	bpf_sk_storage_get(&flows, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	wake_pulse();
	return 0;
}

/* ---- looking ------------------------------------------------------------ */

static __always_inline void look_at(struct look *look, struct sock *sk, struct tcp_sock *tp)
{
	struct tcp_sock___scaling *scaling = (void *)tp;
	__u32 min_rtt_us = tp->rtt_min.s[0].v;
	__u8 locks = BPF_CORE_READ_BITFIELD(sk, sk_userlocks);

	look->delivered_segments = tp->delivered;
	look->mss = tp->mss_cache;
	look->srtt_us = tp->srtt_us >> 3;
	look->min_rtt_us = min_rtt_us == ~0U ? 0 : min_rtt_us;
	look->receive_rtt_us = tp->rcv_rtt_est.rtt_us >> 3;
	look->cwnd_segments = tp->snd_cwnd;
	look->sndbuf = sk->sk_sndbuf;
	look->rcvbuf = sk->sk_rcvbuf;
	look->send_queued = sk->sk_wmem_queued;
	look->unread = tp->rcv_nxt - tp->copied_seq;
	look->window = tp->rcv_wnd;
	look->window_scale = BPF_CORE_READ_BITFIELD(tp, rx_opt.rcv_wscale);
	look->out_of_order = tp->out_of_order_queue.rb_node != NULL;
	look->scaling_ratio = 0;
	if (bpf_core_field_exists(scaling->scaling_ratio))
		look->scaling_ratio = scaling->scaling_ratio;
	look->locked = !!(locks & (look->side == RECEIVING ? SOCK_RCVBUF_LOCK : SOCK_SNDBUF_LOCK));
}

/* Counts a connection once for each thing that was seen of it. */
static __always_inline void note_once(struct flow *flow, bool seen, __u32 counter)
{
	__u16 bit = 1U << (counter & 15);

	if (!seen || flow->noted & bit)
		return;
	flow->noted |= bit;
	count(counter);
}

static __always_inline void note_finding(struct flow *flow, const struct look *look,
					 const struct finding *found)
{
	note_once(flow, true, COUNT_FLOWS);
	note_once(flow, found->limited && look->side == SENDING, COUNT_SEND_LIMITED);
	note_once(flow, found->limited && look->side == RECEIVING, COUNT_RECEIVE_LIMITED);
	note_once(flow, found->scale_limited, COUNT_SCALE_LIMITED);
	note_once(flow, found->slow_reader, COUNT_SLOW_READER);
	note_once(flow, found->locked, COUNT_LOCKED);
	note_once(flow, found->app_limited, COUNT_APP_LIMITED);
	note_once(flow, found->queueing, COUNT_QUEUEING);
}

/* The learning of {namespace, tunable}, to be decided about. NULL when there is
 * none and none is `wanted`, or no room. */
static __always_inline struct learning *learning_of(const struct state_key *key, bool wanted)
{
	struct learning *l = state_of(&learning, key, &blank_learning, wanted);

	return l && touch(key, &l->demand) ? l : NULL;
}

static __always_inline void add_demand(struct learning *l, struct sock *sk, struct flow *flow,
				       const struct look *look, const struct finding *found)
{
	struct demand *demand = &l->demand;

	note_latency(&l->latency, flow, found);
	if (l->trial.cap_before)
		hear(l, flow, look, found);
	demand->need_of_any = max_u64(demand->need_of_any, found->need);
	if (found->bloated && found->rtt_us > demand->bloated_rtt_us) {
		demand->bloated_rtt_us = found->rtt_us;
		demand->bloated_min_rtt_us = found->min_rtt_us;
		if (!demand->limited)
			copy_peer(sk, &demand->peer_family, demand->peer);
	}
	if (!found->limited || !falls_short(look->cap, found->need))
		return;
	if (l->in_vain.in_row && held_in_vain(&l->in_vain, sk, found->need, look->now_ns)) {
		note_once(flow, true, COUNT_HELD_IN_VAIN);
		return;
	}
	note_asking(l, flow, look, found);
	sweep.urgent++;
	demand->limited++;
	if (found->need <= demand->need)
		return;
	demand->need = found->need;
	demand->rate = found->rate;
	demand->rtt_us = found->rtt_us;
	demand->min_rtt_us = found->min_rtt_us;
	demand->scale_limited = found->scale_limited;
	demand->queueing = found->queueing;
	copy_peer(sk, &demand->peer_family, demand->peer);
}

/* Asks for the visit program to run in this namespace, once a sweep. */
static __always_inline void ask_for_visit(struct learning *l, struct flow *flow, __u64 netns)
{
	struct request *request;

	if (!visits_helped && visits_in_vain >= VISITS_TO_TRY)
		return;
	flow->wants_visit = 1;
	if (l->demand.visit_asked)
		return;
	request = request_begin(REQUEST_VISIT, netns);
	if (!request)
		return;
	request->netns_inode = l->netns_inode;
	request_send(request, RING_QUIET);
	l->demand.visit_asked = 1;
}

/* What the namespace's tunable is now. */
static __always_inline void note_tunable(struct learning *l, struct net *net, __u32 side)
{
	for (int i = 0; i < 3; i++)
		l->seen[i] = side == RECEIVING ? net->ipv4.sysctl_tcp_rmem[i] :
						 net->ipv4.sysctl_tcp_wmem[i];
	l->netns_inode = net->ns.inum;
}

static __always_inline void sweep_socket(struct sock *sk, struct flow *flow)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct state_key key = {};
	struct finding *found = &sweep.found;
	struct look *look = &sweep.look;
	struct learning *l;
	struct net *net;
	bool moved;

	if (!tp || sk->__sk_common.skc_state != TCP_ESTABLISHED)
		return;
	sweep.sockets++;
	look->now_ns = bpf_ktime_get_ns();
	look->received_bytes = tp->bytes_received;
	look->acked_bytes = tp->bytes_acked;
	moved = flow_moved(flow, look->now_ns, look->received_bytes, look->acked_bytes);
	if (!moved) {
		sweep.urgent += !flow->first_buffer && look->now_ns < flow->follow_until_ns;
		if (!sweep.memory_short)
			return;
	}
	net = sk->__sk_common.skc_net.net;
	key.netns = netns_id(net);
	if (!netns_in_scope(key.netns))
		return;
	key.tuner = tuner_id;
	look->side = look->received_bytes > look->acked_bytes ? RECEIVING : SENDING;
	key.row = look->side == RECEIVING ? TUNABLE_TCP_RMEM : TUNABLE_TCP_WMEM;
	if (!moved) { /* memory is short, and it may hold some */
		l = learning_of(&key, true);
		if (l)
			note_tunable(l, net, look->side);
		return;
	}
	sweep.moving++;
	sweep.urgent += look->now_ns < flow->follow_until_ns;
	look_at(look, sk, tp);
	look->cap = look->side == RECEIVING ? net->ipv4.sysctl_tcp_rmem[2] :
					    net->ipv4.sysctl_tcp_wmem[2];
	barrier();
	*found = judge(flow, look);
	barrier();
	if (!found->judged)
		return;
	note_finding(flow, look, found);

	l = learning_of(&key, found->limited || found->queueing || sweep.memory_short);
	if (!l)
		return;
	note_tunable(l, net, look->side);
	add_demand(l, sk, flow, look, found);
	if (has_stalled(flow, look, found))
		ask_for_visit(l, flow, key.netns);
	if (look->side == RECEIVING && found->limited && !flow->waiting_buffer)
		wait_for_growth(flow, look);
	sweep.urgent += flow->waiting_buffer && found->limited;
}

/* ---- the end of a sweep -------------------------------------------------- */

/* While no connection carries data. */
static __always_inline bool wanted_at_rest(__u64 now)
{
	return sweep.sockets || now - sweep.memory_moved_ns < cfg_memory_watch_ns;
}

static __always_inline void finish_sweep(struct seq_file *seq)
{
	struct beat *beat = own_beat();
	__u64 now = bpf_ktime_get_ns();

	look_at_memory(now);
	end_sweep();
	if (beat) {
		/* A connection that is held back is looked at again soon,
		 * also while the last raise is showing its effect. */
		beat->period_ms = sweep.urgent	  ? BEAT_FAST_MS :
				  sweep.moving	  ? BEAT_BUSY_MS :
				  wanted_at_rest(now) ? BEAT_IDLE_MS :
							0;
		beat->asleep = beat->period_ms != BEAT_FAST_MS;
	}
	count(COUNT_SWEEPS);
	sweep.sockets = sweep.moving = sweep.urgent = 0;
}

WALK_SOCKETS(sweep, flows, sweep_socket, finish_sweep)
