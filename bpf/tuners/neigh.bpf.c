// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * neigh: how many neighbours the kernel may know, and what may wait for them.
 *
 * Whoever sends to a neighbour needs its link address, and an entry for it in a
 * table that a family has once for the whole kernel, containers and all. Above
 * net.FAMILY.neigh.default.gc_thresh3 entries (1024 by default) none is made
 * unless an old one can be thrown out: "neighbor table overflow!", and packets
 * to further neighbours are lost without an error for who sent them.
 *
 * While the address of a neighbour is being found, packets to it wait in a queue
 * of net.FAMILY.neigh.DEVICE.unres_qlen_bytes; what is too many is dropped, the
 * oldest first.
 *
 * What is observed. neigh_create says that an entry is being made. It is rare: a
 * known neighbour needs none. Half of gc_thresh3 wakes the pulse; at one new
 * neighbour every 50 us there are 25 ms from there to the end. The pulse reads
 * the table where the kernel has it, and finds it from any device.
 *
 * neigh_event_send_done tells how long a queue is, and neigh_update when its
 * neighbour is found. A known neighbour causes neither; a queue that is less than
 * half full ends the program.
 *
 * How it is decided (neigh_logic.h, neigh_queue_logic.h). A table: up at once, to
 * four times what there is, or with room for what arrives within four looks,
 * whichever is more, all three thresholds in the ratio 1:2:4; never over what a
 * 64th of the memory, or an eighth of what is available, can hold. A scan of a
 * network makes entries too, which stay for seconds: it ends at that ceiling. Down
 * step by step to where we found them, when half has been enough for ten minutes.
 * A queue: up when packets were dropped from it and the neighbour then was found,
 * to what would have held them; for those who never answer nothing is raised.
 * Down as the tables.
 *
 * What cannot be known. What was dropped is told from how the queue grows; packets
 * put into it on two CPUs at once may count one too many or too few. Thresholds
 * set by netlink (`ip ntable change`) are announced by nothing; the applier finds
 * them by comparing, before it writes.
 * Below gc_thresh1 nothing is thrown out, so entries that nobody uses look like
 * a need; with the thresholds that changes, and they go.
 *
 * How it fails. Without neigh_create the table is looked at once a second, which
 * a burst outruns. Without one of the other two no queue is tuned.
 */
#include "bpf/common/tuner.bpf.h"
#include "policies/neigh.policy.h"
TUNER_DEFINE(NEIGH, "neigh", "lets the kernel know all neighbours, and packets wait for them");

#include "bpf/tuners/neigh_queue.bpf.h"
#include "bpf/tuners/neigh_table.bpf.h"

#define BEAT_FAST_MS BEAT_MIN_MS /* after a change: was it enough? */
#define BEAT_BUSY_MS 1000	 /* half full and held, or without neigh_create */
#define BEAT_KEEP_MS 30000	 /* while a value is raised */

/* Called in neigh_alloc()'s caller, for each entry made or not made. */
SEC("?tp_btf/neigh_create")
int BPF_PROG(create__tp_btf, struct neigh_table *table, struct net_device *device, const void *key,
	     const struct neighbour *entry, bool exempt)
{
	__u64 word;

	/* NULL where the table is full. Not compared with it: verifiers have
	 * taken arguments of tracepoints for never NULL, and left such a
	 * comparison out. */
	if (!tuner_confined)
		see_entry(table, device,
			  !bpf_probe_read_kernel(&word, sizeof(word), entry));
	return 0;
}

/* Called when a packet has been sent whose neighbour's address is not at hand. */
SEC("?tp_btf/neigh_event_send_done")
int BPF_PROG(wait__tp_btf, struct neighbour *neighbour, int waits)
{
	see_waiting(neighbour);
	return 0;
}

/* Called when something was learned about a neighbour, before it is used. */
SEC("?tp_btf/neigh_update")
int BPF_PROG(found__tp_btf, struct neighbour *neighbour, const __u8 *address, __u8 to)
{
	see_update(neighbour, to);
	return 0;
}

__noinline int decide(__u32 index)
{
	struct state_key key = touched_key(index);
	struct learned *l = bpf_map_lookup_elem(&neighbours, &key);
	__u64 now = bpf_ktime_get_ns();

	if (!l)
		return 0;
	if (key.device) {
		if (l->demand.raise)
			raise_queue(&key, l, now);
		else
			lower_queue(&key, l, now);
		return 0;
	}
	if (l->demand.raise)
		raise_table(&key, l, now);
	else
		lower_table(&key, l, now);
	return 0;
}

static __always_inline void set_beat(void)
{
	bool polls = !(tuner_hooks & HOOK_BIT(CREATE)) && !tuner_confined;
	struct beat *beat = own_beat();

	if (!beat)
		return;
	beat->period_ms = pulse.moved	      ? BEAT_FAST_MS :
			  pulse.near || polls ? BEAT_BUSY_MS :
			  pulse.kept	      ? BEAT_KEEP_MS :
						0;
	/* What arrived since the look has found it awake; the next wakes it. */
	beat->asleep = beat->period_ms == BEAT_KEEP_MS || !beat->period_ms;
}

static __always_inline void look_at_learned(const struct state_key *key_in_map, struct learned *l)
{
	struct state_key key = *key_in_map;

	if (key.device)
		look_at_device(&key, l);
}

static __always_inline void finish_look(struct seq_file *seq)
{
	look_at_tables();
	end_sweep();
	set_beat();
	count(COUNT_LOOKS);
	pulse.moved = pulse.near = pulse.kept = 0;
}

WALK_MAP(tables, neighbours, look_at_learned, finish_look)
