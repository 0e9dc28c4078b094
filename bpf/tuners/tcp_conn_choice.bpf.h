/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * Whose choice a socket's congestion control is, and setting it. Include behind
 * TUNER_DEFINE.
 */
#include "bpf/tuners/tcp_conn_state.bpf.h"

/* include/net/tcp.h: listed in net.ipv4.tcp_allowed_congestion_control */
#define TCP_CONG_NON_RESTRICTED 0x1
/* include/uapi/linux/rtnetlink.h; its place among a route's metrics is one
 * less (include/net/dst.h, dst_metric_raw()) */
#define RTAX_CC_ALGO 16
/* include/net/dst.h: the flags in dst_entry._metrics */
#define DST_METRICS_FLAGS 0x3UL

/* As long as a name in the kernel (TCP_CA_NAME_MAX), filled up with zeros. */
const char arm_names[ARM_COUNT][16] = {"", "bbr", "cubic", "htcp"};

/* The bbr that leaves others their share of a queue, where there is one: see
 * tcp_bbr.bpf.c. */
const char gentle_bbr[16] = "bpftune_bbr";

/* The first eight characters, which tell all algorithms of the kernel and ours
 * apart; names are filled up with zeros. */
static __always_inline __u64 name_of(const struct tcp_congestion_ops *algorithm)
{
	__u64 name = 0;

	bpf_probe_read_kernel(&name, sizeof(name), &algorithm->name);
	return name;
}

static __always_inline bool is_arm(const struct tcp_congestion_ops *algorithm, __u32 arm)
{
	__u64 name = name_of(algorithm);

	return name == *(const __u64 *)arm_names[arm & (ARM_COUNT - 1)] ||
	       (arm == ARM_BBR && name == *(const __u64 *)gentle_bbr);
}

/* Has the route of the socket a congestion control (ip route ... congctl)? */
static __always_inline bool is_chosen_by_route(struct sock *sk)
{
	unsigned long metrics = BPF_CORE_READ(sk, sk_dst_cache, _metrics) & ~DST_METRICS_FLAGS;
	__u32 algorithm = 0;

	if (!metrics)
		return false;
	bpf_probe_read_kernel(&algorithm, sizeof(algorithm),
			      (const __u32 *)metrics + RTAX_CC_ALGO - 1);
	return algorithm != 0;
}

/*
 * Is its congestion control nobody's choice but the namespace's default? An
 * application that sets it, on the socket or on the listener that the socket
 * came from, leaves icsk_ca_setsockopt behind, also when it asks for what is
 * the default (tcp_set_congestion_control(), net/ipv4/tcp_cong.c); so do other
 * BPF programs, and so do we.
 */
static __always_inline bool has_default_algorithm(struct tcp_sock *tp, struct net *net)
{
	return !BPF_CORE_READ_BITFIELD(tp, inet_conn.icsk_ca_setsockopt) &&
	       tp->inet_conn.icsk_ca_ops == net->ipv4.tcp_congestion_control &&
	       !is_chosen_by_route((struct sock *)tp);
}

/* Does the socket still have the algorithm that we know it to have? */
static __always_inline bool has_own_algorithm(struct tcp_sock *tp, struct net *net, __u32 arm)
{
	return arm == ARM_DEFAULT ? has_default_algorithm(tp, net) :
				    is_arm(tp->inet_conn.icsk_ca_ops, arm);
}

/* Which arms there are at the moment: bit n for arm n. */
static __always_inline __u32 usable_arms(struct net *net, __u64 now)
{
	__u32 arms = 1 << ARM_DEFAULT;

	for (__u32 arm = ARM_BBR; arm < ARM_COUNT; arm++)
		if (now >= unusable_until_ns[arm] && !is_arm(net->ipv4.tcp_congestion_control, arm))
			arms |= 1 << arm;
	return arms;
}

enum setting {
	SETTING_DONE,
	SETTING_FAILED,	     /* the kernel has no such algorithm */
	SETTING_NOT_ALLOWED, /* the administrator does not list it */
};

static __always_inline long set_name(struct bpf_sock_ops *ctx, const char *algorithm)
{
	char name[16];

	__builtin_memcpy(name, algorithm, sizeof(name));
	return bpf_setsockopt(ctx, SOL_TCP, TCP_CONGESTION, name, sizeof(name));
}

static __always_inline void set_default(struct bpf_sock_ops *ctx, struct net *net)
{
	char name[16] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), &net->ipv4.tcp_congestion_control->name);
	set_name(ctx, name);
}

/*
 * Gives the socket, which has the default, the algorithm of an arm; of bbr the
 * gentle one, if bbr itself may be used. bpf_setsockopt() may use what
 * net.ipv4.tcp_allowed_congestion_control does not list; that list is a flag of
 * each algorithm, so it is looked at when the socket has the algorithm.
 */
static __always_inline enum setting set_algorithm(struct bpf_sock_ops *ctx, struct tcp_sock *tp,
						  struct net *net, __u32 arm, long *error)
{
	*error = set_name(ctx, arm_names[arm & (ARM_COUNT - 1)]);
	if (*error)
		return SETTING_FAILED;
	if (!(tp->inet_conn.icsk_ca_ops->flags & TCP_CONG_NON_RESTRICTED)) {
		set_default(ctx, net);
		return SETTING_NOT_ALLOWED;
	}
	if (arm == ARM_BBR)
		set_name(ctx, gentle_bbr); /* or it keeps what it has */
	return SETTING_DONE;
}
