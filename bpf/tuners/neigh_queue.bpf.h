/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * The queues of packets that wait for the address of their neighbour, and their
 * limit, which each device has for each family. The arithmetic is in
 * neigh_queue_logic.h. Include behind TUNER_DEFINE.
 */
#include "bpf/tuners/neigh_queue_logic.h"
#include "bpf/tuners/neigh_state.bpf.h"

/* Neighbour (its address in the kernel) -> what waits for it. Written by events;
 * 256 resolutions with long queues at once, the oldest is forgotten. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, struct neigh_waiting);
} waiting SEC(".maps");

/* The limit is the fifth of data[] from its end in all kernels: QUEUE_LEN_BYTES,
 * PROXY_QLEN, ANYCAST_DELAY, PROXY_DELAY, LOCKTIME (include/net/neighbour.h). If
 * it were not, the value would not be the sysctl's, and the applier refuse. */
static __always_inline __u32 queue_limit(struct neigh_parms *parms)
{
	__u32 at = bpf_core_field_offset(struct neigh_parms, data) +
		   bpf_core_field_size(struct neigh_parms, data) - 5 * sizeof(int);
	__u32 limit = 0;

	bpf_probe_read_kernel(&limit, sizeof(limit), (char *)parms + at);
	return limit;
}

static __always_inline void look_at_queue(struct neighbour *neighbour,
					  struct neigh_queue_look *look)
{
	look->bytes = neighbour->arp_queue_len_bytes;
	look->packets = neighbour->arp_queue.qlen;
	look->limit = queue_limit(neighbour->parms);
}

/* A packet was put into a queue, or there was none to put. */
static __always_inline void see_waiting(struct neighbour *neighbour)
{
	struct neigh_queue_look look;
	struct neigh_waiting blank = {};
	struct neigh_waiting *w;
	__u64 key = (__u64)neighbour;

	if (!(neighbour->nud_state & NUD_INCOMPLETE) || !neighbour->arp_queue.qlen)
		return;
	look_at_queue(neighbour, &look);
	if (!neigh_queue_is_long(&look))
		return;
	w = bpf_map_lookup_elem(&waiting, &key);
	if (!w) {
		bpf_map_update_elem(&waiting, &key, &blank, BPF_ANY);
		w = bpf_map_lookup_elem(&waiting, &key);
	}
	if (w)
		neigh_queue_note(w, &look);
}

static __always_inline void tell_lost(struct neighbour *neighbour, const struct neigh_waiting *w)
{
	struct net_device *device = neighbour->dev;
	struct net *net = device->nd_net.net;
	struct state_key key = {.netns = netns_id(net), .tuner = tuner_id};
	struct neigh_queue_look look;
	char name[DEVICE_NAME_LEN];
	struct queue_news *news;
	struct learned *l;

	if (!netns_in_scope(key.netns))
		return;
	BPF_CORE_READ_STR_INTO(&name, device, name);
	key.row = neighbour->tbl->family == AF_INET ? TUNABLE_QUEUE_IPV4 : TUNABLE_QUEUE_IPV6;
	key.device = device_id(name);
	l = state_of(&neighbours, &key, &blank_learned, true);
	if (!l)
		return;
	look_at_queue(neighbour, &look);
	news = &l->news;
	news->limit = look.limit;
	news->need = max_u64(news->need, neigh_queue_need(w, &look));
	news->netns_inode = net->ns.inum;
	__builtin_memcpy(news->device, name, sizeof(news->device));
	__sync_fetch_and_add(&news->lost, w->lost);
	count_more(COUNT_LOST, w->lost);
	wake_pulse();
}

/* A neighbour is about to go to state `to`. Its queue is emptied after that. */
static __always_inline void see_update(struct neighbour *neighbour, __u8 to)
{
	__u64 key = (__u64)neighbour;
	struct neigh_waiting *w;

	if (!(neighbour->nud_state & NUD_INCOMPLETE) || !neighbour->arp_queue.qlen)
		return;
	w = bpf_map_lookup_elem(&waiting, &key);
	if (!w)
		return;
	if (w->lost && to & NUD_VALID)
		tell_lost(neighbour, w);
	bpf_map_delete_elem(&waiting, &key);
}

