/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * ask: what the test tuner may ask for. Tunables that no real tuner declares,
 * so that both can run side by side, and that hurt nobody in a namespace of a
 * test's own: one of a single number, one of two.
 */
#define ASK_TUNABLES(T)                                                                            \
  T(OUTPUT, "net.ipv4.tcp_limit_output_bytes", "bytes", "tcp_output", 1, TUNABLE_PER_NETNS, 65536, \
    1 << 24)                                                                                       \
  T(PORTS, "net.ipv4.ip_local_port_range", "first last", "ports", 2, TUNABLE_PER_NETNS, 1024, 65535)

#define ASK_SCENARIOS(S) \
  S(ASKED, "test asks", "A test wants to see what happens", "a test", "The test says {arg0}.")

#define ASK_SAMPLES(M)
#define ASK_COUNTERS(C)

#define ASK_HOOKS(H) H(ASK, "ask", HOOK_PULSE, HOOK_REQUIRED, 0, "nothing is asked")
