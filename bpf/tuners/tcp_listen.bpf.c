// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * tcp_listen: how many connections may wait to be accepted.
 *
 * A listener has two queues. Handshakes under way are requests; completed ones
 * wait in the accept queue until the application takes them. The accept queue
 * holds what the application asked of listen(), cut without a word to
 * net.core.somaxconn of its namespace; when it is full, further handshakes are
 * dropped, and each costs its client a second. The requests are limited by the
 * same number and, only where SYN cookies are switched off, by three quarters
 * of net.ipv4.tcp_max_syn_backlog. SYN cookies are nothing this tuner touches.
 *
 * What is observed. Listeners get a storage when they begin to listen. There
 * socket-ops finds the number that was asked for (tcp_listen_call.bpf.h). A
 * sweep over the storage, once a second while connections arrive and ten times
 * a second while a queue is more than half full, reads what the kernel counts
 * anyway: the queues and the handshakes dropped. Without arrivals nothing
 * runs: no queue overflows without them. Each arrival costs a count; listeners
 * older than the daemon are looked for once, by a visit to each namespace in
 * which a connection arrives.
 *
 * How it is decided (tcp_listen_logic.h). somaxconn goes up when listen() asked
 * for more, to just that; or when an accept queue of that size dropped
 * handshakes and was emptied within a second. An application that takes longer
 * would make more queue into more latency: counted, not helped.
 * tcp_max_syn_backlog goes up when the requests have reached it and as many
 * handshakes are completed in a second as are under way. A flood of SYNs
 * completes none, so it raises neither. Both stay below what a quarter of
 * TCP's memory can hold. Down they go step by step to where we found them, when
 * nothing has asked for or used the upper half for ten minutes.
 *
 * What cannot be known. Of a queue that overflows and is empty again between
 * two looks nothing is seen but the drops; that it was emptied promptly follows
 * from the second between the looks. Handshakes completed are counted for a
 * port, not for a listener. A backlog passed by io_uring, by a 32-bit program
 * or on another architecture than x86-64 and arm64 is not read; the listener's
 * overflows speak for it then. An application that asks for more than 65535
 * asks for whatever there is, which alone is no reason to raise.
 *
 * How it fails. Without memory for a storage a listener is not seen. Where the
 * visit does not work (before 5.15) neither are those older than the daemon.
 */
#include "bpf/common/tuner.bpf.h"
#include "policies/tcp_listen.policy.h"
TUNER_DEFINE(TCP_LISTEN, "tcp_listen", "lets as many connections wait as applications accept");

#include "bpf/common/request.bpf.h"
#include "bpf/tuners/tcp_listen_call.bpf.h"
#include "bpf/tuners/tcp_listen_decide.bpf.h"

#define BEAT_FAST_MS 100   /* while a queue is more than half full */
#define BEAT_BUSY_MS 1000  /* while connections arrive */
#define BEAT_KEEP_MS 30000 /* while a value is raised, or should be */

/* ---- seeing listeners and arrivals --------------------------------------- */

static __always_inline void see_listener(struct bpf_sock *sk)
{
	struct listener *listener =
		bpf_sk_storage_get(&listeners, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!listener)
		return;
	listener->asked = listen_backlog();
	if (!listener->asked)
		count(COUNT_UNREAD);
}

/* The first arrival in a namespace: its older listeners are to be found. */
static __always_inline void see_namespace(__u64 netns, __u32 inode)
{
	struct place whole = {.netns = netns};
	struct request *request;
	__u64 one = 1;

	if (bpf_map_update_elem(&arrivals, &whole, &one, BPF_NOEXIST))
		return; /* seen */
	request = request_begin(REQUEST_VISIT, netns);
	if (!request)
		return;
	request->netns_inode = inode;
	request_send(request, RING_WAKE);
	count(COUNT_VISITS);
}

static __always_inline void see_arrival(__u64 netns, __u32 inode, __u32 port)
{
	struct place place = {.netns = netns, .port = port};
	__u64 *arrived = bpf_map_lookup_elem(&arrivals, &place);
	__u64 one = 1;

	if (arrived) {
		__sync_fetch_and_add(arrived, 1);
		return;
	}
	bpf_map_update_elem(&arrivals, &place, &one, BPF_NOEXIST);
	see_namespace(netns, inode);
}

SEC("?sockops")
int listen__sockops(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct tcp_sock *tp;
	struct net *net;
	__u64 netns;

	if (!sk || (ctx->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB &&
		    ctx->op != BPF_SOCK_OPS_TCP_LISTEN_CB))
		return 1;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 1;
	net = ((struct sock *)tp)->__sk_common.skc_net.net;
	netns = netns_id(net);
	if (!netns_in_scope(netns))
		return 1;
	if (ctx->op == BPF_SOCK_OPS_TCP_LISTEN_CB)
		see_listener(sk);
	else
		see_arrival(netns, net->ns.inum, ctx->local_port);
	if (!news) /* all CPUs read it, so it is written once a sweep */
		news = 1;
	wake_pulse();
	return 1;
}

/* Runs inside a namespace: listeners that have no storage yet. */
SEC("?iter/tcp")
int older__iter_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;

	if (!skc || skc->skc_state != TCP_LISTEN)
		return 0;
	bpf_sk_storage_get(&listeners, skc, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	return 0;
}

/* ---- looking ------------------------------------------------------------- */

static __always_inline void look_at(struct listen_look *look, struct tcp_sock *tp, struct sock *sk,
				    struct net *net, __u64 netns)
{
	struct place place = {.netns = netns, .port = sk->__sk_common.skc_num};
	__u64 *arrived = bpf_map_lookup_elem(&arrivals, &place);

