// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Privileged tests (cc_privileged_test) say so in their first line:
//
//   TEST(AttachTest, SeesANewNamespace) {
//     BPFTUNE_NEEDS_PRIVILEGE();
//
// Without privileges the test is skipped with the reason; where they are promised
// (--config=ci sets BPFTUNE_REQUIRE_PRIVILEGED=1) it fails instead.

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace bpftune::testing {

// Nothing if this process may create BPF maps and network namespaces; otherwise why
// not. It tries, because the uid proves nothing: inside Bazel's sandbox, a user
// namespace, geteuid() is 0 too.
std::optional<std::string> WhyNotPrivileged();

// True where a privileged test that cannot run is a failure.
bool PrivilegeRequired();

}  // namespace bpftune::testing

#define BPFTUNE_NEEDS_PRIVILEGE()                                                              \
  do {                                                                                         \
    if (const auto why_not = ::bpftune::testing::WhyNotPrivileged()) {                         \
      if (::bpftune::testing::PrivilegeRequired())                                             \
        FAIL() << "a privileged test cannot run, and it must here: " << *why_not;              \
      GTEST_SKIP() << "NOT RUN, needs CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN: " << *why_not; \
    }                                                                                          \
  } while (false)
