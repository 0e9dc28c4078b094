// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * spare: a tuner for tests that stands down on every kernel. Its other hook is
 * required and works nowhere, which must not matter then.
 */
#include "bpf/common/tuner.bpf.h"
#include "testing/objects/spare.policy.h"
TUNER_DEFINE(SPARE, "spare", "has nothing to do anywhere");

static __always_inline void stand_down(struct seq_file *seq)
{
	STAND_DOWN(seq, "a test has\nno use for it");
}

WALK_MAP(check, counts, walk_nothing_each, stand_down)

SEC("?tp_btf/no_such_tracepoint")
int event__tp_btf(void *ctx)
{
	return 0;
}
