// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * ip_frag: how much memory fragments may take that wait for the rest of their
 * datagram.
 *
 * While that is more than net.ipv4.ipfrag_high_thresh (net.ipv6.
 * ip6frag_high_thresh), the kernel drops every fragment that arrives, also
 * those that would complete a datagram. What waits then is never completed, and
 * stays until it is given up: 30 s (IPv6: 60 s). So a burst of large datagrams
 * at the same time, or a few percent of loss on the way, can stop reassembly in
 * a namespace for half a minute, again and again: 4 MiB are as few as 32
 * datagrams of 64 KiB.
 *
 * What is observed. Packets that are dropped, by the tracepoint kfree_skb: one
 * that is dropped while the fragments of its family and namespace take more
 * than they may, is one of them. That is all that runs while nothing is wrong.
 * Such a namespace is remembered, and looked at inside: what waits there and
 * takes how much (fqdir), and how many datagrams were completed and given up,
 * ever, which the controller reads from /proc/net/snmp and snmp6.
 *
 * How it is decided (ip_frag_logic.h). Up, by what was dropped, or by a step
 * before anything is, when at least as many datagrams were completed in one
 * timeout as are waiting; then it looks again after 100 ms. All raises together
 * stay below a sixteenth of the memory available. Down, to where we found it and
 * no further, when it fills with datagrams of which few are ever completed (an
 * attack, or a path that loses most); when memory is short; and step by step
 * when the upper half was not used for ten minutes.
 *
 * What cannot be known. Fragments that wait are of no use by themselves: that
 * they will be completed is taken from the past. In a namespace that has never
 * completed more than waits at the first drop, nothing is raised before it has.
 * What fragments need between two looks is seen only by what is dropped. The
 * reassembly of IPv6 connection tracking has a limit of its own
 * (nf_conntrack_frag6_high_thresh), which this does not touch.
 *
 * How it fails. A packet of the same family that is dropped for another reason
 * at such a moment counts as a fragment. A namespace that cannot be entered is
 * tried again, ever more rarely.
 */
#include "bpf/common/tuner.bpf.h"
#include "policies/ip_frag.policy.h"
TUNER_DEFINE(IP_FRAG, "ip_frag", "lets fragments wait in as much memory as completing them takes");

#include <bpf/bpf_endian.h>
#include "bpf/tuners/ip_frag_decide.bpf.h"

#define MS_NS 1000000ULL
#define LOOK_FAST_MS 100   /* after a raise */
#define LOOK_BUSY_MS 1000  /* while memory is short, or more than half full */
#define LOOK_KEEP_MS 30000 /* while a value is raised */

/* What the visit walks, to run once. Holds nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} once SEC(".maps");

/* The pulse under way, and what it found. Only the daemon's thread runs it. */
struct {
	__u64 given;   /* bytes, by all raises */
	__u64 next_ns; /* 0: no look is due by itself */
	__u32 restless;
	__u32 reserved;
	__u64 given_before; /* `given` of the pulse before the visits */
} pulse;

/* ---- seeing drops -------------------------------------------------------- */

/* This packet is dropped while fragments take more than they may. */
static __always_inline void on_drop(struct net *net, __u16 row)
{
	struct state_key key = {.netns = netns_id(net), .tuner = tuner_id, .row = row};
	struct reassembly *r;

	if (!netns_in_scope(key.netns))
		return;
	r = state_of(&reassemblies, &key, &blank_reassembly, true);
	if (!r)
		return;
	r->netns_inode = net->ns.inum;
	__sync_fetch_and_add(&r->dropped, 1);
	wake_pulse();
}

SEC("?tp_btf/kfree_skb")
int BPF_PROG(drop__tp_btf, struct sk_buff *skb)
{
	__u16 protocol = bpf_ntohs(skb->protocol);
	struct net_device *dev = skb->dev;
	struct fqdir *fqdir;
	struct net *net;

	if ((protocol != ETH_P_IP && protocol != ETH_P_IPV6) || !dev)
		return 0;
	net = dev->nd_net.net;
	fqdir = protocol == ETH_P_IP ? net->ipv4.fqdir : net->ipv6.fqdir;
	if (!fqdir || fqdir->mem.counter <= fqdir->high_thresh)
		return 0;
	on_drop(net, protocol == ETH_P_IP ? TUNABLE_IPFRAG : TUNABLE_IP6FRAG);
	return 0;
}

/* ---- the pulse: which namespaces are to be looked at --------------------- */

static __always_inline bool is_due(const struct reassembly *r, __u64 now)
{
	if (r->due_ns && now >= r->due_ns)
		return true;
	return r->dropped != r->dropped_seen && !r->restless && !r->asked;
}

static __always_inline void ask_for_look(const struct state_key *key, struct reassembly *r,
					 __u64 now)
{
	struct request *request = request_begin(REQUEST_VISIT, key->netns);

	if (!request) { /* in the next pulse, when others have had their turn */
		pulse.next_ns = now;
		return;
	}
	request->netns_inode = r->netns_inode;
	request_send(request, RING_QUIET);
	r->restless = 0; /* until it was looked at, drops wake the pulse */
	if (r->asked < 6)
		r->asked++;
	r->due_ns = now + (LOOK_BUSY_MS * MS_NS << (r->asked - 1));
}

