/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * Fixed-width types for headers that BPF and C++ share. On the BPF side no
 * header of the build machine is visible, so they are defined here.
 */
#ifdef __bpf__
typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef _Bool bool;
enum { false = 0, true = 1 };
#define NULL ((void *)0)
#define ABI_ASSERT(expr) _Static_assert(expr, #expr)
#else
#include <linux/types.h>
#define ABI_ASSERT(expr) static_assert(expr, #expr)
#endif
