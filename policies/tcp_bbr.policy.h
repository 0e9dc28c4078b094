/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/* tcp_bbr: a bbr that leaves others their share of a queue. Changes nothing by
 * itself: it is there for tcp_conn to choose.
 */
#define TCP_BBR_TUNABLES(T)
#define TCP_BBR_SCENARIOS(S)
#define TCP_BBR_SAMPLES(M)
#define TCP_BBR_COUNTERS(C)

#define TCP_BBR_HOOKS(H)                                                      \
	H(BBR, "bbr", HOOK_EVENT, HOOK_REQUIRED, 0,                           \
	  "connections over a path that loses get the kernel's own bbr, "     \
	  "which leaves little of a queue to others")

#define TCP_BBR_MODULES(M) M("tcp_bbr", "there is no bbr to begin with")
