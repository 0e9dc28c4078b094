// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * tcp_bbr: a bbr that leaves others their share of a queue.
 *
 * bbr (net/ipv4/tcp_bbr.c) lets twice the path's bandwidth-delay product be in
 * flight. Alone on a path that only matters for a moment. Where it shares a
 * queue with connections that take loss for a full queue, it fills what they
 * free: four flows of it leave four of cubic a twentieth of what is fair, at
 * 100 Mbit/s, 40 ms and a queue of one bandwidth-delay product (measured; why:
 * Ware et al., "Modeling BBR's Interactions with Loss-Based Congestion Control",
 * IMC 2019). A tool that switches connections by itself must not do that to the
 * others on the path.
 *
 * So this is the kernel's bbr, called function by function, with one number
 * changed: in flight is no more than five quarters of the bandwidth-delay
 * product, which is what its own probe for more bandwidth needs, and beside it
 * what bbr grants for segmentation offload and for acknowledgements that come
 * in bunches. The rate is bbr's as before, by pacing.
 *
 * It is registered with the kernel as "bpftune_bbr", and used for nothing but
 * what tcp_conn gives it: it is not on the list of allowed algorithms, so that
 * only an administrator's program could ask for it.
 *
 * How it fails. It needs kernel functions as they are since 6.10 (arguments of
 * cong_control), a BPF JIT, and bbr itself. Without any of them there is no such
 * algorithm, and tcp_conn uses bbr. Where the kernel has a function of its own
 * for a connection that sends again after a pause (7.x), bbr's is not called:
 * one description cannot serve kernels with and without it. bbr then looks for
 * the shortest round trip, for 200 ms, also after a pause of over ten seconds.
 * When the daemon dies the name goes at once; connections that have the
 * algorithm keep it, and the kernel keeps what they need until the last one has
 * ended.
 */
#include "bpf/common/tuner.bpf.h"
#include "policies/tcp_bbr.policy.h"
TUNER_DEFINE_WITH(TCP_BBR, "tcp_bbr", "a bbr that leaves others their share of a queue", TUNER_NONE,
		  TCP_BBR_MODULES, TUNER_NONE);

#include "bpf/common/pure/limits.h"

/* Five quarters: PROBE_BW paces at 1.25 of the bandwidth (bbr_pacing_gain). */
#define IN_FLIGHT_GAIN_Q2 5
/* Segments of the longest burst that bbr's budget counts three times
 * (bbr_quantization_budget), and the two more of a probe. */
#define BURSTS 3
#define PROBE_SEGMENTS 2
#define BW_SCALE 24 /* bbr.bw: segments a microsecond << 24 */
#define RTT_UNKNOWN ~0U
/* include/linux/netdevice.h, GSO_LEGACY_MAX_SIZE: what bbr_tso_segs_goal allows */
#define BURST_MAX_BYTES 65536U

extern void bbr_init(struct sock *sk) __ksym;
extern void bbr_main(struct sock *sk, __u32 ack, int flag, const struct rate_sample *rs) __ksym;
extern __u32 bbr_sndbuf_expand(struct sock *sk) __ksym;
extern __u32 bbr_undo_cwnd(struct sock *sk) __ksym;
extern void bbr_cwnd_event(struct sock *sk, enum tcp_ca_event event) __ksym __weak;
extern __u32 bbr_ssthresh(struct sock *sk) __ksym;
extern __u32 bbr_min_tso_segs(struct sock *sk) __ksym;
extern void bbr_set_state(struct sock *sk, __u8 state) __ksym;

/* Segments in a burst as bbr reckons them, at least two. */
static __always_inline __u32 burst_segments(const struct sock *sk, const struct tcp_sock *tp)
{
	__u32 bytes = min_u64(sk->sk_pacing_rate >> sk->sk_pacing_shift, BURST_MAX_BYTES);
	__u32 mss = tp->mss_cache;

	return mss ? max_u64(bytes / mss, 2) : 2;
}

/* After each acknowledgement, of connections that have this algorithm. */
SEC("?struct_ops")
void BPF_PROG(bbr__struct_ops, struct sock *sk, __u32 ack, int flag, const struct rate_sample *rs)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct bbr *bbr = (struct bbr *)tp->inet_conn.icsk_ca_priv;
	__u64 in_flight;

	bbr_main(sk, ack, flag, rs);
	if (!BPF_CORE_READ_BITFIELD(bbr, full_bw_reached) || bbr->min_rtt_us == RTT_UNKNOWN)
		return; /* it is still starting */
	in_flight = ((__u64)bbr->bw.s[0].v * bbr->min_rtt_us) >> BW_SCALE;
	in_flight = (in_flight * IN_FLIGHT_GAIN_Q2 >> 2) + BURSTS * burst_segments(sk, tp) +
		    PROBE_SEGMENTS + max_u64(bbr->extra_acked[0], bbr->extra_acked[1]);
	if (tp->snd_cwnd > in_flight)
		tp->snd_cwnd = in_flight;
}

SEC("struct_ops")
void BPF_PROG(start, struct sock *sk)
{
	bbr_init(sk);
}

SEC("struct_ops")
__u32 BPF_PROG(ssthresh, struct sock *sk)
{
	return bbr_ssthresh(sk);
}

SEC("struct_ops")
__u32 BPF_PROG(undo_cwnd, struct sock *sk)
{
	return bbr_undo_cwnd(sk);
}

SEC("struct_ops")
__u32 BPF_PROG(sndbuf_expand, struct sock *sk)
{
	return bbr_sndbuf_expand(sk);
}

SEC("struct_ops")
__u32 BPF_PROG(min_tso_segs, struct sock *sk)
{
	return bbr_min_tso_segs(sk);
}

SEC("struct_ops")
void BPF_PROG(set_state, struct sock *sk, __u8 state)
{
	bbr_set_state(sk, state);
}

SEC("struct_ops")
void BPF_PROG(cwnd_event, struct sock *sk, enum tcp_ca_event event)
{
	struct tcp_congestion_ops___tx_start *other = 0;

	if (!bpf_core_field_exists(other->cwnd_event_tx_start))
		bbr_cwnd_event(sk, event);
}

/* Named after the hook. */
SEC(".struct_ops")
struct tcp_congestion_ops bbr = {
	.init = (void *)start,
	.ssthresh = (void *)ssthresh,
	.cong_control = (void *)bbr__struct_ops,
	.undo_cwnd = (void *)undo_cwnd,
	.sndbuf_expand = (void *)sndbuf_expand,
	.min_tso_segs = (void *)min_tso_segs,
	.set_state = (void *)set_state,
	.cwnd_event = (void *)cwnd_event,
	.name = "bpftune_bbr",
};