static __always_inline void consider(const struct state_key *key_in_map, struct reassembly *r)
{
	struct state_key key = *key_in_map;
	struct published *published = bpf_map_lookup_elem(&tuner_published, &key);
	__u64 now = bpf_ktime_get_ns();
	__u64 given = 0;

	if (published && published->writes && !is_yielded(key.netns, key.row))
		given = sat_sub(published->last[0], published->baseline[0]);
	pulse.given += given;
	if (is_due(r, now)) {
		ask_for_look(&key, r, now);
	} else if (!given && !r->due_ns && now - r->needed_ns > cfg_learning_horizon_ns) {
		bpf_map_delete_elem(&reassemblies, &key);
		return;
	}
	if (r->due_ns && (!pulse.next_ns || r->due_ns < pulse.next_ns))
		pulse.next_ns = r->due_ns;
	pulse.restless += r->restless;
}

static __always_inline void finish_pulse(struct seq_file *seq)
{
	struct beat *beat = own_beat();
	__u64 now = bpf_ktime_get_ns();

	if (beat) {
		beat->period_ms = pulse.next_ns ? max_u64(sat_sub(pulse.next_ns, now) / MS_NS,
							  BEAT_MIN_MS) :
						  0;
		beat->asleep = !pulse.restless;
	}
	pulse.given_before = pulse.given;
	pulse.given = pulse.next_ns = pulse.restless = 0;
}

WALK_MAP(look, reassemblies, consider, finish_pulse)

/* ---- the visit: looking inside ------------------------------------ */

static __always_inline struct net *net_here(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, nsproxy, net_ns);
}

static __always_inline void look_at(struct reassembly *r, struct net *net, __u32 row)
{
	struct published *published = bpf_map_lookup_elem(&tuner_published, &look.key);
	struct fqdir *fqdir = row == TUNABLE_IPFRAG ? BPF_CORE_READ(net, ipv4.fqdir) :
						      BPF_CORE_READ(net, ipv6.fqdir);
	__u32 first = row == TUNABLE_IPFRAG ? SAMPLE_COMPLETED : SAMPLE_COMPLETED6;
	__u64 dropped = r->dropped;

	look.of.now_ns = bpf_ktime_get_ns();
	look.of.completed = sample_value(first);
	look.of.expired = sample_value(first + 1);
	look.of.timeout_ns = sat_mul(sample_value(first + 2), SECOND_NS);
	look.of.pending = BPF_CORE_READ(fqdir, rhashtable.nelems.counter);
	look.of.memory = BPF_CORE_READ(fqdir, mem.counter);
	look.of.high = BPF_CORE_READ(fqdir, high_thresh);
	look.of.dropped = dropped - r->dropped_seen;
	r->dropped_seen = dropped;
	look.baseline = published && published->writes ? published->baseline[0] : look.of.high;
	look.given = pulse.given_before;
	look.available = sat_mul(sample_value(SAMPLE_MEM_AVAILABLE), 1024);
	count_more(COUNT_DROPPED, look.of.dropped);
	count(COUNT_LOOKS);
}

/* Looks again after so long, or (unless `restless`) when something is dropped;
 * 0: only then. */
static __always_inline void look_again(struct reassembly *r, __u32 after_ms, bool restless)
{
	struct beat *beat = own_beat();

	r->asked = 0;
	r->restless = restless;
	r->due_ns = after_ms ? look.of.now_ns + after_ms * MS_NS : 0;
	if (!beat || !after_ms)
		return;
	if (!beat->period_ms || beat->period_ms > after_ms)
		beat->period_ms = after_ms;
	if (restless)
		beat->asleep = 0;
}

/* A global function: the verifier checks it once, not for each row. */
__noinline int look_inside(__u32 row)
{
	struct net *net = net_here();
	struct reassembly *r;
	bool raised = false;

	look.key = state_key_of(tuner_netns_by_inode ? BPF_CORE_READ(net, ns.inum) :
						       BPF_CORE_READ(net, net_cookie),
				row);
	r = bpf_map_lookup_elem(&reassemblies, &look.key);
	if (!r)
		return 0;
	look_at(r, net, row);
	look.found = judge_fragments(&r->watch, &look.of);
	peak_note(&r->need, look.of.now_ns, look.of.memory, cfg_need_half_life_ns);
	if (look.found.is_short || look.found.fills)
		r->needed_ns = look.of.now_ns;
	if (look.found.is_short)
		raised = raise(r);
	if (!raised)
		lower(r);
	look_again(r,
		   raised				      ? LOOK_FAST_MS :
		   look.found.is_short || look.found.fills ? LOOK_BUSY_MS :
		   look.of.high > look.baseline	      ? LOOK_KEEP_MS :
								0,
		   look.found.is_short && !raised);
	return 0;
}

static __always_inline void look_inside_all(struct seq_file *seq)
{
	look_inside(TUNABLE_IPFRAG);
	look_inside(TUNABLE_IP6FRAG);
}

WALK_MAP(inside, once, walk_nothing_each, look_inside_all)
