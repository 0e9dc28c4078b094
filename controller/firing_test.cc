// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/firing.h"

#include <gtest/gtest.h>

namespace bpftune {
namespace {

TEST(CauseOfTest, IsKnownByTheSectionAlone) {
  const struct {
    const char* section;
    Cause cause;
  } kCases[] = {
      {"cgroup/sysctl", Cause::kRead},
      {"cgroup/setsockopt", Cause::kSetOption},
      {"sockops", Cause::kConnect},
      {"fentry/tcp_v4_connect", Cause::kConnect},
      {"kprobe/tcp_v4_connect", Cause::kConnect},
      {"tp_btf/tcp_destroy_sock", Cause::kConnect},
      {"tp_btf/kfree_skb", Cause::kDrop},
      {"raw_tp/kfree_skb", Cause::kDrop},
  };
  for (const auto& c : kCases) EXPECT_EQ(CauseOf(c.section), c.cause) << c.section;
}

// A function of the same name may be inlined where we would reach it.
TEST(CauseOfTest, NothingIsClaimedOfWhatWeDoNotReachForSure) {
  for (const char* section : {"kprobe/kfree_skb", "tp_btf/tcp_v4_connect", "tp_btf/neigh_create",
                              "tp_btf/", "tp_btf", "fentry", "", "struct_ops", "iter/tcp"}) {
    EXPECT_EQ(CauseOf(section), Cause::kNone) << section;
  }
}

TEST(IsOnFunctionTest, TellsProbesFromTracepointsAndCallbacks) {
  for (const char* section : {"fentry/a", "fexit/a", "kprobe/a", "kretprobe/a"}) {
    EXPECT_TRUE(IsOnFunction(section)) << section;
  }
  for (const char* section : {"tp_btf/a", "raw_tp/a", "sockops", "cgroup/sysctl", "iter/tcp", ""}) {
    EXPECT_FALSE(IsOnFunction(section)) << section;
  }
}

TEST(IsBelowCgroupRootTest, IsFalseOnlyForAPathThatLeavesTheRootOfVersion2) {
  EXPECT_TRUE(IsBelowCgroupRoot("0::/\n"));
  EXPECT_TRUE(IsBelowCgroupRoot("1:cpu:/../x\n0::/user.slice/..x\n"));
  EXPECT_FALSE(IsBelowCgroupRoot("1:cpu:/\n0::/../other\n"));
  EXPECT_FALSE(IsBelowCgroupRoot("0::/.."));
  EXPECT_TRUE(IsBelowCgroupRoot("1:cpu:/\n")) << "no version 2: attaching says so";
  EXPECT_TRUE(IsBelowCgroupRoot(""));
}

}  // namespace
}  // namespace bpftune
