// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// The administrator writes a tunable by hand while a flow is being tuned by it.

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr char kWmem[] = "net.ipv4.tcp_wmem";
constexpr char kRmem[] = "net.ipv4.tcp_rmem";
constexpr char kCapped[] = "4096 16384 1310720";
// What the cap allows is a quarter of what the path holds, so there is something to tune for a
// while.
const BulkCase kCase = {.side = Side::kSend, .cap = 1310720, .rtt_ms = 100, .rate_mbit = 400};

class OverrideByHandTest : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

TEST_F(OverrideByHandTest, StopsThatSetInThatNamespaceAndNothingElse) {
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(kCase));
  const Host& here = *path.a;
  const Host& there = *path.b;
  ASSERT_OK(here.SetSysctl(kRmem, "4096 131072 1310720"));
  ASSERT_OK(there.SetSysctl(kWmem, kCapped));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&here, &there}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  ASSERT_TRUE(daemon.WaitForLine(OccurredIn(here, kWmem), 20s));

  const std::string theirs = "4096 16384 1000000";
  ASSERT_OK_AND_ASSIGN(AdministratorWrite write, Administrate(here, kWmem, theirs));

  ASSERT_EQ(write.error, 0);
  const auto line = daemon.WaitForLine(ModifiedIn(here, kWmem) + ".* to \\(" + theirs + "\\)", 10s);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text.find("pid " + std::to_string(write.pid) + ", cmd 'admin' "), 0U);
  EXPECT_NE(line->text.find("leaves 'tcp_wmem' alone there"), std::string::npos);
  const size_t changes = daemon.CountLines(OccurredIn(here, kWmem));

  // The other way everything is capped too: the sender's and our receive buffer go on being tuned.
  ASSERT_OK_AND_ASSIGN(BulkFlow back, BulkFlow::Start(path.link->b(), path.link->a()));
  EXPECT_TRUE(daemon.WaitForLine(OccurredIn(here, kRmem), 30s));
  EXPECT_TRUE(daemon.WaitForLine(OccurredIn(there, kWmem), 30s));

  // And a new connection is held back by the administrator's value: seen, and left so.
  ASSERT_OK_AND_ASSIGN(BulkFlow limited, BulkFlow::Start(path.link->a(), path.link->b()));
  EXPECT_TRUE(WaitForSummary(daemon, "raises not made because the value is yours", 20s));
  ASSERT_TRUE(WaitForLooks(daemon));
  ASSERT_OK_AND_ASSIGN(std::string stands, here.GetSysctl(kWmem));
  EXPECT_EQ(stands, theirs);
  EXPECT_EQ(daemon.CountLines(OccurredIn(here, kWmem)), changes);
  EXPECT_EQ(daemon.CountLines("modified sysctl"), 1U);
}

TEST_F(OverrideByHandTest, AWriteInAnotherNamespaceStopsNothingHere) {
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(kCase));
  const Host& here = *path.a;
  const Host& there = *path.b;
  ASSERT_OK_AND_ASSIGN(Host outside, Host::Create("outside"));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&here, &there}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  const auto raise = daemon.WaitForLine(OccurredIn(here, kWmem), 20s);
  ASSERT_TRUE(raise);

  ASSERT_OK(Administrate(there, kWmem, "4096 16384 1000000"));
  ASSERT_OK(Administrate(outside, kWmem, "4096 16384 1000000"));

  EXPECT_TRUE(daemon.WaitForLine(ModifiedIn(there, kWmem), 10s));
  EXPECT_TRUE(daemon.WaitForLine(OccurredIn(here, kWmem), 20s, raise->number + 1));
  EXPECT_EQ(daemon.CountLines("modified sysctl"), 1U);
}

// The kernel takes numbers one by one: what stands before the one that it refuses has been written.
TEST_F(OverrideByHandTest, AWriteThatTheKernelTakesInPartIsAnOverride) {
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(kCase));
  const Host& host = *path.a;
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  ASSERT_TRUE(daemon.WaitForLine(OccurredIn(host, kWmem), 20s));

  ASSERT_OK_AND_ASSIGN(AdministratorWrite write, Administrate(host, kWmem, "5000 16384 -5"));

  EXPECT_EQ(write.error, EINVAL);
  EXPECT_TRUE(daemon.WaitForLine(ModifiedIn(host, kWmem), 20s));
  ASSERT_OK_AND_ASSIGN(std::string stands, host.GetSysctl(kWmem));
  EXPECT_EQ(ParseVector(stands)[0], 5000);
}

TEST_F(OverrideByHandTest, WritesThatChangeNothingStopNothing) {
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(kCase));
  const Host& host = *path.a;
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get()}));
  struct {
    const char* what;
    const char* text;
    bool taken;  // by the kernel
  } const kWrites[] = {
      {"the same", "4096 16384 1310720\n", true},
      {"hexadecimal", "0x1000 0x4000 0x140000", true},
      {"octal", "010000 040000 05000000", true},
      {"tabs", "4096\t16384\t1310720\n", true},
      {"many blanks", "  4096   16384     1310720  ", true},
      {"the first two only", "4096 16384", true},
      {"the first only", "0x1000", true},
      {"no number", "plenty", false},
      {"a sign without a number", "-", false},
  };
  for (const auto& [what, text, taken] : kWrites) {
    ASSERT_OK_AND_ASSIGN(AdministratorWrite write, Administrate(host, kWmem, text));
    EXPECT_EQ(write.error == 0, taken) << what;
  }

  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  const auto raise = daemon.WaitForLine(OccurredIn(host, kWmem), 20s);
  ASSERT_TRUE(raise);
  for (const char* text : {"4096 16384", "0x1000", "plenty"}) {  // true whatever the maximum is now
    ASSERT_OK(Administrate(host, kWmem, text));
  }
  EXPECT_TRUE(daemon.WaitForLine(OccurredIn(host, kWmem), 20s, raise->number + 1));

  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(daemon.CountLines("modified sysctl|somebody else changed it"), 0U);
  EXPECT_EQ(daemon.CountLines("'sysctl': 9 foreign writes that changed nothing"), 1U);
  EXPECT_EQ(daemon.CountLines("'sysctl': 3 foreign writes that were no numbers"), 1U);
}

TEST_F(OverrideByHandTest, AWriteThatTheKernelRefusesIsNoOverrideInTheEnd) {
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(kCase));
  const Host& host = *path.a;
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get()}));
  for (const char* text : {"4096 16384 -5", "4096 16384 0", "4096 16384 99999999999", "0"}) {
    ASSERT_OK_AND_ASSIGN(AdministratorWrite write, Administrate(host, kWmem, text));
    EXPECT_EQ(write.error, EINVAL) << text;
    ASSERT_OK_AND_ASSIGN(std::string unchanged, host.GetSysctl(kWmem));
    EXPECT_EQ(unchanged, kCapped) << text;
  }
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  const auto raise = daemon.WaitForLine(OccurredIn(host, kWmem), 20s);
  ASSERT_TRUE(raise);

  ASSERT_OK_AND_ASSIGN(AdministratorWrite write, Administrate(host, kWmem, "4096 16384 -5"));
  EXPECT_EQ(write.error, EINVAL);

  EXPECT_TRUE(daemon.WaitForLine(OccurredIn(host, kWmem), 20s, raise->number + 1));
  EXPECT_EQ(daemon.CountLines("modified sysctl|somebody else changed it"), 0U);
}

}  // namespace
}  // namespace bpftune::testing
