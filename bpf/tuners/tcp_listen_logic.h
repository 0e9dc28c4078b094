/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * The decisions of the tcp_listen tuner, as functions of numbers; the same
 * code runs in BPF and in the tests on the host. Backlogs and queues count
 * connections, times are nanoseconds.
 *
 * A look at one listener (struct listen_look) becomes a finding; findings of
 * all listeners of a namespace are gathered into a demand for each tunable; a
 * demand becomes a new value.
 */
#include "bpf/common/pure/limits.h"

/* An application that empties a full queue within this accepts promptly. A
 * handshake that is dropped costs the client this much (the initial
 * retransmission timeout, RFC 6298), so up to here waiting in the queue is
 * better than being dropped, and beyond it more queue is only more latency. */
#define PROMPT_NS 1000000000ULL
/* Handshakes completed are compared with those under way over this long, more
 * than any round trip. */
#define SYN_WINDOW_NS 1000000000ULL

enum {
	/* Who asks for more takes what there is: no number to go by. */
	BACKLOG_MOST = 65535,
	/* Kernel memory of a connection that waits to be accepted: tcp_sock
	 * (2.4 kB in 6.18) and its request, route and timers, rounded up. */
	WAITING_BYTES = 4096,
};

/* One look at one listener: what the kernel says, unchanged. */
struct listen_look {
	__u64 now_ns;
	__u64 completed; /* handshakes completed on its port, ever */
	__u32 queued;	 /* waiting to be accepted */
	__u32 most;	 /* that may wait: min(backlog, somaxconn) at listen() */
	__u32 drops;	 /* handshakes dropped, ever, modulo 2^32 */
	__u32 requests;	 /* handshakes under way */
	__u32 somaxconn;
	__u32 max_syn_backlog;
	__u32 syncookies; /* 0: never */
};

/* What is remembered of a listener between looks. All zero: not looked at. */
struct listener {
	__u64 completed;     /* at the last look */
	__u64 full_since_ns; /* its queue was more than half full ever since */
	__u64 window_ns;     /* when the window for the SYN queue began */
	__u64 window_completed;
	__u32 asked; /* of listen(); 0: not known */
	__u32 drops;
	__u32 queued;
	__u32 lost;	   /* handshakes lost in the overflow under way */
	__u32 window_lost; /* ... to a full SYN queue, in the window */
	__u16 noted;	   /* which counters it has been counted in */
	__u8 looked_at;
	__u8 reserved;
};

/* What a look says about the listener. */
struct listen_finding {
	__u32 need;	/* of somaxconn, to be kept */
	__u32 dropped;	/* behind overflowed, slow and own_limit */
	__u32 syn_lost; /* behind syn_full and flooded */
	__u32 syn_completed;
	__u8 cut;	 /* listen() was; it needs what it asked for */
	__u8 overflowed; /* somaxconn made it drop what it would have accepted */
	__u8 slow;	 /* it dropped, and it accepts slowly */
	__u8 own_limit;	 /* it dropped at a limit that is not somaxconn */
	__u8 syn_full;	 /* tcp_max_syn_backlog made it drop handshakes */
	__u8 flooded;	 /* it did, and few of them are ever completed */
	__u8 waiting;	 /* look again soon */
};

/* More than this many requests, and a SYN of an unknown host is dropped where
 * there are no SYN cookies (tcp_conn_request() in net/ipv4/tcp_input.c). */
PURE __u64 syn_limit(const struct listen_look *look)
{
	return look->max_syn_backlog - look->max_syn_backlog / 4;
}

/* SYNs are dropped because of the handshakes under way, or were a moment ago:
 * the number swings by an eighth while some end. With SYN cookies it has no
 * limit. */
PURE __u8 requests_are_full(const struct listen_look *look)
{
	__u64 limit = min_u64(syn_limit(look), look->most);

	return !look->syncookies && look->requests >= limit - limit / 8;
}

/* Does a listener's backlog leave somaxconn as what limits it? `most` below it
 * is older than a raise, or its own; asked and given is its own too. */
PURE __u8 limited_by_somaxconn(const struct listener *l, const struct listen_look *look)
{
	return look->most >= look->somaxconn && (!l->asked || l->asked > look->most);
}

/* An accept queue that dropped, once it is known how it was emptied. */
PURE void judge_overflow(struct listener *l, const struct listen_look *look, __u8 prompt,
			 struct listen_finding *found)
{
	found->dropped = l->lost;
	l->lost = 0;
	if (!found->dropped)
		return;
	if (!prompt) {
		found->slow = 1;
	} else if (!limited_by_somaxconn(l, look)) {
		found->own_limit = 1;
	} else {
		found->overflowed = 1;
		found->need = max_u64(found->need,
				      min_u64(sat_add(look->most, found->dropped), BACKLOG_MOST));
	}
}

