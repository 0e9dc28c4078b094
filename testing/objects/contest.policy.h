/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * contest: strategies of fixed scores, judged after a second, one of which
 * cannot run on any kernel. It changes nothing.
 */
#define CONTEST_TUNABLES(T)
#define CONTEST_SCENARIOS(S)
#define CONTEST_SAMPLES(M)

#define CONTEST_COUNTERS(C)            \
  C(FIRST_RAN, "beats of the first")   \
  C(SECOND_RAN, "beats of the second") \
  C(THIRD_RAN, "beats of the third")   \
  C(OUT_OF_TURN, "beats of another than the one chosen")

#define CONTEST_HOOKS(H)                                      \
  H(FIRST, "first", HOOK_PULSE, 0, 0, "the first is lost")    \
  H(BROKEN, "broken", HOOK_EVENT, 0, 0, "the broken is lost") \
  H(SECOND, "second", HOOK_PULSE, 0, 0, "the second is lost") \
  H(THIRD, "third", HOOK_PULSE, 0, 0, "the third is lost")

#define CONTEST_STRATEGIES(Y)                                \
  Y(FIRST, "first", "scores 10", 1, HOOK_BIT(FIRST))         \
  Y(BROKEN, "broken", "would score 40", 1, HOOK_BIT(BROKEN)) \
  Y(SECOND, "second", "scores 30", 1, HOOK_BIT(SECOND))      \
  Y(THIRD, "third", "scores 20", 1, HOOK_BIT(THIRD))
