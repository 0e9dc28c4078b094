// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * probes: a tuner for tests of the search for a program that fires. `connect`
 * has a means of each sort, the best last: where the kernel lets the others
 * attach and never runs them, it has to end at the tracepoint. `function` has
 * none that is always run. Nothing that the controller does reaches `unreached`.
 */
#include "bpf/common/tuner.bpf.h"
#include "testing/objects/probes.policy.h"
TUNER_DEFINE(PROBES, "probes", "watches by all means");

SEC("?fentry/tcp_v4_connect")
int connect__fentry(void *ctx)
{
	return 0;
}

SEC("?kprobe/tcp_v4_connect")
int connect__kprobe(void *ctx)
{
	return 0;
}

SEC("?tp_btf/tcp_destroy_sock")
int connect__tp_btf(void *ctx)
{
	return 0;
}

SEC("?fentry/tcp_v4_connect")
int function__fentry(void *ctx)
{
	return 0;
}

SEC("?kprobe/tcp_v4_connect")
int function__kprobe(void *ctx)
{
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int unreached__tp_btf(void *ctx)
{
	return 0;
}