	look->now_ns = bpf_ktime_get_ns();
	look->completed = arrived ? *arrived : 0;
	look->queued = sk->sk_ack_backlog;
	look->most = sk->sk_max_ack_backlog;
	look->drops = sk->sk_drops.counter;
	look->requests = tp->inet_conn.icsk_accept_queue.qlen.counter;
	look->somaxconn = net->core.sysctl_somaxconn;
	look->max_syn_backlog = net->ipv4.sysctl_max_syn_backlog;
	look->syncookies = BPF_CORE_READ_BITFIELD(net, ipv4.sysctl_tcp_syncookies);
}

/* Counts a listener once for each thing that was seen of it. */
static __always_inline void note_once(struct listener *listener, bool seen, __u32 counter)
{
	__u16 bit = 1U << (counter & 15);

	if (!seen || listener->noted & bit)
		return;
	listener->noted |= bit;
	count(counter);
}

static __always_inline void note_finding(struct listener *listener,
					 const struct listen_finding *found)
{
	note_once(listener, true, COUNT_LISTENERS);
	note_once(listener, found->cut, COUNT_CUT);
	note_once(listener, found->overflowed, COUNT_OVERFLOWED);
	note_once(listener, found->slow, COUNT_SLOW);
	note_once(listener, found->own_limit, COUNT_OWN_LIMIT);
	note_once(listener, found->syn_full || found->flooded, COUNT_SYN_FULL);
	if (found->flooded)
		count(COUNT_HELD_FLOOD);
}

static __always_inline void want_somaxconn(const struct state_key *key, __u32 inode, __u16 port,
					   const struct listener *listener,
					   const struct listen_look *look,
					   const struct listen_finding *found)
{
	bool wanted = found->cut || found->overflowed;
	struct listening *l = state_of(&backlogs, key, &blank_listening, wanted);
	struct listen_demand *demand;

	if (!l)
		return;
	l->netns_inode = inode;
	l->seen = look->somaxconn;
	note_need(l, key, look->now_ns, found->need);
	if (!wanted)
		return;
	demand = demand_of(l, key, look->now_ns);
	if (!demand)
		return;
	demand->numbers[2]++; /* listeners held back */
	if (found->need <= demand->need)
		return;
	demand->need = found->need;
	demand->exact = found->cut;
	demand->port = port;
	demand->scenario = found->cut ? SCENARIO_LISTEN_CUT : SCENARIO_ACCEPT_QUEUE_OVERFLOWED;
	demand->numbers[0] = found->cut ? listener->asked : look->most;
	demand->numbers[1] = found->cut ? look->most : found->dropped;
}

static __always_inline void want_syn_backlog(const struct state_key *key, __u32 inode, __u16 port,
					     const struct listen_look *look,
					     const struct listen_finding *found)
{
	struct listening *l = state_of(&backlogs, key, &blank_listening, found->syn_full);
	__u64 need = sat_add(look->requests, found->syn_lost);
	struct listen_demand *demand;

	if (!l)
		return;
	l->netns_inode = inode;
	l->seen = look->max_syn_backlog;
	note_need(l, key, look->now_ns, 2ULL * look->requests);
	if (!found->syn_full)
		return;
	demand = demand_of(l, key, look->now_ns);
	if (!demand || need <= demand->need)
		return;
	demand->need = need;
	demand->port = port;
	demand->scenario = SCENARIO_SYN_QUEUE_FULL;
	demand->numbers[0] = look->requests;
	demand->numbers[1] = found->syn_lost;
	demand->numbers[2] = found->syn_completed;
}

static __always_inline void sweep_listener(struct sock *sk, struct listener *listener)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct listen_look look = {};
	struct listen_finding found;
	struct state_key key = {};
	struct net *net;
	__u16 port;

	if (!tp || sk->__sk_common.skc_state != TCP_LISTEN)
		return;
	net = sk->__sk_common.skc_net.net;
	key.netns = netns_id(net);
	if (!netns_in_scope(key.netns))
		return;
	look_at(&look, tp, sk, net, key.netns);
	found = judge_listener(listener, &look);
	note_finding(listener, &found);
	sweep.waiting += found.waiting;

	port = sk->__sk_common.skc_num;
	key.tuner = tuner_id;
	key.row = TUNABLE_SOMAXCONN;
	want_somaxconn(&key, net->ns.inum, port, listener, &look, &found);
	key.row = TUNABLE_MAX_SYN_BACKLOG;
	want_syn_backlog(&key, net->ns.inum, port, &look, &found);
}

/* ---- the end of a sweep -------------------------------------------------- */

static __always_inline void set_beat(void)
{
	struct beat *beat = own_beat();

	if (!beat)
		return;
	beat->period_ms = sweep.waiting ? BEAT_FAST_MS :
			  news		? BEAT_BUSY_MS :
			  sweep.kept	? BEAT_KEEP_MS :
					  0;
	news = 0;
	beat->asleep = beat->period_ms == BEAT_KEEP_MS || !beat->period_ms;
	/* An arrival since then has found it awake. */
	if (news && beat->asleep)
		beat->period_ms = BEAT_BUSY_MS;
}

static __always_inline void finish_sweep(struct seq_file *seq)
{
	end_sweep();
	set_beat();
	count(COUNT_SWEEPS);
	sweep.waiting = sweep.kept = 0;
}

WALK_SOCKETS(sweep, listeners, sweep_listener, finish_sweep)

/* ---- coming down --------------------------------------------------------- */

WALK_MAP(decay, backlogs, come_down, walk_nothing_done)
