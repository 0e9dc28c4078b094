// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "netns/scoped_netns.h"

#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "controller/capabilities.h"
#include "netns/netns_id.h"

namespace bpftune {

Result<ScopedNetns> ScopedNetns::Enter(int netns_fd) {
  auto home = OpenCurrentNetns();
  if (!home) return home.error();
  const InForce may_enter({CAP_SYS_ADMIN});
  if (setns(netns_fd, CLONE_NEWNET) != 0) return Error::FromErrno("entering a network namespace");
  return ScopedNetns(std::move(*home));
}

ScopedNetns::~ScopedNetns() {
  if (!home_) return;
  const InForce may_enter({CAP_SYS_ADMIN});
  if (setns(home_.get(), CLONE_NEWNET) == 0) return;
  std::fprintf(stderr, "bpftune: cannot return from a network namespace, giving up: %s\n",
               std::strerror(errno));
  std::abort();
}

}  // namespace bpftune
