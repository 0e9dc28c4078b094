// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// The whole engine once, in a minute and on any kernel: it starts and says what works, tunes a flow
// that is held back, explains it, yields to the administrator, and goes without a trace. Runs on
// this machine and, in the matrix, on other kernels in emulation, ten times slower; so nothing here
// depends on how long something takes.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/held_objects.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 120s;
constexpr char kWmem[] = "net.ipv4.tcp_wmem";
// The path holds 250 kB; the cap allows a third of it.
const BulkCase kHeldBack = {.side = Side::kSend, .cap = 131072, .rtt_ms = 40, .rate_mbit = 50};

class EngineSmokeTest : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }

  static void ExpectKnownLines(const Daemon& daemon) {
    EXPECT_TRUE(daemon.WaitForLine("^bpftune works (fully|in legacy mode)$", kPatience));
    EXPECT_TRUE(daemon.WaitForLine(
        "^bpftune (supports|does not support) per-netns policy \\(via netns cookie\\)", kPatience));
  }
};

TEST_F(EngineSmokeTest, SaysWhatThisKernelSupports) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Daemon::Start(kDaemonPath, {"-S", "-l", kTunersPath}));

  ExpectKnownLines(daemon);
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(kPatience));

  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(daemon.CountLines("^tuner +hook +runs as"), 1U);
  // Without these nothing is tuned, on any kernel.
  EXPECT_EQ(daemon.CountLines("^sysctl +watch +watch__cgroup"), 1U);
  EXPECT_EQ(daemon.CountLines("^sysctl +orders +orders__(each__)?tuner_orders"), 1U);
  EXPECT_EQ(daemon.CountLines("^netns +walk +walk__(each__)?tuner_alive"), 1U);
  EXPECT_EQ(daemon.CountLines("^netns +exec +exec__tp_btf"), 1U);
  EXPECT_EQ(daemon.CountLines("^route +(walk +walk__(each__)?counts|- +stands down: )"), 1U);
  EXPECT_EQ(daemon.CountLines("^tcp_buffer +flow +flow__sockops"), 1U);
  EXPECT_EQ(daemon.CountLines("^tcp_buffer +sweep +sweep__(files__)?flows"), 1U);
  EXPECT_EQ(daemon.CountLines("^tcp_conn +conn +conn__sockops"), 1U);
  EXPECT_EQ(
      daemon.CountLines("^tcp_bbr +bbr +bbr__struct_ops|not loaded: .*tcp_bbr.*kernel's own bbr"),
      1U);
  EXPECT_EQ(daemon.CountLines("^tcp_listen +listen +listen__sockops"), 1U);
  EXPECT_EQ(daemon.CountLines("^tcp_listen +sweep +sweep__(files__)?listeners"), 1U);
  EXPECT_EQ(daemon.CountLines("^udp_buffer +request +request__cgroup"), 1U);
  EXPECT_EQ(daemon.CountLines("^udp_buffer +loss +loss__tp_btf"), 1U);
  EXPECT_EQ(daemon.CountLines("^udp_buffer +sweep +sweep__(files__)?askers"), 1U);
  EXPECT_EQ(daemon.CountLines("^ip_frag +drop +drop__tp_btf"), 1U);
  EXPECT_EQ(daemon.CountLines("^ip_frag +look +look__(each__)?reassemblies"), 1U);
  EXPECT_EQ(daemon.CountLines("^ip_frag +inside +inside__(each__)?once"), 1U);
  EXPECT_EQ(daemon.CountLines("^net_buffer +look +look__(each__)?softnet"), 1U);
  EXPECT_EQ(daemon.CountLines("^neigh +create +create__tp_btf"), 1U);
  EXPECT_EQ(daemon.CountLines("^neigh +wait +wait__tp_btf"), 1U);
  EXPECT_EQ(daemon.CountLines("^neigh +found +found__tp_btf"), 1U);
  EXPECT_EQ(daemon.CountLines("^neigh +tables +tables__(each__)?neighbours"), 1U);
  // So that the log of the matrix shows what each kernel has.
  for (const std::string& line : exit.lines) std::printf("    %s\n", line.c_str());
}

