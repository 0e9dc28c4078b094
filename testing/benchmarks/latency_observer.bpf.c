// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * Sees the daemon's writes arrive, for the decision latency benchmark. The
 * cgroup hook runs before the kernel's handler; so the return of the system
 * call, when the value is certainly there, is taken down too.
 */
#include "bpf/common/kernel.bpf.h"
#include "testing/benchmarks/latency_probe.h"

char _license[] SEC("license") = "GPL";

#define TEXT_LEN 64 /* power of two */
#define NUMBER_LEN 20

const volatile __u32 daemon_tgid = 0;
__s32 under_way = -1; /* the decision whose value is being written */

/* Number of the decision -> when its value came. Written here only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PROBE_DECISIONS_MAX);
	__type(key, __u32);
	__type(value, struct probe_arrival);
} arrivals SEC(".maps");

SEC("cgroup/sysctl")
int see_write(struct bpf_sysctl *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	char text[TEXT_LEN + NUMBER_LEN] = {};
	struct probe_arrival *arrival;
	__u32 offset = 0, index;
	long value = 0;

	if (!ctx->write || BPF_CORE_READ(task, tgid) != (int)daemon_tgid ||
	    bpf_sysctl_get_new_value(ctx, text, TEXT_LEN) <= 0)
		return 1;
	for (int i = 0; i < 3; i++) {
		long length = bpf_strtol(text + (offset & (TEXT_LEN - 1)), NUMBER_LEN, 0, &value);

		if (length <= 0 || length > NUMBER_LEN)
			return 1;
		offset += length;
	}
	index = value & PROBE_INDEX_MASK;
	arrival = bpf_map_lookup_elem(&arrivals, &index);
	if (!arrival)
		return 1;
	arrival->before_ns = bpf_ktime_get_ns();
	under_way = index;
	return 1;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(see_return, void *regs, long result)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct probe_arrival *arrival;
	__u32 index = under_way;

	if (under_way < 0 || BPF_CORE_READ(task, tgid) != (int)daemon_tgid)
		return 0;
	under_way = -1;
	arrival = bpf_map_lookup_elem(&arrivals, &index);
	if (arrival && result > 0)
		arrival->after_ns = bpf_ktime_get_ns();
	return 0;
}
