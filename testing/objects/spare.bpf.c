// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * spare: a tuner for tests that stands down on every kernel. Its other hook is
 * required and works nowhere, which must not matter then.
 */
#include "bpf/common/tuner.bpf.h"
#include "testing/objects/spare.policy.h"
TUNER_DEFINE(SPARE, "spare", "has nothing to do anywhere");

SEC("?iter/bpf_map_elem")
int check__counts(struct bpf_iter__bpf_map_elem *ctx)
{
	if (!ctx->value)
		STAND_DOWN(ctx, "a test has\nno use for it");
	return 0;
}

SEC("?tp_btf/no_such_tracepoint")
int event__tp_btf(void *ctx)
{
	return 0;
}
