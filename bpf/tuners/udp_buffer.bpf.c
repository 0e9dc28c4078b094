// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * udp_buffer: how large the buffers of sockets other than autotuned TCP may be.
 *
 * UDP has no autotuning. A socket keeps the receive buffer that it was made
 * with, net.core.rmem_default, or what its application asks for with SO_RCVBUF
 * (SO_SNDBUF): which the kernel cuts to net.core.rmem_max (wmem_max), without
 * an error. QUIC and DNS servers ask for megabytes and run, since the limit was
 * 208 KiB for decades, with a tenth of it. What does not fit is lost. All UDP
 * sockets together hold no more than net.ipv4.udp_mem.
 *
 * What is observed. A program at setsockopt (cgroup/setsockopt) sees each
 * request before the kernel cuts it, changes nothing, and gives a socket that
 * asks for more than there was without us a storage. A tracepoint that fires
 * when a UDP socket loses a datagram for lack of room counts bursts by port.
 * Both wake a sweep over those sockets and ports, which otherwise runs twice a
 * minute.
 *
 * How it is decided (udp_buffer_logic.h). A socket that after 100 ms still has
 * less than it asked for, while it asked for more than the maximum, was cut:
 * the maximum goes up to just that. One that has got more by privilege
 * (SO_RCVBUFFORCE) needs nothing. A socket that sets no size and loses a burst
 * that is over within a second, its reader having made room, has too small a
 * default; one that loses without a pause has too slow a reader, and more
 * buffer would be more delay. udp_mem goes up when UDP comes near its first
 * number while the machine has memory (bpf/common/pure/memory.h). All stay below
 * what a part of UDP's memory, and of what the machine has available, can hold.
 * Down they go at once when memory allows by far less, and step by step to
 * where we found them when nothing has needed the upper half for ten minutes; a
 * socket that asked for it needs it as long as it is open.
 *
 * What cannot be known. All four are the whole machine's (in a network namespace
 * they are not there, or from 6.10 read-only: 19249c0724f2), so one container's
 * request raises the maximum for all. Whether a larger default still helps once
 * no more is lost is not known: it comes down again. Requests older than the
 * daemon are not known either. Two namespaces or ports may share a place in the
 * table of losses.
 *
 * How it fails. Without a storage (no memory, or none left of optmem_max for the
 * socket) a request is not seen. A daemon confined to namespaces does nothing
 * here.
 */
#include "bpf/common/tuner.bpf.h"
#include "policies/udp_buffer.policy.h"
TUNER_DEFINE(UDP_BUFFER, "udp_buffer", "lets sockets have the buffers that applications ask for");

#include "bpf/common/request.bpf.h"
#include "bpf/tuners/udp_buffer_state.bpf.h"
#include "bpf/tuners/udp_buffer_decide.bpf.h"

#define BEAT_FAST_MS 100   /* while a request or a burst is to be judged */
#define BEAT_BUSY_MS 1000  /* while UDP is near its memory limit */
#define BEAT_KEEP_MS 30000 /* to see that happen, and to come down */

static __always_inline void tell_news(void)
{
	if (!news) /* all CPUs read it, so it is written once a sweep */
		news = 1;
	wake_pulse();
}

/* ---- requests ------------------------------------------------------------ */

/* What a socket may ask for without us. 0: not known yet. */
static __always_inline __u64 usual_limit(__u16 row)
{
	struct state_key key = state_key_of(0, row);
	struct published *published = bpf_map_lookup_elem(&tuner_published, &key);

	return published && published->writes ? (__u64)published->baseline[0] : sample_value(row);
}

