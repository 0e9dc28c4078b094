/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/* What the decision latency benchmark, its tuner and its observer share. */
#include "bpf/common/types.h"

#define PROBE_NAMESPACES 2 /* the daemon's own, and another one */
#define PROBE_DECISIONS_MAX 8192

/* Every decision wants a maximum that no other wants, so the value that
 * arrives says which one it was. */
#define PROBE_LOW (2 << 20)
#define PROBE_HIGH (4 << 20)
#define PROBE_INDEX_MASK (PROBE_DECISIONS_MAX - 1)

/* Where to decide. Written by the benchmark before `ready`. */
struct probe_target {
  __u64 netns;   /* its id, as the daemon knows it */
  __s64 seen[3]; /* the value there before the first decision */
  __u32 ready;
  __u32 reserved;
};

enum probe_place {
  PROBE_ALONE, /* the only decision of its pulse */
  PROBE_FIRST, /* of two */
  PROBE_SECOND,
  PROBE_PLACES,
};

struct probe_decision {
  __u64 time_ns; /* of the request; 0: none yet */
  __u32 target;
  __u32 place; /* enum probe_place */
};

/* A write of the daemon, as the kernel saw it. */
struct probe_arrival {
  __u64 before_ns; /* the kernel is about to handle it */
  __u64 after_ns;  /* the system call returns: the value is there */
};

ABI_ASSERT(sizeof(struct probe_target) == 40);
ABI_ASSERT(sizeof(struct probe_decision) == 16);
ABI_ASSERT(sizeof(struct probe_arrival) == 16);