/*
 * The accept queue. `dropped` counts only if the queue can have been full:
 * what it holds are completed handshakes, so with those that waited at the last
 * look there must have been enough of them. That is what a flood of SYNs does
 * not have.
 */
PURE void judge_accept_queue(struct listener *l, const struct listen_look *look, __u32 dropped,
			     struct listen_finding *found)
{
	__u64 arrived = sat_add(sat_sub(look->completed, l->completed), l->queued);
	__u8 full = look->queued > look->most / 2;
	__u64 full_ns = l->full_since_ns ? look->now_ns - l->full_since_ns : 0;
	__u8 prompt = full_ns < PROMPT_NS;

	if (arrived >= look->most)
		l->lost = min_u64(sat_add(l->lost, dropped), BACKLOG_MOST);
	if (full && !l->full_since_ns)
		l->full_since_ns = look->now_ns;
	if (full && prompt) {
		found->waiting = 1;
		return;
	}
	judge_overflow(l, look, prompt, found);
	if (!full)
		l->full_since_ns = 0;
}

/* The SYN queue, where there are no SYN cookies: over a second, were at least
 * as many handshakes completed as are under way? A flood completes none. */
PURE void judge_syn_queue(struct listener *l, const struct listen_look *look,
			  struct listen_finding *found)
{
	if (look->now_ns - l->window_ns < SYN_WINDOW_NS) {
		found->waiting |= l->window_lost != 0;
		return;
	}
	found->syn_lost = l->window_lost;
	found->syn_completed = min_u64(sat_sub(look->completed, l->window_completed), 0xffffffff);
	if (found->syn_lost && requests_are_full(look)) {
		found->flooded = found->syn_completed < look->requests;
		/* Else the listener's own backlog is the lower limit. */
		found->syn_full = !found->flooded && look->most > syn_limit(look);
	}
	l->window_ns = look->now_ns;
	l->window_completed = look->completed;
	l->window_lost = 0;
}

/* Judges one look. The first only begins the counting, but for a cut. */
PURE struct listen_finding judge_listener(struct listener *l, const struct listen_look *look)
{
	struct listen_finding found = {};
	__u32 dropped = look->drops - l->drops; /* modulo 2^32 */

	if (l->asked <= BACKLOG_MOST) {
		found.cut = l->asked > look->somaxconn;
		found.need = l->asked;
	}
	found.need = max_u64(found.need, min_u64(2ULL * look->queued, BACKLOG_MOST));
	if (!l->looked_at) {
		l->looked_at = 1;
		l->completed = l->window_completed = look->completed;
		l->window_ns = look->now_ns;
		dropped = 0;
	}
	if (dropped && requests_are_full(look)) {
		l->window_lost = sat_add(l->window_lost, dropped);
		dropped = 0;
	}
	judge_accept_queue(l, look, dropped, &found);
	judge_syn_queue(l, look, &found);
	l->completed = look->completed;
	l->drops = look->drops;
	l->queued = look->queued;
	return found;
}

/* What the listeners of a namespace want of one tunable, in one sweep. */
struct listen_demand {
	__u64 sweep;	  /* which one; if another, everything below is stale */
	__u64 need;	  /* largest of those held back ... */
	__u16 port;	  /* ... and whose that is ... */
	__u16 scenario;	  /* ... and what was seen of it */
	__u32 numbers[3]; /* for the words of that scenario */
	__u8 exact;	  /* it asked for that number: no guess */
	__u8 reserved[7];
};

/* The most that memory allows: connections waiting to be accepted may take a
 * quarter of what TCP may take before the kernel speaks of pressure. 0 pages
 * (not known): no raise at all. */
PURE __u64 backlog_ceiling(__u64 pressure_pages, __u64 page_bytes)
{
	return min_u64(sat_mul(pressure_pages, page_bytes) / 4 / WAITING_BYTES, BACKLOG_MOST);
}

#define BACKLOG_ROUNDING 64ULL

/*
 * The raised value. What listen() asked for is given at once. How much an
 * overflow needs is known from below only: a quarter more at least, at most
 * twice. Never over the ceiling; 0: nothing to gain.
 */
PURE __u64 raised_backlog(__u64 value, const struct listen_demand *demand, __u64 ceiling)
{
	__u64 target = demand->need;

	if (!demand->exact) {
		target = max_u64(target, sat_add(value, value / 4));
		target = sat_add(target, BACKLOG_ROUNDING - 1) / BACKLOG_ROUNDING *
			 BACKLOG_ROUNDING;
		target = min_u64(target, sat_mul(value, 2));
	}
	target = min_u64(target, ceiling);
	return target > value ? target : 0;
}
