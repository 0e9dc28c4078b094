/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * What an application passed to listen(). net/socket.c cuts the backlog to
 * somaxconn before anybody else sees it; the number itself is then only in the
 * registers that the caller entered the kernel with, which lie at the end of
 * its kernel stack. bpf_task_pt_regs() gives them to tracing programs only,
 * and no tracepoint fires once a listen(): syscalls:sys_enter_listen, once
 * enabled, sends every system call of every process through the slow path
 * (syscall_regfunc() in kernel/tracepoint.c).
 */
#include "bpf/common/state.bpf.h"

/* arch/x86/entry/syscalls/syscall_64.tbl, arch/x86/include/asm/page_64_types.h */
#define X86_NR_LISTEN 50
#define X86_THREAD_SIZE 16384
#define X86_USER_RPL 3 /* of the code segment */
/* include/uapi/asm-generic/unistd.h, arch/arm64/include/asm/memory.h */
#define ARM64_NR_LISTEN 201
#define ARM64_MIN_THREAD_SIZE 16384 /* and never less than a page */
#define ARM64_MODE_MASK 0x1f	    /* of pstate; 0: a 64-bit user */

/* The backlog if the registers are at `regs`; 0 if these are no registers of
 * a listen(). */
static __always_inline __u32 x86_backlog_at(const char *regs)
{
	const struct pt_regs___on_x86 *user = (const void *)regs;
	__u64 number = BPF_CORE_READ(user, orig_ax);
	__u64 cs = BPF_CORE_READ(user, cs);

	if (number != X86_NR_LISTEN || (cs & 3) != X86_USER_RPL)
		return 0;
	return BPF_CORE_READ(user, si);
}

static __always_inline __u32 arm64_backlog_at(const char *regs)
{
	const struct pt_regs___on_arm64 *user = (const void *)regs;
	int number = BPF_CORE_READ(user, syscallno);
	__u64 pstate = BPF_CORE_READ(user, pstate);

	if (number != ARM64_NR_LISTEN || (pstate & ARM64_MODE_MASK))
		return 0;
	return BPF_CORE_READ(user, regs[1]);
}

/*
 * The backlog of the listen() that this task is in, as an unsigned number (a
 * negative one is a large one to the kernel too). 0: not known, or 0. The
 * number of the system call and the privilege of its caller say whether these
 * are the right words: with KASAN the stack is larger, io_uring and 32-bit
 * programs listen by other calls; then it is not known.
 */
static __always_inline __u32 listen_backlog(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	char *stack = BPF_CORE_READ(task, stack);

	/* One object for both: which of them this is, its registers tell. */
	if (bpf_core_field_exists(struct pt_regs___on_arm64, pstate)) {
		__u32 size = ARM64_MIN_THREAD_SIZE;

		if (size < tuner_page_bytes)
			size = tuner_page_bytes;
		size -= bpf_core_type_size(struct pt_regs___on_arm64);
		return arm64_backlog_at(stack + size);
	}
	if (bpf_core_field_exists(struct pt_regs___on_x86, orig_ax)) {
		char *regs = stack + X86_THREAD_SIZE - bpf_core_type_size(struct pt_regs___on_x86);
		__u32 backlog = x86_backlog_at(regs);

		/* With CONFIG_X86_FRED (6.9) 16 bytes are left at the end
		 * (TOP_OF_KERNEL_STACK_PADDING). */
		return backlog ? backlog : x86_backlog_at(regs - 16);
	}
	return 0;
}