TEST_F(EngineSmokeTest, RaisesWhatHoldsAFlowBackAndYieldsToTheAdministrator) {
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(kHeldBack));
  const Host& host = *path.a;
  ASSERT_OK_AND_ASSIGN(
      Daemon daemon,
      Daemon::Start(kDaemonPath, Apart({"-s", "-l", kTunersPath, "-n", host.netns_path()})));
  ExpectKnownLines(daemon);
  ASSERT_OK_AND_ASSIGN(HeldObjects held, HeldObjects::Of(daemon.pid()));
  ASSERT_FALSE(held.programs.empty());
  ASSERT_FALSE(held.links.empty());

  // A flow that is held back: at least one raise, in words.
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  ASSERT_TRUE(daemon.WaitForLine(OccurredIn(host, kWmem), kPatience));
  ASSERT_TRUE(
      daemon.WaitForLine("^Due to need to increase max buffer size to maximize throughput change "
                         "net.ipv4.tcp_wmem\\(min default max\\) from \\(4096 16384 131072\\) -> ",
                         kPatience));
  ASSERT_TRUE(daemon.WaitForLine("^The send buffer towards 10\\.77\\.[0-9.]+ is full", kPatience));

  // The administrator's write: the set is theirs.
  const std::string theirs = "4096 16384 140000";
  ASSERT_OK_AND_ASSIGN(AdministratorWrite write, Administrate(host, kWmem, theirs));
  ASSERT_EQ(write.error, 0);
  ASSERT_TRUE(daemon.WaitForLine("^pid " + std::to_string(write.pid) + ", cmd 'admin' " +
                                     ModifiedIn(host, kWmem) + ".* to \\(" + theirs + "\\)",
                                 kPatience));
  const size_t changes = CountChanges(daemon);
  flow.Stop();  // a half of the line would be less than what theirs allows
  ASSERT_OK_AND_ASSIGN(BulkFlow another, BulkFlow::Start(path.link->a(), path.link->b()));
  EXPECT_TRUE(WaitForSummary(daemon, "raises not made because the value is yours", kPatience));
  ASSERT_OK_AND_ASSIGN(std::string stands, host.GetSysctl(kWmem));
  EXPECT_EQ(stands, theirs);
  EXPECT_EQ(CountChanges(daemon), changes);

  // The last words, and nothing left behind.
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop(kPatience));
  EXPECT_EQ(exit.code, 0);
  EXPECT_GE(
      daemon.CountLines("^Summary: scenario 'need to increase TCP buffer size\\(s\\)' occurred "
                        "[0-9]+ times for tunable 'net.ipv4.tcp_wmem' in "),
      1U);
  EXPECT_TRUE(EventuallyTrue([&] { return held.StillThere().empty(); }, kPatience))
      << ::testing::PrintToString(held.StillThere());
}

TEST_F(EngineSmokeTest, RaisesNoMoreThanIsNeeded) {
  BulkCase ample = kHeldBack;
  ample.cap = 4 << 20;
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(ample));
  ASSERT_OK_AND_ASSIGN(
      Daemon daemon,
      Daemon::Start(kDaemonPath, Apart({"-s", "-l", kTunersPath, "-n", path.a->netns_path()})));
  ExpectKnownLines(daemon);
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));

  EXPECT_TRUE(WaitForSummary(daemon, "connections seen carrying data", kPatience));
  flow.WaitUntil(5);

  EXPECT_EQ(CountChanges(daemon), 0U);
  EXPECT_GT(flow.bytes_received(), 0U);
  ASSERT_OK_AND_ASSIGN(int64_t cap, path.Cap(ample.side));
  EXPECT_EQ(cap, ample.cap);
}

}  // namespace
}  // namespace bpftune::testing
