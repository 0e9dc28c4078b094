/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * Asking for another value of a tunable. Include behind TUNER_DEFINE; only the
 * programs that the daemon's one thread runs call it.
 */
#include "bpf/common/request.bpf.h"

/* After a request was refused: what was in the way is not gone so soon. */
const volatile __u64 cfg_refused_hold_ns = 10 * 1000000000ULL;

/*
 * A request to change the tunable `key`, marked as in flight, for the caller
 * to fill in (seen, wanted, mask, evidence) and send. `sequence` counts the
 * caller's requests for this key. NULL: not now; one is in flight, the last
 * was refused a moment ago, or there is no room (counted).
 */
static __always_inline struct request *propose(const struct state_key *key, __u32 *sequence,
					       __u16 scenario)
{
	struct published *published = bpf_map_lookup_elem(&tuner_published, key);
	struct request *request;

	if (published && published->refused &&
	    bpf_ktime_get_ns() - published->refused_ns < cfg_refused_hold_ns)
		return NULL;
	if (!pending_begin(key, *sequence + 1))
		return NULL;
	request = request_begin(REQUEST_SET, key->netns);
	if (!request) {
		bpf_map_delete_elem(&tuner_pending, key);
		return NULL;
	}
	request->tunable = key->row;
	request->scenario = scenario;
	request->sequence = ++*sequence;
	return request;
}
