/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * The kernel types that our programs touch, and nothing else. Kernel
 * structures carry preserve_access_index: libbpf moves every access to where
 * the field is on the running kernel, so only names matter here, not layout.
 * //testing/core_compat holds each field against the running kernel's BTF.
 *
 * Contexts and constants at the end are user-space ABI: their layout and
 * values are fixed by include/uapi/linux/bpf.h.
 */
#include "bpf/common/types.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct rb_node;

struct rb_root {
	struct rb_node *rb_node;
};

struct minmax_sample {
	__u32 v;
};

struct minmax {
	struct minmax_sample s[3];
};

struct list_head {
	struct list_head *next;
};

struct proc_ns_operations;

struct ns_common {
	const struct proc_ns_operations *ops;
	unsigned int inum;
};

struct netns_core {
	int sysctl_somaxconn;
};

struct sock;

/* Known by name only, but whole: a function's arguments are compared. */
struct rate_sample {
	int losses;
};

enum tcp_ca_event { CA_EVENT_TX_START };

struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*set_state)(struct sock *sk, __u8 state);
	void (*cwnd_event)(struct sock *sk, enum tcp_ca_event event);
	__u32 (*undo_cwnd)(struct sock *sk);
	__u32 (*min_tso_segs)(struct sock *sk);
	/* fewer arguments before 6.10 (57bfc7605ca5) */
	void (*cong_control)(struct sock *sk, __u32 ack, int flag, const struct rate_sample *rs);
	__u32 (*sndbuf_expand)(struct sock *sk);
	void (*init)(struct sock *sk);
	char name[16];
	__u32 flags;
};

/* What was one of the events has a function of its own on some kernels. */
struct tcp_congestion_ops___tx_start {
	void (*cwnd_event_tx_start)(struct sock *sk);
};

/* net/ipv4/tcp_bbr.c; in icsk_ca_priv of a connection that has it */
struct bbr {
	__u32 min_rtt_us;
	struct minmax bw;
	__u32 full_bw_reached : 1; /* read as a field */
	__u16 extra_acked[2];
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__s64 counter;
} atomic64_t;

typedef atomic64_t atomic_long_t;

struct rhashtable {
	atomic_t nelems;
};

/* Fragments of one family in one namespace; a pointer to it since 5.3. */
struct fqdir {
	long high_thresh;
	struct rhashtable rhashtable; /* datagrams that wait for fragments */
	atomic_long_t mem;	      /* bytes, with what the kernel adds to them */
};

struct netns_ipv4 {
	struct fqdir *fqdir;
	const struct tcp_congestion_ops *tcp_congestion_control; /* the default */
	int sysctl_tcp_wmem[3];
	int sysctl_tcp_rmem[3];
	int sysctl_max_syn_backlog;
	__u8 sysctl_tcp_syncookies; /* an int before 5.13: read as a field */
};

struct percpu_counter {
	__s64 count; /* without what is still on single CPUs */
};

struct dst_ops {
	unsigned int gc_thresh;
	struct percpu_counter pcpuc_entries;
};

/* gc() returned whether the limit was reached, until there was none any more:
 * 6.3 (af6d10345ca7), and later versions of 4.19 to 6.1, which have that too. */
struct dst_ops___limited {
	int (*gc)(struct dst_ops *ops);
};

struct netns_sysctl_ipv6 {
	int ip6_rt_max_size;
};

struct netns_ipv6 {
	struct netns_sysctl_ipv6 sysctl;
	struct dst_ops ip6_dst_ops;
	struct fqdir *fqdir;
};

/* net_cookie: u64 and set at creation since 5.12 (3d368ab87cf6); before that
 * an atomic64_t that is zero until somebody asks. See netns.bpf.h. */