static __always_inline void see_request(struct bpf_sock *sk, __u32 side, __u32 asked)
{
	__u16 row = side == SIDE_RECEIVE ? TUNABLE_RMEM_MAX : TUNABLE_WMEM_MAX;
	__u64 limit = usual_limit(row);
	bool is_more = asked > limit && asked <= SIZE_MOST;
	/* From the task: on 5.10 this program type has no helpers for it. */
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct size_request *request, *most;
	struct asker *asker;

	if (asked > SIZE_MOST)
		count(COUNT_ANY);
	asker = bpf_sk_storage_get(&askers, sk, NULL, is_more ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	if (!asker)
		return;
	request = side == SIDE_RECEIVE ? &asker->side[SIDE_RECEIVE] : &asker->side[SIDE_SEND];
	__builtin_memset(request, 0, sizeof(*request));
	if (!is_more)
		return;
	request->time_ns = bpf_ktime_get_ns();
	request->asked = asked;
	asker->pid = BPF_CORE_READ(task, tgid);
	BPF_CORE_READ_STR_INTO(&asker->comm, task, comm);
	most = side == SIDE_RECEIVE ? &most_asker.side[SIDE_RECEIVE] : &most_asker.side[SIDE_SEND];
	if (asked > most->asked) {
		*most = *request;
		most_asker.pid = asker->pid;
		__builtin_memcpy(most_asker.comm, asker->comm, sizeof(most_asker.comm));
	}
	if (asked > sample_value(row)) /* else it is noted in time as a need */
		tell_news();
}

/*
 * Always 1, let it through, and nothing is changed. But for one thing: the kernel
 * shows a program no more than a page, and before 6.5 (29ebbba7d461) takes a
 * length beyond that, left as it is, for damage (EFAULT). 0 says that the
 * original counts.
 */
SEC("?cgroup/setsockopt")
int request__cgroup(struct bpf_sockopt *ctx)
{
	__s32 length = ctx->optlen;
	__u32 *value = ctx->optval;
	__u32 side;

	if (length > (__s32)tuner_page_bytes)
		ctx->optlen = 0;
	if (ctx->level != SOL_SOCKET || tuner_confined)
		return 1;
	if (ctx->optname == SO_RCVBUF)
		side = SIDE_RECEIVE;
	else if (ctx->optname == SO_SNDBUF)
		side = SIDE_SEND;
	else
		return 1;
	if (length < (__s32)sizeof(*value) || (void *)(value + 1) > ctx->optval_end)
		return 1;
	see_request(ctx->sk, side, *value);
	return 1;
}

static __always_inline void note_cut(struct sizing *sizing, const struct asker *asker,
				     __u32 asked, __u64 given, bool is_open)
{
	struct size_demand *demand = &sizing->demand;

	demand->cut += is_open;
	demand->number[3] = demand->cut;
	if (asked <= demand->need)
		return;
	demand->need = asked;
	demand->scenario = SCENARIO_REQUEST_CUT;
	demand->number[0] = asker->pid;
	demand->number[1] = asked;
	demand->number[2] = given;
	__builtin_memcpy(demand->comm, asker->comm, sizeof(demand->comm));
}

static __always_inline void note_need(struct sizing *sizing, __u64 asked, __u64 limit, __u64 now)
{
	peak_note(&sizing->need, now, asked, cfg_need_half_life_ns);
	if (asked > limit / 2)
		sizing->needed_ns = now;
}

/* Counts a socket once for each request. */
static __always_inline void note_request(struct size_request *request, enum size_state state)
{
	if (request->noted)
		return;
	request->noted = 1;
	if (state == SIZE_CUT)
		count(COUNT_CUT);
	else if (state == SIZE_FORCED)
		count(COUNT_FORCED);
}

static __always_inline void look_at_request(struct asker *asker, struct size_request *request,
					    struct size_request *most, __u16 row, __u64 given)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 limit = sample_value(row);
	enum size_state state;
	struct sizing *sizing;

	if (!request->asked || !limit)
		return;
	if (most->time_ns == request->time_ns)
		most->asked = 0; /* its socket tells more */
	state = judge_request(request, given, limit, now);
	if (state == SIZE_UNKNOWN) {
		sweep.waiting++;
		return;
	}
	note_request(request, state);
	sizing = state == SIZE_FORCED ? NULL : sizing_of(row);
	if (!sizing)
		return;
	note_need(sizing, request->asked, limit, now);
	if (state == SIZE_CUT)
		note_cut(sizing, asker, request->asked, given, true);
}

/* A request that its socket tells nothing of: the application has closed it, or
 * asked for less since, as some do when they find their buffer too small. */
static __always_inline void look_at_most(struct size_request *most, __u16 row)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 limit = sample_value(row);
	struct sizing *sizing;

	if (!most->asked || !limit)
		return;
	if (judge_request(most, 0, limit, now) == SIZE_UNKNOWN) {
		sweep.waiting++;
		return;
	}
	sizing = sizing_of(row);
	if (sizing) {
		note_need(sizing, most->asked, limit, now);
		if (most->asked > limit) {
			count(COUNT_CUT);
			note_cut(sizing, &most_asker, most->asked, limit, false);
		}
	}
	most->asked = 0;
}

/* ---- losses -------------------------------------------------------------- */

