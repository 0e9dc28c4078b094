// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/host.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/traffic.h"
#include "testing/privilege.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

uint64_t InodeOfNamespace(const std::string& path) {
  struct stat identity;
  return stat(path.c_str(), &identity) == 0 ? identity.st_ino : 0;
}

TEST(HostTest, IsANamespaceOfItsOwnThatCanBeFoundInProc) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("lonely"));

  EXPECT_EQ(InodeOfNamespace(host.netns_path()), host.inode());
  EXPECT_NE(InodeOfNamespace("/proc/self/ns/net"), host.inode());
}

TEST(HostTest, RunsCodeInsideAndComesBack) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("inside"));
  uint64_t home = InodeOfNamespace("/proc/thread-self/ns/net");

  uint64_t seen = host.Run([] { return InodeOfNamespace("/proc/thread-self/ns/net"); });

  EXPECT_EQ(seen, host.inode());
  EXPECT_EQ(InodeOfNamespace("/proc/thread-self/ns/net"), home);
}

TEST(HostTest, HasASysctlTreeOfItsOwn) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host one, Host::Create("one"));
  ASSERT_OK_AND_ASSIGN(Host other, Host::Create("other"));
  ASSERT_OK_AND_ASSIGN(std::string before, other.GetSysctl("net.ipv4.tcp_rmem"));

  ASSERT_OK(one.SetSysctl("net.ipv4.tcp_rmem", "4096 131072 1310721"));

  ASSERT_OK_AND_ASSIGN(std::string written, one.GetSysctl("net.ipv4.tcp_rmem"));
  ASSERT_OK_AND_ASSIGN(std::string after, other.GetSysctl("net.ipv4.tcp_rmem"));
  EXPECT_EQ(written, "4096 131072 1310721");
  EXPECT_EQ(after, before);
}

TEST(HostTest, SaysWhichSysctlItCouldNotSet) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("strict"));

  Status unknown = host.SetSysctl("net.ipv4.no_such_thing", "1");
  Status invalid = host.SetSysctl("net.ipv4.tcp_rmem", "many");

  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message().find("net.ipv4.no_such_thing"), std::string::npos);
  EXPECT_FALSE(invalid);
}

TEST(HostTest, HasLoopbackUp) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("loopback"));

  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    auto connection = Connect(Loopback(host), Loopback(host), {.family = family});
    EXPECT_OK(connection);
  }
}

TEST(HostTest, LivesAsLongAsItsLastHandle) {
  BPFTUNE_NEEDS_PRIVILEGE();
  pid_t keeper;
  {
    Result<Host> first = Host::Create("short-lived");
    ASSERT_OK(first);
    Host second = *first;
    keeper = second.pid();
    first = Error("gone");
    EXPECT_EQ(kill(keeper, 0), 0);
  }
  EXPECT_NE(kill(keeper, 0), 0);
}

TEST(HostTest, CookieIsTheOneTheKernelGivesASocketInside) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host one, Host::Create("one"));
  ASSERT_OK_AND_ASSIGN(Host other, Host::Create("other"));
  if (one.cookie() == 0) GTEST_SKIP() << "this kernel has no SO_NETNS_COOKIE";

  EXPECT_NE(one.cookie(), other.cookie());
}

TEST(HostTest, ADaemonCanBeStartedInside) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("container"));

  ASSERT_OK_AND_ASSIGN(Daemon daemon, Daemon::Start("/bin/sh", {"-c", "readlink /proc/self/ns/net"},
                                                    {.inside = host}));

  EXPECT_TRUE(daemon.WaitForLine("net:\\[" + std::to_string(host.inode()) + "\\]", 10s));
}

TEST(VethPairTest, JoinsTwoHostsInBothFamilies) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host a, Host::Create("a"));
  ASSERT_OK_AND_ASSIGN(Host b, Host::Create("b"));

  ASSERT_OK_AND_ASSIGN(VethPair pair, VethPair::Create(a, b));

  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    ASSERT_OK_AND_ASSIGN(PingReport there, Ping(pair.a, pair.b, {.count = 2, .family = family}));
    ASSERT_OK_AND_ASSIGN(PingReport back, Ping(pair.b, pair.a, {.count = 2, .family = family}));
    EXPECT_EQ(there.received, 2);
    EXPECT_EQ(back.received, 2);
  }
}

TEST(VethPairTest, ARouterBetweenTwoHostsForwards) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host a, Host::Create("a"));
  ASSERT_OK_AND_ASSIGN(Host router, Host::Create("router"));
  ASSERT_OK_AND_ASSIGN(Host b, Host::Create("b"));
  ASSERT_OK_AND_ASSIGN(VethPair left, VethPair::Create(a, router));
  ASSERT_OK_AND_ASSIGN(VethPair right, VethPair::Create(router, b));

  ASSERT_OK(router.SetSysctl("net.ipv4.ip_forward", "1"));
  ASSERT_OK(a.AddRoute(right.b.ipv4 + "/32", left.b.ipv4));
  ASSERT_OK(b.AddRoute(left.a.ipv4 + "/32", right.a.ipv4));

  ASSERT_OK_AND_ASSIGN(PingReport report, Ping(left.a, right.b, {.count = 2}));
  EXPECT_EQ(report.received, 2);
}

TEST(ParseVectorTest, ReadsNumbersAndNothingElse) {
  EXPECT_EQ(ParseVector("4096 131072\t1310720"), (std::vector<int64_t>{4096, 131072, 1310720}));
  EXPECT_EQ(ParseVector("-1"), std::vector<int64_t>{-1});
  EXPECT_TRUE(ParseVector("").empty());
  EXPECT_TRUE(ParseVector("4096 many").empty());
}

TEST(EventuallyTrueTest, WaitsForTheConditionButNotForEver) {
  int calls = 0;
  EXPECT_TRUE(EventuallyTrue([&calls] { return ++calls == 3; }, 10s));
  EXPECT_FALSE(EventuallyTrue([] { return false; }, std::chrono::milliseconds(30)));
}

}  // namespace
}  // namespace bpftune::testing
