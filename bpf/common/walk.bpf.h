/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * Walking a map: each(key, value) for what is in it, then done(seq), once. The
 * daemon's one thread runs it, by reading an iterator to its end.
 *
 * The kernel's iterators over the elements of a map hand out the elements
 * themselves, to be written; there are kernels that refuse just these (EPERM:
 * seen on a 6.18 that is locked down further than Linux itself would). So each
 * walk has a second program that does the same by other means.
 *
 * WALK_MAP(hook, map, each, done): <hook>__<map>, or <hook>__each__<map> by
 * bpf_for_each_map_elem() (Linux 5.13). That one needs something that is called
 * once when it is read: an iterator over the machine's maps, at its end.
 *
 * WALK_SOCKETS(hook, map, each, done): the sockets that have a storage in `map`,
 * each(sk, value): <hook>__<map>, or <hook>__files__<map> by an iterator over
 * the descriptors of all processes (Linux 5.11, for sockets), which costs
 * something for each descriptor of the machine. A socket that several share is
 * met once a walk; one that nobody holds, as before accept(), is not met.
 */
#include "bpf/common/kernel.bpf.h"

#define WALK_MAP(hook, walked, each, done)                                        \
	SEC("?iter/bpf_map_elem")                                              \
	int hook##__##walked(struct bpf_iter__bpf_map_elem *ctx)                  \
	{                                                                      \
		void *key = ctx->key, *value = ctx->value;                     \
		if (key && value)                                              \
			each(key, value);                                      \
		else                                                           \
			done(ctx->meta->seq);                                  \
		return 0;                                                      \
	}                                                                      \
	static long hook##_each(struct bpf_map *of, void *key, void *value, void *unused) \
	{                                                                      \
		each(key, value);                                              \
		return 0;                                                      \
	}                                                                      \
	SEC("?iter/bpf_map")                                                   \
	int hook##__each__##walked(struct bpf_iter__bpf_map *ctx)                 \
	{                                                                      \
		if (ctx->map)                                                  \
			return 0;                                              \
		bpf_for_each_map_elem(&walked, hook##_each, NULL, 0);             \
		done(ctx->meta->seq);                                          \
		return 0;                                                      \
	}

/* Where there is nothing to do for an element, or at the end. */
static __always_inline void walk_nothing_each(const void *key, const void *value)
{
}

static __always_inline void walk_nothing_done(struct seq_file *seq)
{
}

/* In which walk a socket was last met. Without memory for it, it is met anew. */
#define WALK_SOCKETS_MET                                                       \
	struct {                                                               \
		__uint(type, BPF_MAP_TYPE_SK_STORAGE);                         \
		__uint(map_flags, BPF_F_NO_PREALLOC);                          \
		__type(key, int);                                              \
		__type(value, __u64);                                          \
	} met SEC(".maps");                                                    \
	__u64 walk_number = 1

#define WALK_SOCKETS(hook, walked, each, done)                                    \
	WALK_SOCKETS_MET;                                                      \
	SEC("?iter/bpf_sk_storage_map")                                        \
	int hook##__##walked(struct bpf_iter__bpf_sk_storage_map *ctx)            \
	{                                                                      \
		struct sock *sk = ctx->sk;                                     \
		void *value = ctx->value;                                      \
		if (sk && value)                                               \
			each(sk, value);                                       \
		else                                                           \
			done(ctx->meta->seq);                                  \
		return 0;                                                      \
	}                                                                      \
	SEC("?iter/task_file")                                                 \
	int hook##__files__##walked(struct bpf_iter__task_file *ctx)              \
	{                                                                      \
		struct file *file = ctx->file;                                         \
		struct socket *socket;                                         \
		struct sock *sk;                                               \
		__u64 *last;                                                   \
		void *value;                                                   \
		if (!file) {                                                   \
			walk_number++;                                         \
			done(ctx->meta->seq);                                  \
			return 0;                                              \
		}                                                              \
		socket = bpf_sock_from_file(file);                             \
		sk = socket ? socket->sk : NULL;                               \
		value = sk ? bpf_sk_storage_get(&walked, sk, NULL, 0) : NULL;  \
		if (!value)                                                    \
			return 0;                                              \
		last = bpf_sk_storage_get(&met, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE); \
		if (last && *last == walk_number)                              \
			return 0;                                              \
		if (last)                                                      \
			*last = walk_number;                                   \
		each(sk, value);                                               \
		return 0;                                                      \
	}
