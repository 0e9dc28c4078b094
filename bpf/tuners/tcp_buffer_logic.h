/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * The decisions of the tcp_buffer tuner, as functions of numbers; the same
 * code runs in BPF and in the tests on the host. Sizes are bytes, times are
 * microseconds or nanoseconds as their names say.
 *
 * A look at one socket (struct look) becomes a finding, here; findings of all
 * sockets of a namespace are gathered into a demand, and a demand becomes a new
 * maximum for the tunable, in tcp_buffer_raise_logic.h.
 */
#include "bpf/common/pure/correlation.h"
#include "bpf/common/pure/limits.h"
#include "bpf/common/pure/peak.h"
#include "bpf/common/pure/rate.h"
#include "bpf/tuners/tcp_buffer_trial_logic.h"

enum {
	/* Share of the buffer's bytes that carries payload, in 256ths. Sending:
	 * measured 0.71-0.83 of tcp_wmem[2], and the lower end leaves room.
	 * Receiving: the kernel's own scaling_ratio, but no more than the 0.64
	 * measured over a whole connection (docs/tuners/tcp_buffer.md). */
	SEND_PAYLOAD_256THS = 179,
	RECEIVE_PAYLOAD_256THS = 164,
	RECEIVE_PAYLOAD_LEAST_256THS = 85,
	/* What the path holds, times this, in 16ths. Twice the need makes cubic
	 * overflow a queue of one bandwidth-delay product at 200 ms. */
	SEND_HEADROOM_16THS = 25,
	RECEIVE_HEADROOM_16THS = 24,
	/* A connection is too young to judge before it has moved this much. */
	JUDGE_AFTER_BYTES = 20000,
	/* What is sent at once: the most that a device takes as one packet. */
	SUPER_PACKET_BYTES = 65536,
	/* A connection that begins to move this much between two looks is
	 * worth following closely for a while. */
	BUSY_BYTES = 64 * 1024,
};

/* Rates are measured over a round trip, and never over less than this: a tick
 * of the clock or one late wake-up must not look like a burst. Data arrives
 * and is acknowledged in super-packets, so a window holds 16 of them, which
 * bounds the error to 1/16, unless they take longer than a second. */
#define RATE_WINDOW_LEAST_US 40000ULL
#define RATE_WINDOW_LEAST_BYTES (16ULL * SUPER_PACKET_BYTES)
#define RATE_WINDOW_MOST_NS 1000000000ULL
#define FOLLOW_CLOSELY_NS 2000000000ULL
#define NS_PER_US 1000ULL

enum side {
	SENDING,
	RECEIVING,
};

/* One look at one TCP socket: what the kernel has measured, unchanged. */
struct look {
	__u64 now_ns;
	__u64 received_bytes;
	__u64 acked_bytes;
	__u64 cap; /* tcp_wmem[2] or tcp_rmem[2] of the namespace, for `side` */
	__u32 delivered_segments;
	__u32 mss;
	__u32 srtt_us;	      /* 0: not measured */
	__u32 min_rtt_us;     /* 0: not measured */
	__u32 receive_rtt_us; /* the receiver's own estimate; 0: none */
	__u32 cwnd_segments;
	__u32 sndbuf;
	__u32 rcvbuf;
	__u32 send_queued; /* bytes of memory in the send queue */
	__u32 unread;	   /* payload the application has not read yet */
	__u32 window;	   /* payload we have offered to take, lately */
	__u32 scaling_ratio; /* payload share of the receive buffer, 256ths */
	__u8 window_scale;   /* of the window we offer */
	__u8 locked;	     /* the application set this side's buffer itself */
	__u8 out_of_order;   /* segments wait for a missing one, now */
	__u8 side; /* enum side */
};

/* What is remembered of a connection between looks. All zero: not looked at. */
struct flow {
	struct rate rate;
	struct witness witness;
	__u64 moved;	       /* bytes in and out at the last look */
	__u64 follow_until_ns; /* look often until then */
	__u32 first_buffer;    /* of its side when it was first judged */
	__u32 waiting_buffer;  /* receive buffer when a raise was asked for */
	__u32 waiting_since_ms;
	__u16 noted; /* which counters it has been counted in */
	__u8 side;
	__u8 was_out_of_order;
	__u8 wants_visit; /* a low-water pulse is due */
	__u8 looked_at;
	__u8 busy;
	__u8 woken; /* it has had one, at waiting_since_ms */
};