static __always_inline void see_loss(struct sock *sk)
{
	__u32 inode = sk->__sk_common.skc_net.net->ns.inum;
	__u32 port = sk->__sk_common.skc_num;
	__u32 place = (inode * 31 + port) & (BURSTS - 1);
	struct burst *burst = bpf_map_lookup_elem(&bursts, &place);
	__u64 now = bpf_ktime_get_ns();

	if (!burst)
		return;
	if (burst->port != port || burst->netns_inode != inode) {
		if (now - burst->last_ns < 2 * SECOND_NS)
			return;
		__builtin_memset(burst, 0, sizeof(*burst));
		burst->port = port;
		burst->netns_inode = inode;
	}
	if (!burst_note(burst, now))
		return;
	burst->size = sk->sk_rcvbuf;
	burst->own = !!(BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_RCVBUF_LOCK);
	tell_news();
}

/* The kernel has no room for a datagram: in the socket's buffer, or in all that
 * UDP may take. From 6.5 on also of IPv6 (8139dccd464a). */
SEC("?tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(loss__tp_btf, int rc, struct sock *sk)
{
	if (tuner_confined)
		return 0;
	if (rc == -ENOMEM) {
		see_loss(sk);
	} else if (rc == -ENOBUFS) {
		count(COUNT_OUT_OF_MEMORY);
		tell_news();
	}
	return 0;
}

static __always_inline void note_burst(struct burst *burst, __u64 value, __u64 now)
{
	struct size_demand *demand;
	struct sizing *sizing;

	if (burst->own) {
		count(COUNT_OWN_SIZE);
		return;
	}
	count(burst->size < value ? COUNT_OLDER : COUNT_BURSTS);
	sizing = sizing_of(TUNABLE_RMEM_DEFAULT);
	if (!sizing)
		return;
	note_need(sizing, burst_need(burst), value, now);
	demand = &sizing->demand;
	if (burst->size < value || burst_need(burst) <= demand->need)
		return;
	demand->need = burst_need(burst);
	demand->scenario = SCENARIO_BURST_LOST;
	demand->number[0] = burst->port;
	demand->number[1] = burst->size;
	demand->number[2] = burst->over_lost;
	demand->number[3] = burst->netns_inode;
}

/* A global function: the verifier checks it once, for any index. */
__noinline int look_at_burst(__u32 index)
{
	__u32 place = index & (BURSTS - 1);
	struct burst *burst = bpf_map_lookup_elem(&bursts, &place);
	__u64 now = bpf_ktime_get_ns();
	__u64 value = sample_value(SAMPLE_RMEM_DEFAULT);

	if (!burst || !value)
		return 0;
	switch (judge_burst(burst, now)) {
	case BURST_UNDER_WAY:
		sweep.waiting++;
		break;
	case BURST_LONG:
		if (!burst->was_long)
			count(COUNT_OVERLOADED);
		burst->was_long = 1;
		break;
	case BURST_OVER:
		note_burst(burst, value, now);
		burst->over_lost = 0;
		break;
	case BURST_NONE:
		break;
	}
	return 0;
}

/* ---- the sweep ----------------------------------------------------------- */

static __always_inline void set_beat(void)
{
	struct beat *beat = own_beat();

	if (!beat)
		return;
	beat->period_ms = sweep.waiting || news ? BEAT_FAST_MS :
			  sweep.busy		? BEAT_BUSY_MS :
						  BEAT_KEEP_MS;
	news = 0;
	beat->asleep = beat->period_ms != BEAT_FAST_MS;
	/* What has happened since then has found it awake. */
	if (news && beat->asleep)
		beat->period_ms = BEAT_FAST_MS;
}

static __always_inline void finish_sweep(struct seq_file *seq)
{
	if (tuner_confined)
		return;
	look_at_most(&most_asker.side[SIDE_RECEIVE], TUNABLE_RMEM_MAX);
	look_at_most(&most_asker.side[SIDE_SEND], TUNABLE_WMEM_MAX);
	for (__u32 i = 0; i < BURSTS; i++)
		look_at_burst(i);
	for (__u16 row = 0; row < TUNABLE_COUNT; row++)
		sizing_of(row);
	end_sweep();
	set_beat();
	count(COUNT_SWEEPS);
	sweep.waiting = sweep.busy = 0;
}

static __always_inline void look_at_asker(struct sock *sk, struct asker *asker)
{
	if (tuner_confined)
		return;
	look_at_request(asker, &asker->side[SIDE_RECEIVE], &most_asker.side[SIDE_RECEIVE],
			TUNABLE_RMEM_MAX, (__u32)sk->sk_rcvbuf / 2);
	look_at_request(asker, &asker->side[SIDE_SEND], &most_asker.side[SIDE_SEND],
			TUNABLE_WMEM_MAX, (__u32)sk->sk_sndbuf / 2);
}

WALK_SOCKETS(sweep, askers, look_at_asker, finish_sweep)
