// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/sysctl_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bpftune {
namespace {

TEST(SysctlNameTest, IsBelowNetAndNeverLeadsOutOfIt) {
  for (const char* name :
       {"net.ipv4.tcp_rmem", "net.core.somaxconn", "net.ipv4.neigh.eth0.unres_qlen_bytes",
        "net.ipv4.neigh.eth0/100.unres_qlen_bytes", "net.ipv4.neigh.Wan@1.unres_qlen_bytes",
        "net.ipv4.neigh.default.gc_thresh{1,2,3}", "net.ipv4.tcp_retries{1,2}"}) {
    EXPECT_TRUE(IsNetSysctl(name)) << name;
  }
  for (const char* name : {"",
                           "net",
                           "net.",
                           ".net",
                           "kernel.panic",
                           "net..ipv4",
                           "net.ipv4.",
                           "net.IPV4.tcp_rmem",
                           "net.ipv4/../../kernel/panic",
                           "net.ipv4.neigh./.x",
                           "net.ipv4.neigh.//.x",
                           "net.ipv4.neigh.a b.x",
                           "net.ipv4.neigh.0123456789abcdeF.x",
                           "net.ipv4.neigh.*.x",
                           "net.ipv4.a/b.x",
                           "net.ipv4.a/b",
                           "net.x{1}",
                           "net.x{1,2",
                           "net.x1,2}",
                           "net.{1,2}",
                           "net.x{1,2}.y",
                           "net.x{1,/}",
                           "net.x{,}",
                           "net.x{1,2}}"}) {
    EXPECT_FALSE(IsNetSysctl(name)) << name;
  }
}

TEST(SysctlNameTest, PathHasSlashesAndDotsWhereADeviceHasThem) {
  EXPECT_EQ("net/ipv4/tcp_rmem", SysctlPath("net.ipv4.tcp_rmem"));
  EXPECT_EQ("net/ipv4/neigh/eth0.100/unres_qlen_bytes",
            SysctlPath("net.ipv4.neigh.eth0/100.unres_qlen_bytes"));
}

TEST(SysctlNameTest, BracesNameAFileForEachNumber) {
  EXPECT_EQ((std::vector<std::string>{"net.ipv4.tcp_rmem"}), FilesOf("net.ipv4.tcp_rmem"));
  EXPECT_EQ((std::vector<std::string>{"net.x.gc_thresh1", "net.x.gc_thresh2", "net.x.gc_thresh3"}),
            FilesOf("net.x.gc_thresh{1,2,3}"));
}

}  // namespace
}  // namespace bpftune