/* ---- the pulse: what the news and the time call for ----------------------- */

/* A request for another limit, to be completed and sent; NULL: not now. */
static __always_inline struct request *propose_limit(const struct state_key *key,
						     struct learned *l, __u16 scenario,
						     __u64 target)
{
	struct request *request = propose_values(key, l, scenario, 1);

	if (!request)
		return NULL;
	request->wanted[0] = target;
	request->netns_inode = l->news.netns_inode;
	__builtin_memcpy(request->device, l->news.device, sizeof(request->device));
	return request;
}

/* Nothing is raised any more. The applier still remembers the device, until it
 * finds it gone; so asks for the value that it has, once in a while. */
static __always_inline void ask_if_there(const struct state_key *key, struct learned *l,
					 const struct published *published, __u64 now)
{
	struct request *request;

	if (now - l->needed_ns < cfg_learning_horizon_ns)
		return;
	if (!published) {
		bpf_map_delete_elem(&neighbours, key);
		return;
	}
	l->needed_ns = now;
	l->demand.seen[0] = published->last[0];
	request = propose_limit(key, l, SCENARIO_QUEUE_NOT_NEEDED, published->last[0]);
	if (request)
		request_send(request, RING_QUIET);
}

static __always_inline void look_at_device(const struct state_key *key, struct learned *l)
{
	struct published *published = bpf_map_lookup_elem(&tuner_published, key);
	bool raised = is_raised(published, 0);
	__u64 now = bpf_ktime_get_ns();
	__u64 lost = l->news.lost;
	__u64 need = l->news.need;

	pulse.kept += raised;
	if (lost) {
		l->news.need = 0;
		__sync_fetch_and_add(&l->news.lost, -lost);
		peak_note(&l->need, now, need, cfg_need_half_life_ns);
		l->needed_ns = now;
	} else if (!raised) {
		ask_if_there(key, l, published, now);
		return;
	}
	if (lost ? now < l->held_until_ns :
		   now - l->needed_ns < patience_ns(&l->patience, cfg_unneeded_ns))
		return;
	if (!touch(key, &l->demand))
		return;
	l->demand.lost = lost;
	l->demand.need = need;
	l->demand.raise = lost != 0;
	l->demand.seen[0] = lost || !published ? l->news.limit : published->last[0];
}

static __always_inline void raise_queue(const struct state_key *key, struct learned *l, __u64 now)
{
	__u64 ceiling = neigh_queue_ceiling(sample_value(SAMPLE_MEM_AVAILABLE));
	const struct neigh_demand *demand = &l->demand;
	__u64 target = neigh_queue_raised(demand->seen[0], demand->need, ceiling);
	struct request *request;

	if (is_held(key, l, target, now))
		return;
	request = propose_limit(key, l, SCENARIO_QUEUE_TOO_SHORT, target);
	if (!request)
		return;
	request->evidence[0] = demand->lost;
	request->evidence[1] = demand->need;
	request->evidence[2] = ceiling;
	request_send(request, RING_QUIET);
	learning_step_move(&l->step, now, 1, cfg_learning_horizon_ns);
	patience_note_raised(&l->patience, now);
}

static __always_inline void lower_queue(const struct state_key *key, struct learned *l, __u64 now)
{
	struct published *published = bpf_map_lookup_elem(&tuner_published, key);
	struct learning_step before = l->step;
	struct request *request;
	__u64 need, target, lowest;

	if (!published || is_yielded_key(key))
		return;
	lowest = published->baseline[0];
	need = peak_now(&l->need, now, cfg_need_half_life_ns);
	target = step_down(l, now, l->demand.seen[0], max_u64(need, lowest), lowest);
	request = target ? propose_limit(key, l, SCENARIO_QUEUE_NOT_NEEDED, target) : NULL;
	if (!request) {
		l->step = before;
		return;
	}
	request->evidence[0] = (now - l->needed_ns) / SECOND_NS;
	request_send(request, RING_QUIET);
	patience_note_lowered(&l->patience, now);
}
