// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * tcp_orphans: how many connections may be closing that no process holds.
 *
 * What is observed. A process closes a connection, or ends; the kernel goes on
 * sending what is left, and waits for the peer. Beyond net.ipv4.tcp_max_orphans
 * it resets such connections: the peer loses the end of what it was sent. Their
 * number is in /proc/net/sockstat, which the controller reads once a second.
 *
 * How it is decided (tcp_orphans_logic.h). From three quarters of the limit on
 * it grows by the learned step, up to what memory allows. When a quarter of it
 * has not been in use for ten minutes, it comes down by half, to where it was.
 *
 * What cannot be known. Whether the peers are slow or hostile: the ceiling is
 * for that.
 *
 * How it fails. Where one of the files cannot be read, nothing is changed. A
 * daemon confined to some namespaces leaves the machine's limit alone.
 */
#include "bpf/common/tuner.bpf.h"
#include "docs/examples/tcp_orphans/tcp_orphans.policy.h"
TUNER_DEFINE(TCP_ORPHANS, "tcp_orphans", "lets connections that no process holds end in peace");

#include "bpf/common/propose.bpf.h"
#include "docs/examples/tcp_orphans/tcp_orphans_logic.h"

#define BEAT_MS 1000

/* Only the pulse touches it. */
struct orphans_state state;
__u32 sequence;

static __always_inline void ask_for(const struct orphans_look *look, __u64 wanted, __u64 baseline,
				    __u64 unneeded_ns)
{
	struct state_key key = state_key_of(0, TUNABLE_MAX_ORPHANS);
	bool is_raise = wanted > look->limit;
	struct request *request;

	if (is_yielded_key(&key)) {
		count(COUNT_HELD_YIELDED);
		return;
	}
	request = propose(&key, &sequence,
			  is_raise ? SCENARIO_ORPHANS_NEAR_LIMIT : SCENARIO_ORPHANS_FEW);
	if (!request)
		return;
	request->mask = 1;
	request->seen[0] = look->limit;
	request->wanted[0] = wanted;
	request->evidence[0] = is_raise ? look->orphans : unneeded_ns / 1000000000ULL;
	request->evidence[1] = is_raise ? look->limit : look->orphans;
	request->evidence[2] = is_raise ? orphans_ceiling(look) : baseline;
	request_send(request, RING_QUIET);
}

static __always_inline void decide(void)
{
	struct state_key key = state_key_of(0, TUNABLE_MAX_ORPHANS);
	struct published *published = bpf_map_lookup_elem(&tuner_published, &key);
	__u64 baseline = published && published->writes ? published->baseline[0] : 0;
	struct orphans_look look = {
		.now_ns = bpf_ktime_get_ns(),
		.orphans = sample_value(SAMPLE_ORPHANS),
		.limit = sample_value(SAMPLE_MAX_ORPHANS),
		.available_kb = sample_value(SAMPLE_MEM_AVAILABLE),
	};
	__u64 unneeded_ns = sat_sub(look.now_ns, state.needed_ns);
	__u64 wanted = orphans_wanted(&state, &look, baseline);

	if (wanted != look.limit)
		ask_for(&look, wanted, baseline, unneeded_ns);
}

/* Called for each entry of the map `counts`, then once more without one. */
SEC("?iter/bpf_map_elem")
int look__counts(struct bpf_iter__bpf_map_elem *ctx)
{
	struct beat *beat = own_beat();

	if (ctx->value)
		return 0;
	count(COUNT_LOOKS);
	if (!tuner_confined)
		decide();
	if (beat)
		beat->period_ms = tuner_confined ? 0 : BEAT_MS;
	return 0;
}
