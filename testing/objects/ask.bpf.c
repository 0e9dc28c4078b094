// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * ask: a tuner for tests. It puts one record into the ring, whatever the test
 * wants it to say, when the test walks the map `asked` with its program. So a
 * test can ask for what no real tuner would, at a moment of its choosing.
 */
#include "bpf/common/tuner.bpf.h"
#include "testing/objects/ask.policy.h"
TUNER_DEFINE(ASK, "ask", "asks for what a test tells it to");

#include "bpf/common/request.bpf.h"

/* Key: 0. Written by the test. Kind 0: there is nothing to ask. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct request);
} asked SEC(".maps");

/* How often it has asked. Written by the program; outlives the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct state_key);
	__type(value, __u64);
} remembered SEC(".maps");

static __always_inline void remember(const struct state_key *key)
{
	__u64 *times = bpf_map_lookup_elem(&remembered, key);
	__u64 once = 1;

	if (times)
		(*times)++;
	else
		bpf_map_update_elem(&remembered, key, &once, BPF_NOEXIST);
}

static __always_inline void ask(const void *key_in_map, struct request *wish)
{
	struct request *request;
	struct state_key key;
	__u16 kind;

	if (!wish->kind)
		return;
	kind = wish->kind;
	wish->kind = 0; /* once: it is the daemon's pulse too */
	key = state_key_of(wish->netns, wish->tunable);
	if (kind == REQUEST_SET && !pending_begin(&key, wish->sequence))
		return;
	request = request_begin(kind, wish->netns);
	if (!request) {
		if (kind == REQUEST_SET)
			bpf_map_delete_elem(&tuner_pending, &key);
		return;
	}
	__builtin_memcpy(request, wish, sizeof(*request));
	request->kind = kind;
	request->tuner = tuner_id;
	if (!wish->time_ns)
		request->time_ns = bpf_ktime_get_ns();
	request_send(request, RING_WAKE);
	if (kind == REQUEST_SET)
		remember(&key);
}

WALK_MAP(ask, asked, ask, walk_nothing_done)