/* What a look says about the connection. */
struct finding {
	__u64 need; /* what the tunable should be for it, headroom included */
	__u64 rate; /* bytes/s */
	__u32 rtt_us;
	__u32 min_rtt_us;
	__u32 buffer;
	__u8 judged;	    /* the rest means something */
	__u8 limited;	    /* the tunable holds it back */
	__u8 scale_limited; /* its own window scale does */
	__u8 locked;
	__u8 slow_reader;
	__u8 app_limited;
	__u8 queueing; /* its round trips are longer than the path is */
	__u8 bloated;  /* ... much longer */
};

PURE __u32 flow_rtt_us(const struct look *look)
{
	__u32 rtt = look->srtt_us;

	if (look->side == RECEIVING && look->receive_rtt_us)
		rtt = look->receive_rtt_us;
	return max_u64(rtt, 1);
}

/* The shortest round trip known: of the path, without any queue. A receiver's
 * minimum is the one sample of the handshake, which may have been slow. */
PURE __u32 flow_min_rtt_us(const struct look *look)
{
	__u32 rtt = look->min_rtt_us ? look->min_rtt_us : look->srtt_us;

	if (look->side == RECEIVING && look->receive_rtt_us &&
	    (!rtt || look->receive_rtt_us < rtt))
		rtt = look->receive_rtt_us;
	return max_u64(rtt, 1);
}

PURE __u32 receive_payload_256ths(const struct look *look)
{
	/* Before 6.6 tcp_adv_win_scale leaves one half by default. */
	__u32 ratio = look->scaling_ratio ? look->scaling_ratio : 128;

	return clamp_u64(ratio, RECEIVE_PAYLOAD_LEAST_256THS, RECEIVE_PAYLOAD_256THS);
}

/* Largest window that the scale agreed on in the SYN can express (RFC 7323). */
PURE __u64 scaled_window_most(__u32 window_scale)
{
	return 65535ULL << min_u64(window_scale, 14);
}

/* Memory that one full-sized segment takes in the send queue: as
 * tcp_sndbuf_expand() computes it (net/ipv4/tcp_input.c): payload, headers and
 * skb_shared_info (640 bytes together) rounded up to a power of two, and a
 * struct sk_buff. */
PURE __u64 segment_memory(__u32 mss)
{
	return (1ULL << bit_length(sat_add(mss, 640) - 1)) + 256;
}

/* The buffer has practically reached the cap. One that is larger was given it
 * before the cap came down, and is not held back by it. */
PURE __u8 at_cap(__u64 buffer, __u64 cap)
{
	return buffer >= cap - cap / 16 && buffer <= cap + cap / 16;
}

/*
 * Held back by the send buffer: it is as large as the tunable allows, it is
 * filled (an application that sends little does not fill it), and the
 * congestion window would take more.
 */
PURE __u8 send_buffer_limits(const struct look *look)
{
	__u64 wanted = sat_mul(2ULL * look->cwnd_segments, segment_memory(look->mss));

	return at_cap(look->sndbuf, look->cap) && wanted > look->cap &&
	       5ULL * look->send_queued >= 3ULL * look->sndbuf;
}

/* The application leaves data lying: the window closes because of it. */
PURE __u8 reads_slowly(const struct look *look)
{
	return look->unread >= look->rcvbuf / 8;
}

/* Has the open window seen enough to be closed? */
PURE __u8 window_is_full(const struct flow *flow, const struct look *look)
{
	__u32 start = flow->rate.count_at_start;
	__u32 segments = look->delivered_segments - start; /* modulo 2^32 */
	__u64 bytes = look->side == SENDING ?
		sat_mul(segments, look->mss) :
		look->received_bytes - flow->rate.count_at_start;

	return bytes >= RATE_WINDOW_LEAST_BYTES ||
	       sat_sub(look->now_ns, flow->rate.window_start_ns) >= RATE_WINDOW_MOST_NS;
}

