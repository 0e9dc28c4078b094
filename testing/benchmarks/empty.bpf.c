// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * Programs that do nothing, one of each kind that the daemon has. What the
 * kernel's run time statistics show for them is what the statistics themselves
 * take: reading the clock. The overhead benchmark takes that off.
 */
#include "bpf/common/kernel.bpf.h"

char _license[] SEC("license") = "GPL";

SEC("sockops")
int empty_sockops(struct bpf_sock_ops *ctx)
{
	return 1;
}

/* Twice a connection over loopback. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(empty_tracing, struct sock *sk)
{
	return 0;
}

/* Over maps: no kernel refuses that, as some do with what the daemon walks. */
SEC("iter/bpf_map")
int empty_iterator(struct bpf_iter__bpf_map *ctx)
{
	return 0;
}
