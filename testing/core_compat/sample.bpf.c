/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Names that exist, names that do not and names that need not, for
 * kernel_names_test.cc. Never loaded.
 */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum bpf_map_type { BPF_MAP_TYPE_UNSPEC };

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define KERNEL_TYPE __attribute__((preserve_access_index))

struct sock_common {
	struct {
		__be16 skc_dport; /* anonymous parts differ; found by name */
	};
	int invented;
} KERNEL_TYPE;

struct sock {
	struct sock_common __sk_common;
	int sk_rcvbuf;
	int invented_member;
	int asked_member;
} KERNEL_TYPE;

struct sock___other_kernel {
	int invented_flavoured;
} KERNEL_TYPE;

struct invented_struct {
	int member;
} KERNEL_TYPE;

enum invented_enum { INVENTED_VALUE = 1 };

struct ours {
	int not_the_kernels;
};

SEC("?raw_tp/sample")
int sample(__u64 *ctx)
{
	struct sock___other_kernel *flavoured = (void *)ctx[0];
	struct invented_struct *invented = (void *)ctx[1];
	struct sock *sk = (void *)ctx[0];
	struct ours *own = (void *)ctx[2];
	int sum = 0;

	sum += BPF_CORE_READ(sk, __sk_common.skc_dport);
	sum += BPF_CORE_READ(sk, __sk_common.invented);
	sum += BPF_CORE_READ(sk, sk_rcvbuf);
	sum += BPF_CORE_READ(sk, invented_member);
	if (bpf_core_field_exists(sk->asked_member))
		sum += BPF_CORE_READ(sk, asked_member);
	sum += BPF_CORE_READ(flavoured, invented_flavoured);
	sum += BPF_CORE_READ(invented, member);
	sum += bpf_core_enum_value(enum invented_enum, INVENTED_VALUE);
	return sum + own->not_the_kernels;
}

char LICENSE[] SEC("license") = "GPL";