/* Updates the rate (bytes/s) of the flow's own direction. */
PURE __u64 flow_rate(struct flow *flow, const struct look *look)
{
	__u64 window_us = max_u64(flow_rtt_us(look), RATE_WINDOW_LEAST_US);
	__u64 window_ns = window_us * NS_PER_US; /* 32 bits times 10 bits fits */

	if (flow->side != look->side) {
		flow->rate.window_start_ns = 0;
		flow->rate.max_bytes_per_s = 0;
		flow->side = look->side;
	}
	/* Bytes that had waited for a missing segment are counted all at once
	 * when it arrives: no window may begin or end beside a gap. */
	if (look->side == RECEIVING && (look->out_of_order || flow->was_out_of_order)) {
		flow->was_out_of_order = look->out_of_order;
		rate_open_window(&flow->rate, look->now_ns, look->received_bytes);
		return flow->rate.max_bytes_per_s;
	}
	if (!window_is_full(flow, look))
		return flow->rate.max_bytes_per_s;
	if (look->side == SENDING)
		return rate_update_segments(&flow->rate, look->now_ns,
					    look->delivered_segments, look->mss, window_ns);
	return rate_update(&flow->rate, look->now_ns, look->received_bytes, window_ns);
}

/*
 * Has it moved anything since the last look? Decides too how closely to follow
 * it: a new connection, and one that begins to carry data in bulk, is looked
 * at often for two seconds; by then it has reached its limits.
 */
PURE __u8 flow_moved(struct flow *flow, __u64 now_ns, __u64 received_bytes, __u64 acked_bytes)
{
	__u64 moved = received_bytes + acked_bytes; /* modulo 2^64 */
	__u64 delta = moved - flow->moved;
	__u8 busy = delta >= BUSY_BYTES;

	if (!flow->looked_at || (busy && !flow->busy))
		flow->follow_until_ns = sat_add(now_ns, FOLLOW_CLOSELY_NS);
	flow->looked_at = 1;
	flow->busy = busy;
	flow->moved = moved;
	return delta != 0;
}

PURE void judge_sender(const struct look *look, struct finding *found)
{
	__u64 bdp = bdp_bytes(found->rate, found->min_rtt_us);

	found->buffer = look->sndbuf;
	found->need = need_bytes(bdp, SEND_HEADROOM_16THS, SEND_PAYLOAD_256THS);
	found->limited = !look->locked && send_buffer_limits(look);
	/* The congestion window would take twice what is queued. */
	found->app_limited = !found->limited &&
		2 * sat_mul(look->send_queued, 2) <
		sat_mul(2ULL * look->cwnd_segments, segment_memory(look->mss));
}

/*
 * A low-water pulse has made the buffer three quarters of the cap
 * (tcp_set_rcvlowat() takes half of that as payload), the kernel has left it
 * there since, and the window is always full: under this cap the connection
 * gets no more. Where segments waste memory the window stays below what the
 * buffer holds: it grows to half of what the cap would (__tcp_grow_window(),
 * net/ipv4/tcp_input.c).
 */
PURE __u8 has_all_a_pulse_gives(const struct flow *flow, const struct look *look,
				const struct finding *found, __u64 bdp)
{
	__u32 now_ms = look->now_ns / 1000000;
	__u32 patience_ms = max_u64(4ULL * found->rtt_us / 1000, 200);

	return flow->woken && !flow->waiting_buffer && look->window &&
	       at_cap(look->rcvbuf, look->cap - look->cap / 4) &&
	       bdp >= look->window - look->window / 8 &&
	       now_ms - flow->waiting_since_ms >= patience_ms;
}

PURE void judge_receiver(const struct flow *flow, const struct look *look, struct finding *found)
{
	__u32 payload = receive_payload_256ths(look);
	__u64 bdp = bdp_bytes(found->rate, found->min_rtt_us);
	__u64 window_most = scaled_window_most(look->window_scale);

	found->buffer = look->rcvbuf;
	found->need = need_bytes(bdp, RECEIVE_HEADROOM_16THS, payload);
	found->slow_reader = reads_slowly(look);
	if (look->locked || found->slow_reader)
		return;
	/* Three quarters of what the scale can express: windows are advanced
	 * in steps, so a connection never shows all of it. */
	found->scale_limited = bdp >= window_most - window_most / 4;
	found->limited = at_cap(look->rcvbuf, look->cap) || found->scale_limited;
	if (has_all_a_pulse_gives(flow, look, found, bdp)) {
		found->limited = 1;
		found->need = max_u64(found->need, sat_add(look->cap, look->cap / 4));
	}
}

