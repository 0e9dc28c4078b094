// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * net_buffer: how many received packets may wait for their CPU, and how long a
 * CPU may receive without a pause.
 *
 * A packet that is not taken from its device by polling waits in the backlog of
 * a CPU: what comes over a veth pair or loopback, what RPS has spread, what
 * devices without NAPI deliver. More than net.core.netdev_max_backlog are
 * dropped. And a CPU that receives does so until it has taken netdev_budget
 * packets or netdev_budget_usecs are over, then gives way with packets waiting:
 * a time squeeze.
 *
 * What is observed. Both are counted by the kernel, for each CPU, in
 * /proc/net/softnet_stat. BPF cannot get at these numbers on every kernel (the
 * symbol softnet_data is in no table without KALLSYMS_ALL), and the one rare
 * event, kfree_skb with its reason (5.17), is not rare where a firewall drops a
 * flood. So the controller copies the table into the map `softnet` once a second
 * and the pulse walks it. Only when a CPU loses packets or is squeezed does it
 * watch: five times a second, for as long as that goes on, what else the CPUs
 * do (/proc/stat) and how long tasks wait for them (/proc/schedstat).
 *
 * How it is decided (net_buffer_logic.h). The backlog grows when a CPU drops
 * packets and is not saturated with receiving: it will get to them. The budget
 * grows when a CPU is squeezed ten times a second and is idle for a fifth of its
 * time: packets or time, whichever runs out. All three are the machine's, so
 * there is one decision for the CPU that suffers most. A series of raises that
 * leaves more than half of the loss is taken back. The budget steps back when
 * the time tasks wait for the CPUs that receive most follows it (r >= 0.7). What
 * nothing has needed for ten minutes comes down in steps, to where it was found;
 * each need that comes back doubles these ten minutes.
 *
 * What cannot be known. Kernels before 5.17 count a packet for a device that is
 * down like one for a full backlog; the judgement of raises is for that. The
 * queue's length between two looks is not known, so that nothing was dropped is
 * the only evidence that less would do.
 *
 * How it fails. CPUs from CPUS_MOST on are not looked at. Where schedstat is
 * not there the budget does not follow what tasks wait; that a CPU must be idle
 * for a fifth of its time limits it. A daemon confined to some namespaces leaves
 * these tunables alone and does not look.
 */
#include "bpf/common/tuner.bpf.h"
#include "policies/net_buffer.policy.h"
TUNER_DEFINE(NET_BUFFER, "net_buffer", "lets a CPU take in the packets it has time for");

#include "bpf/common/propose.bpf.h"
#include "bpf/tuners/net_buffer_state.bpf.h"
#include "bpf/tuners/net_buffer_decide.bpf.h"

#define BEAT_WATCHING_MS 200
#define BEAT_MS 1000

/* ---- one CPU ------------------------------------------------------------- */

static __always_inline void read_cpu(struct cpu_reading *r, const struct softnet_line *line,
				     __u32 id)
{
	struct cpu_times *times = bpf_map_lookup_elem(&cpu_times, &id);
	struct cpu_waits *waits = bpf_map_lookup_elem(&cpu_waits, &id);

	r->now_ns = look.now_ns;
	r->evidence = watch.evidence;
	r->processed = line->processed;
	r->dropped = line->dropped;
	r->flow_limited = line->flow_limited;
	r->squeezed = line->squeezed;
	if (!watch.asked || !times || !waits)
		return;
	r->idle = times->idle + times->iowait;
	r->softirq = times->irq + times->softirq;
	r->total = r->idle + r->softirq + times->user + times->nice + times->system + times->steal;
	r->wait_ns = waits->run_delay_ns;
}

static __always_inline void gather_lost(const struct cpu *c, const struct cpu_window *w, __u32 id)
{
	if (!cpu_is_losing(c))
		return;
	look.losing = true;
	if (!w->timed)
		return;
	if (cpu_is_saturated(w)) {
		look.saturated = true;
		return;
	}
	if (c->lost <= look.lost)
		return;
	look.lost = c->lost;
	look.arrived = c->arrived;
	look.lost_cpu = id;
	look.lost_window = *w;
}

static __always_inline void gather_squeezed(struct cpu *c, const struct cpu_window *w, __u32 id)
{
	if (cpu_is_squeezed(w)) {
		look.squeezed = true;
		c->squeezed_ns = look.now_ns;
		if (w->timed && !cpu_has_room(w)) {
			look.no_room = true;
		} else if (w->timed && w->squeezed > look.squeezed_window.squeezed) {
			look.squeezed_cpu = id;
			look.squeezed_window = *w;
		}
	}
	if (w->waits_known && c->squeezed_ns && look.now_ns - c->squeezed_ns < WAITS_NS) {
		look.wait_ns += w->wait_ns;
		look.waited_ns += w->ns;
	}
}

static __always_inline void look_at_cpu(const struct softnet_line *line)
{
	__u32 id = line->cpu;
	struct cpu *c = bpf_map_lookup_elem(&cpus, &id);
	struct cpu_reading reading = {};
	struct cpu_window window;

	if (!c)
		return;
	read_cpu(&reading, line, id);
	window = cpu_observe(c, &reading);
	if (!window.ns)
		return;
	look.cpus++;
	look.timed |= window.timed;
	count_more(COUNT_LOST, window.lost);
	count_more(COUNT_SQUEEZED, window.squeezed);
	gather_lost(c, &window, id);
	gather_squeezed(c, &window, id);
}

/* ---- the end of a look --------------------------------------------------- */

static __always_inline void set_beat(void)
{
	struct beat *beat = own_beat();
	bool watching = look.now_ns < watch.until_ns;

	if (!beat)
		return;
	if (!watching)
		watch.evidence++; /* what was gathered so far has come to nothing */
	watch.asked = watching;
	beat->samples = watching ? SAMPLES_OF_WATCH : 0;
	beat->period_ms = tuner_confined ? 0 : watching ? BEAT_WATCHING_MS : BEAT_MS;
}

static __always_inline void finish_look(struct seq_file *seq)
{
	count(COUNT_LOOKS);
	if (look.now_ns && !tuner_confined) {
		note_hurt(&knobs[TUNABLE_MAX_BACKLOG], look.losing);
		note_hurt(&knobs[TUNABLE_BUDGET], look.squeezed);
		note_hurt(&knobs[TUNABLE_BUDGET_USECS], look.squeezed);
		if (look.timed)
			decide(0);
		for (__u32 row = 0; row < TUNABLE_COUNT; row++)
			settle(row);
	}
	set_beat();
	__builtin_memset(&look, 0, sizeof(look));
}

/* A line of softnet_stat. One of zeros is none: or of a CPU that has received
 * nothing yet. */
static __always_inline void look_at_line(const void *key, const struct softnet_line *line)
{
	if (!line->processed && !line->dropped)
		return;
	if (!look.now_ns)
		look.now_ns = bpf_ktime_get_ns();
	look_at_cpu(line);
}

WALK_MAP(look, softnet, look_at_line, finish_look)
