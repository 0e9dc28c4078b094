/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What is known of a host, and what a run of a connection adds to it. Include
 * behind TUNER_DEFINE.
 */
#include "bpf/tuners/tcp_conn_choice.bpf.h"

#define IPV4_MAPPED __builtin_bswap32(0xffff) /* third word of ::ffff:a.b.c.d */

static __always_inline void fill_host_key(struct host_key *key, struct bpf_sock_ops *ctx,
					  __u64 netns)
{
	__u32 a = ctx->remote_ip6[0], b = ctx->remote_ip6[1], c = ctx->remote_ip6[2];

	key->netns = netns;
	key->family = AF_INET;
	key->prefix = ctx->remote_ip4;
	if (ctx->family != AF_INET6)
		return;
	if (!a && !b && c == IPV4_MAPPED) {
		key->prefix = ctx->remote_ip6[3];
		return;
	}
	key->family = AF_INET6;
	key->prefix = a | (__u64)b << 32;
}

/* NULL: nothing is known of it. What was learned against another default is
 * forgotten here. */
static __always_inline struct host *known_host(const struct host_key *key, struct net *net)
{
	struct host *host = bpf_map_lookup_elem(&hosts, key);
	__u64 fallback = (__u64)net->ipv4.tcp_congestion_control;

	if (!host || host->fallback == fallback)
		return host;
	__builtin_memset(&host->bandit, 0, sizeof(host->bandit));
	__builtin_memset(&host->control, 0, sizeof(host->control));
	host->fallback = fallback;
	count(COUNT_DEFAULTS);
	return host;
}

/* The host, from now on known. NULL: no room. */
static __always_inline struct host *remembered_host(const struct host_key *key, struct net *net)
{
	struct host *host = known_host(key, net);

	if (host)
		return host;
	bpf_map_update_elem(&hosts, key, &blank_host, BPF_NOEXIST);
	host = bpf_map_lookup_elem(&hosts, key);
	if (host)
		host->fallback = (__u64)net->ipv4.tcp_congestion_control;
	return host;
}

/* Counts a host once, also if an earlier daemon has left it to us. */
static __always_inline void count_host(struct host *host, __u64 now)
{
	if (!began_ns)
		began_ns = now;
	if (host->counted_ns >= began_ns)
		return;
	host->counted_ns = now;
	count(COUNT_HOSTS);
}

static __always_inline __u32 min_rtt_of(const struct tcp_sock *tp)
{
	__u32 us = tp->rtt_min.s[0].v;

	return us == ~0U ? 0 : us;
}

/* 0: not known. */
static __always_inline __u32 lesser_rtt(__u32 a, __u32 b)
{
	return a && (!b || a < b) ? a : b;
}

/* Jiffies so far in which the congestion window was what it waited for, not
 * the application, the peer's window or the send buffer (tcp_chrono_set(),
 * net/ipv4/tcp_output.c). Wraps. */
static __always_inline __u32 window_limited_jiffies(struct tcp_sock *tp, __u32 now)
{
	__u32 sum = tp->chrono_stat[TCP_CHRONO_BUSY - 1];

	if (BPF_CORE_READ_BITFIELD(tp, chrono_type) == TCP_CHRONO_BUSY)
		sum += now - tp->chrono_start;
	return sum;
}

/* Adds what happened since the last look to the run. */
static __always_inline void look_at_run(struct conn *conn, struct tcp_sock *tp, __u64 now_ns)
{
	__u32 jiffies = bpf_jiffies64();
	__u32 limited = window_limited_jiffies(tp, jiffies);
	struct reward_look look = {
		.now_ns = now_ns,
		.bytes_acked = tp->bytes_acked,
		.sent = tp->data_segs_out,
		.retransmitted = tp->total_retrans,
		.spurious = tp->dsack_dups,
		.srtt_us = tp->srtt_us >> 3,
		/* A quarter of the time: not counted at all. */
		.limited = 4ULL * (limited - conn->limited_then) <
			   3ULL * (jiffies - conn->jiffies_then),
	};

	reward_run_add(&conn->run, &look);
	conn->jiffies_then = jiffies;
	conn->limited_then = limited;
}

/* Adds a run to one group's sums. Only of hosts that have both groups: where the
 * default is best, there is only a control group. */
static __always_inline void count_compared(const struct host *host, const struct reward_run *run,
					   __u32 kib, __u32 ms)
{
	if (!host->control.groups[CONTROL_GROUP_DEFAULT].weight ||
	    !host->control.groups[CONTROL_GROUP_TUNED].weight)
		return;
	count_more(kib, run->bytes >> 10);
	count_more(ms, run->busy_us / 1000);
}

/* A run has ended: what it says about the host. True: the host goes back to
 * the default, since what it got instead is worse. */
static __always_inline bool note_run(struct host *host, struct conn *conn, __u32 min_rtt_us,
				     __u64 now)
{
	struct reward_run *run = &conn->run;
	__u32 reward, rate;

	min_rtt_us = lesser_rtt(host->bandit.min_rtt_us, min_rtt_us);
	if (!reward_is_known(run, min_rtt_us))
		return false;
	count(COUNT_RUNS);
	reward = reward_q8(run, min_rtt_us);
	rate = reward_rate_q8(run);
	bandit_note(&host->bandit, now, conn->arm, reward, run->bytes, reward_loss_ppm(run),
		    min_rtt_us);
	if (conn->group == GROUP_CONTROL) {
		control_note(&host->control, CONTROL_GROUP_DEFAULT, reward, rate);
		count_compared(host, run, COUNT_CONTROL_KIB, COUNT_CONTROL_MS);
	} else if (conn->group == GROUP_TUNED) {
		control_note(&host->control, CONTROL_GROUP_TUNED, reward, rate);
		count_compared(host, run, COUNT_TUNED_KIB, COUNT_TUNED_MS);
	}
	if (!control_says_worse(&host->control))
		return false;
	bandit_back_off(&host->bandit, now);
	__builtin_memset(&host->control, 0, sizeof(host->control));
	return true;
}