struct net {
	__u64 net_cookie;
	struct net_device *loopback_dev;
	struct list_head list; /* of all; under RCU */
	struct ns_common ns;
	struct netns_core core;
	struct netns_ipv4 ipv4;
	struct netns_ipv6 ipv6;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in_device;
struct inet6_dev;
struct net_device {
	char name[16];
	struct in_device *ip_ptr;
	struct inet6_dev *ip6_ptr;
	possible_net_t nd_net;
};

struct sk_buff {
	struct net_device *dev;
	__be16 protocol;
};

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__u16 skc_num; /* local port */
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
};

/* A pointer to the metrics, of which the lowest two bits are flags. */
struct dst_entry {
	unsigned long _metrics;
};

struct sock {
	struct sock_common __sk_common;
	struct dst_entry *sk_dst_cache;
	int sk_rcvbuf;
	int sk_sndbuf;
	int sk_wmem_queued;
	int sk_rcvlowat;
	unsigned long sk_pacing_rate; /* bytes a second */
	__u8 sk_pacing_shift;
	atomic_t sk_drops;
	__u32 sk_ack_backlog;	  /* a listener's connections not yet accepted */
	__u32 sk_max_ack_backlog; /* more than so many is too many */
	__u8 sk_userlocks : 4; /* a whole byte in some versions: read as a field */
};

struct tcp_options_received {
	__u16 rcv_wscale : 4;
};

struct request_sock_queue {
	atomic_t qlen; /* handshakes under way */
};

struct inet_connection_sock {
	struct request_sock_queue icsk_accept_queue;
	const struct tcp_congestion_ops *icsk_ca_ops;
	__u64 icsk_ca_priv[1];
	__u8 icsk_ca_setsockopt : 1; /* somebody chose it: read as a field */
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	struct tcp_options_received rx_opt;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u32 delivered;
	__u32 data_segs_out;  /* retransmissions too */
	__u32 total_retrans;  /* of them */
	__u32 dsack_dups;     /* segments that arrived twice */
	__u32 high_seq;	      /* snd_nxt when the last recovery began */
	__u32 rate_delivered; /* segments in the last sample of delivery ... */
	__u32 rate_interval_us;
	__u32 chrono_start; /* jiffies */
	__u32 chrono_stat[3];
	__u8 chrono_type : 2; /* a whole byte in some versions: read as a field */
	__u32 mss_cache;
	__u32 srtt_us; /* smoothed round trip time << 3 */
	struct minmax rtt_min;
	__u32 snd_cwnd;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 rcv_wnd;
	struct rb_root out_of_order_queue;
	struct {
		__u32 rtt_us; /* << 3 */
	} rcv_rtt_est;
};

/* scaling_ratio: from 6.6 (dfa2f0483360); before that the sysctl
 * tcp_adv_win_scale, which by default leaves half of the buffer. */
struct tcp_sock___scaling {
	__u8 scaling_ratio;
};

struct nsproxy {
	struct net *net_ns;
};

/* Of a family: its neighbours, in all namespaces. */
struct neigh_table {
	int family;
	int gc_thresh1;
	int gc_thresh2;
	int gc_thresh3;
	atomic_t gc_entries; /* those that count against gc_thresh3 */
};

/* data: values of sysctls, 13 of them; from 6.0 on 14 (211da42eaa45). */
struct neigh_parms {
	struct neigh_table *tbl;
	int data[13];
};

struct in_device {
	struct neigh_parms *arp_parms;
};

struct inet6_dev {
	struct neigh_parms *nd_parms;
};

struct sk_buff_head {
	__u32 qlen;
};

struct neighbour {
	struct neigh_table *tbl;
	struct neigh_parms *parms;
	unsigned int arp_queue_len_bytes;
	struct sk_buff_head arp_queue; /* what waits for the address */
	__u8 nud_state;
	struct net_device *dev;
};

/* Each kernel has the registers of its own machine. */
struct pt_regs___on_x86 {
	unsigned long si;
	unsigned long orig_ax;
	unsigned long cs; /* 16 bits and others behind them from 6.9 */
};

