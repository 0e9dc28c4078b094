/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once
/*
 * Integer arithmetic that decides, for BPF and for the host alike.
 *
 * Everything in this folder is a function of its arguments: no helper, no map,
 * no kernel type, no clock. It compiles as C for BPF and as C++ for the tests,
 * and what the tests prove on the host is what runs in the kernel.
 *
 * Rules of the folder, because the instruction set of kernel 5.10 has no more:
 * no floating point, no 128-bit product, no signed division or modulo, no
 * atomic that returns a value, no loop without a small constant bound; and no
 * multiplication, addition or subtraction that could wrap without a guard or,
 * beside it, the reason why it cannot. Times are nanoseconds of one monotonic
 * clock; a clock that seems to go back counts as standing still.
 *
 * A BPF program defines __u32, __s32, __u64 and __s64 before it includes this
 * (bpf/common/types.h does).
 */
#ifndef __bpf__
#include <linux/types.h>
#endif

/* PURE_ONCE: for a function with many branches that is called often. In BPF it
 * is a global function, which the verifier checks once, for any arguments,
 * rather than on every path to every call. Its arguments must be numbers.
 */
#ifdef __bpf__
#define PURE static inline __attribute__((always_inline, unused))
#define PURE_ONCE __attribute__((noinline))
#else
#define PURE static inline
#define PURE_ONCE static inline
#endif

/* x as a signed number, in so many words. */
#ifdef __cplusplus
#define PURE_S32(x) static_cast<__s32>(x)
#define PURE_S64(x) static_cast<__s64>(x)
#else
#define PURE_S32(x) ((__s32)(x))
#define PURE_S64(x) ((__s64)(x))
#endif

#define PURE_U64_MAX 18446744073709551615ULL