/* Judges one look, of a connection that has moved. */
PURE struct finding judge(struct flow *flow, const struct look *look)
{
	struct finding found = {};
	__u64 burst_us;

	found.rate = flow_rate(flow, look);
	found.rtt_us = flow_rtt_us(look);
	found.min_rtt_us = flow_min_rtt_us(look);
	if (!found.rate || look->received_bytes + look->acked_bytes < JUDGE_AFTER_BYTES)
		return found;
	found.judged = 1;
	found.locked = look->locked;
	if (look->side == SENDING)
		judge_sender(look, &found);
	else
		judge_receiver(flow, look, &found);
	if (!flow->first_buffer)
		flow->first_buffer = max_u64(found.buffer, 1);
	/* Half over the shortest round trip, and more than what one super-packet
	 * takes by itself: data stands in a queue, so the path is full. Two and
	 * a half times: more than a queue of one bandwidth-delay product, the
	 * classical size, can explain. */
	burst_us = mul_div(SUPER_PACKET_BYTES, RATE_US_PER_SEC, found.rate);
	found.queueing = found.rtt_us > found.min_rtt_us + found.min_rtt_us / 2ULL + burst_us;
	found.bloated = 2ULL * found.rtt_us > 5ULL * found.min_rtt_us + 2 * burst_us;
	return found;
}

/* Does the connection use more of its buffer than a maximum of `cap` allows,
 * as far as it depends on the buffer? */
PURE __u8 uses_more_than(const struct look *look, const struct finding *found, __u64 cap)
{
	__u64 wanted = sat_mul(2ULL * look->cwnd_segments, segment_memory(look->mss));

	if (look->locked || found->slow_reader || found->scale_limited || found->app_limited)
		return 0;
	return found->buffer > cap + cap / 16 && (look->side == RECEIVING || wanted > cap);
}

/*
 * A receive buffer that did not follow a raise. The kernel's autotuning grows
 * a buffer only when an application copied more in a round trip than ever
 * before; when the window has been full for a round trip, both are equal and
 * it waits for ever. Called with each look; true when the connection should
 * get a low-water pulse.
 */
PURE __u8 has_stalled(struct flow *flow, const struct look *look, const struct finding *found)
{
	__u32 now_ms = look->now_ns / 1000000;
	__u32 patience_ms = max_u64(found->rtt_us / 1000, 40);

	if (look->side != RECEIVING || !flow->waiting_buffer)
		return 0;
	if (look->rcvbuf > flow->waiting_buffer + flow->waiting_buffer / 16 ||
	    found->slow_reader || look->locked) {
		flow->waiting_buffer = 0;
		return 0;
	}
	/* Nothing to grow into yet: a pulse makes it three quarters of the cap. */
	if (look->rcvbuf >= look->cap - look->cap / 4 || found->scale_limited) {
		flow->waiting_since_ms = now_ms;
		return 0;
	}
	if (now_ms - flow->waiting_since_ms < patience_ms)
		return 0;
	flow->waiting_buffer = 0;
	flow->waiting_since_ms = now_ms;
	flow->woken = 1;
	return 1;
}

/* The connection is held back and a raise is due: watch that it profits. */
PURE void wait_for_growth(struct flow *flow, const struct look *look)
{
	flow->waiting_buffer = look->rcvbuf;
	flow->waiting_since_ms = look->now_ns / 1000000;
}

/* The latency a flow sees against its buffer, both relative to itself, so that
 * near and far connections may be mixed (log2 with 8 fractional bits). */
PURE void note_latency(struct correlation *latency, const struct flow *flow,
		       const struct finding *found)
{
	correlation_add(latency, log2_ratio_q8(found->buffer, flow->first_buffer),
			log2_ratio_q8(found->rtt_us, found->min_rtt_us));
}
