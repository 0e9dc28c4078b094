// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/modules.h"

#include <gtest/gtest.h>

namespace bpftune {
namespace {

TEST(ModulesTest, WhatTheKernelHasIsFound) {
  for (const ModuleUse use : {ModuleUse::kLookOnly, ModuleUse::kLoad}) {
    const Status found = LookForModule("tcp_reno", use);  // which no kernel is without
    EXPECT_TRUE(found) << found.error().message();
  }
}

TEST(ModulesTest, WhatThereIsNotIsNamed) {
  const Status looked = LookForModule("tcp_nosuch", ModuleUse::kLookOnly);
  const Status tried = LookForModule("tcp_nosuch", ModuleUse::kLoad);
  ASSERT_FALSE(looked);
  ASSERT_FALSE(tried);
  EXPECT_EQ(looked.error().message(), "the kernel has no 'nosuch' yet");
  EXPECT_EQ(tried.error().message(),
            "the kernel has no 'nosuch', and loads no module 'tcp_nosuch' (naming 'nosuch' on a "
            "socket: No such file or directory)");
}

}  // namespace
}  // namespace bpftune