struct pt_regs___on_arm64 {
	__u64 regs[31];
	__u64 pstate;
	int syscallno;
};

struct task_struct {
	void *stack;
	int tgid;
	char comm[16];
	struct nsproxy *nsproxy;
};

struct seq_file;
struct bpf_map;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};

struct file;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

struct socket {
	struct sock *sk;
};

#pragma clang attribute pop

struct bpf_sock;

/* include/uapi/linux/bpf.h */
struct bpf_sock_ops {
	__u32 op;
	union {
		__u32 args[4];
		__u32 reply;
		__u32 replylong[4];
	};
	__u32 family;
	__u32 remote_ip4;
	__u32 local_ip4;
	__u32 remote_ip6[4];
	__u32 local_ip6[4];
	__u32 remote_port;
	__u32 local_port;
	__u32 is_fullsock;
	__u32 snd_cwnd;
	__u32 srtt_us;
	__u32 bpf_sock_ops_cb_flags;
	__u32 state;
	__u32 rtt_min;
	__u32 snd_ssthresh;
	__u32 rcv_nxt;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 mss_cache;
	__u32 ecn_flags;
	__u32 rate_delivered;
	__u32 rate_interval_us;
	__u32 packets_out;
	__u32 retrans_out;
	__u32 total_retrans;
	__u32 segs_in;
	__u32 data_segs_in;
	__u32 segs_out;
	__u32 data_segs_out;
	__u32 lost_out;
	__u32 sacked_out;
	__u32 sk_txhash;
	__u64 bytes_received;
	__u64 bytes_acked;
	struct bpf_sock *sk;
};

struct bpf_sysctl {
	__u32 write;
	__u32 file_pos;
};

struct bpf_sockopt {
	struct bpf_sock *sk;
	void *optval;
	void *optval_end;
	__s32 level;
	__s32 optname;
	__s32 optlen;
	__s32 retval;
};

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_NO_PREALLOC = 1,
	BPF_SK_STORAGE_GET_F_CREATE = 1,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};

enum {
	BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB = 4,
	BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB = 5,
	BPF_SOCK_OPS_RETRANS_CB = 9,
	BPF_SOCK_OPS_STATE_CB = 10,
	BPF_SOCK_OPS_TCP_LISTEN_CB = 11,
	BPF_SOCK_OPS_RTT_CB = 12,
};

/* bpf_sock_ops.bpf_sock_ops_cb_flags */
enum {
	BPF_SOCK_OPS_RETRANS_CB_FLAG = 1 << 1,
	BPF_SOCK_OPS_STATE_CB_FLAG = 1 << 2,
	BPF_SOCK_OPS_RTT_CB_FLAG = 1 << 3,
};

enum {
	AF_INET = 2,
	AF_INET6 = 10,
	ETH_P_IP = 0x0800,
	ETH_P_IPV6 = 0x86dd,
	TCP_ESTABLISHED = 1,
	TCP_FIN_WAIT1 = 4,
	TCP_CLOSE = 7,
	TCP_LISTEN = 10,
	SOL_SOCKET = 1,
	SOL_TCP = 6,
	TCP_CONGESTION = 13,
	SO_SNDBUF = 7,
	SO_RCVBUF = 8,
	SO_RCVLOWAT = 18,
	/* tcp_sock.chrono_type, include/net/tcp.h */
	TCP_CHRONO_BUSY = 1,
	/* neighbour.nud_state, include/uapi/linux/neighbour.h; VALID: with an
	 * address, include/net/neighbour.h */
	NUD_INCOMPLETE = 0x01,
	NUD_VALID = 0xde,
	/* sk_userlocks, include/net/sock.h */
	SOCK_SNDBUF_LOCK = 1,
	SOCK_RCVBUF_LOCK = 2,
	/* include/uapi/asm-generic/errno.h */
	ENOMEM = 12,
	ENOBUFS = 105,
};

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
