/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * The tables of neighbours, one a family, and their thresholds. The arithmetic
 * is in neigh_logic.h. Include behind TUNER_DEFINE.
 */
#include "bpf/tuners/neigh_state.bpf.h"

enum neigh_family { NEIGH_IPV4, NEIGH_IPV6, NEIGH_FAMILIES };

/* Where the kernel has them, and what arrives. `arrivals` is written by events
 * on all CPUs, `kernel` by the pulse. */
struct {
	__u64 kernel; /* a struct neigh_table, which is never freed; 0: not known */
	struct neigh_arrivals arrivals;
	__u32 netns_inode; /* where the last one was wanted; 0: not known */
} tables[NEIGH_FAMILIES];

/* An entry was added to a table, or could not be. */
static __always_inline void see_entry(const struct neigh_table *table,
				      const struct net_device *device, bool added)
{
	__u32 family = table->family == AF_INET ? NEIGH_IPV4 : NEIGH_IPV6;

	if (table->family != AF_INET && table->family != AF_INET6)
		return; /* DECnet, before 6.1 */
	count(added ? COUNT_ENTRIES : COUNT_FULL);
	neigh_arrive(&tables[family].arrivals, bpf_ktime_get_ns());
	tables[family].netns_inode = device->nd_net.net->ns.inum;
	if (neigh_is_near(table->gc_entries.counter, table->gc_thresh3))
		wake_pulse();
}

/* Every device has both tables; loopback is there from the start, in any
 * namespace. NULL where the kernel has no IPv6. */
static __always_inline struct neigh_table *find_table(enum neigh_family family)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct net_device *device = BPF_CORE_READ(task, nsproxy, net_ns, loopback_dev);

	if (family == NEIGH_IPV4)
		return BPF_CORE_READ(device, ip_ptr, arp_parms, tbl);
	return BPF_CORE_READ(device, ip6_ptr, nd_parms, tbl);
}

/* Whether a look at the table calls for a decision, which the end of the sweep
 * takes. */
static __always_inline void judge_table(const struct state_key *key, struct learned *l,
					const struct neigh_demand *look, bool raised, __u64 now)
{
	bool near = neigh_is_near(look->entries, look->seen[2]);

	peak_note(&l->need, now, look->entries, cfg_need_half_life_ns);
	if (near || !l->needed_ns)
		l->needed_ns = now;
	pulse.kept += raised;
	pulse.near += near;
	if (near ? now < l->held_until_ns :
		   !raised || now - l->needed_ns < patience_ns(&l->patience, cfg_unneeded_ns))
		return;
	if (!touch(key, &l->demand))
		return;
	l->demand.entries = look->entries;
	l->demand.per_window = look->per_window;
	l->demand.raise = near;
	__builtin_memcpy(l->demand.seen, look->seen, sizeof(look->seen));
}

static __always_inline void look_at_table(enum neigh_family family, __u32 row)
{
	struct state_key key = state_key_of(0, row);
	struct published *published = bpf_map_lookup_elem(&tuner_published, &key);
	bool raised = is_raised(published, 2);
	struct neigh_demand look = {};
	__u64 now = bpf_ktime_get_ns();
	struct neigh_table *table;
	struct learned *l;

	if (!tables[family].kernel)
		tables[family].kernel = (__u64)find_table(family);
	table = (struct neigh_table *)tables[family].kernel;
	if (!table)
		return;
	look.entries = max_u64(BPF_CORE_READ(table, gc_entries.counter), 0);
	look.per_window = neigh_per_window(&tables[family].arrivals, now);
	look.seen[0] = BPF_CORE_READ(table, gc_thresh1);
	look.seen[1] = BPF_CORE_READ(table, gc_thresh2);
	look.seen[2] = BPF_CORE_READ(table, gc_thresh3);
	l = state_of(&neighbours, &key, &blank_learned,
		     raised || neigh_is_near(look.entries, look.seen[2]));
	if (l)
		judge_table(&key, l, &look, raised, now);
}

/* The thresholds are every namespace's: a daemon confined to some leaves them
 * alone, and one outside the machine's first namespace has no file for them. */
static __always_inline void look_at_tables(void)
{
	if (tuner_confined)
		return;
	if (sample_value(SAMPLE_HAS_IPV4))
		look_at_table(NEIGH_IPV4, TUNABLE_TABLE_IPV4);
	if (sample_value(SAMPLE_HAS_IPV6))
		look_at_table(NEIGH_IPV6, TUNABLE_TABLE_IPV6);
}

static __always_inline void raise_table(const struct state_key *key, struct learned *l, __u64 now)
{
	__u32 family = key->row == TUNABLE_TABLE_IPV4 ? NEIGH_IPV4 : NEIGH_IPV6;
	__u64 ceiling = neigh_ceiling(sample_value(SAMPLE_MEM_TOTAL),
				      sample_value(SAMPLE_MEM_AVAILABLE));
	const struct neigh_demand *demand = &l->demand;
	__u64 target = neigh_raised(demand->entries, demand->per_window, demand->seen[2], ceiling);
	struct request *request;

	if (is_held(key, l, target, now))
		return;
	request = propose_values(key, l, SCENARIO_TABLE_NEARLY_FULL, 7);
	if (!request)
		return;
	neigh_scale(target, demand->seen, request->wanted);
	request->evidence[0] = demand->entries;
	request->evidence[1] = demand->per_window * SECOND_NS / NEIGH_WINDOW_NS;
	request->evidence[2] = ceiling;
	request->evidence[3] = tables[family].netns_inode;
	request_send(request, RING_QUIET);
	learning_step_move(&l->step, now, 1, cfg_learning_horizon_ns);
	patience_note_raised(&l->patience, now);
}

/* One step towards where we found it. */
static __always_inline void lower_table(const struct state_key *key, struct learned *l, __u64 now)
{
	struct published *published = bpf_map_lookup_elem(&tuner_published, key);
	struct learning_step before = l->step;
	struct request *request;
	__u64 need, target;

	if (!published || is_yielded_key(key))
		return;
	need = peak_now(&l->need, now, cfg_need_half_life_ns);
	target = step_down(l, now, l->demand.seen[2], neigh_floor(need, published->baseline[2]),
			   published->baseline[2]);
	request = target ? propose_values(key, l, SCENARIO_TABLE_NOT_NEEDED, 7) : NULL;
	if (!request) {
		l->step = before;
		return;
	}
	neigh_scale(target, published->baseline, request->wanted);
	request->evidence[0] = (now - l->needed_ns) / SECOND_NS;
	request->evidence[1] = need;
	request->evidence[2] = l->demand.entries;
	request_send(request, RING_QUIET);
	patience_note_lowered(&l->patience, now);
}
