// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Connections that lose segments on the path, and connections that lose them to a queue: the first
// are switched to bbr where they stand, the others are not.

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/conn_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

LinkParameters Path100(double rtt_ms, double loss_percent) {
  return {.rate_mbit = 100, .delay_ms = rtt_ms / 2, .loss_percent = loss_percent};
}

struct LossCase {
  const char* name;
  double rtt_ms;
  double loss_percent;
  Family family = Family::kIpv4;
};

class LossOnPath : public ::testing::TestWithParam<LossCase> {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

TEST_P(LossOnPath, ThatBeginsInTheMiddleSwitchesTheConnectionToBbr) {
  const LossCase& c = GetParam();
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(Path100(c.rtt_ms, 0)));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow,
                       StartFlow(path, {.congestion_control = "", .family = c.family}));
  flow.WaitUntil(3);
  ASSERT_EQ(AlgorithmOf(flow), path.algorithm);

  const double begin = flow.age_s();
  path.link->Set(Direction::kAToB, Path100(c.rtt_ms, c.loss_percent));
  ASSERT_TRUE(EventuallyTrue([&] { return HasBbr(flow); }, 10s));
  const double switched = flow.age_s();
  flow.WaitUntil(switched + 7);
  const double mbit = flow.MbitPerSecond(switched + 3, switched + 7);

  std::printf("%s, %s: switched after %.2f s, then %.1f Mbit/s\n", path.algorithm.c_str(), c.name,
              switched - begin, mbit);
  EXPECT_LE(switched - begin, 2);
  EXPECT_GE(mbit, 75);
  // What an IPv6 socket maps is said as the IPv4 it is.
  const std::string peer =
      path.link->b().address(c.family == Family::kMapped ? Family::kIpv4 : c.family);
  EXPECT_TRUE(daemon.WaitForLine(
      "^Scenario 'specify bbr congestion control' occurred for tunable 'TCP congestion control' in "
      "(netns .*|global ns)\\. Because ",
      5s));
  EXPECT_TRUE(daemon.WaitForLine(
      "^due to loss events for " + peer + ", specify 'bbr' congestion control algorithm: of [1-9]",
      5s));
  EXPECT_EQ(CountOf(daemon, "connections switched to bbr because of loss"), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    , LossOnPath,
    ::testing::Values(LossCase{"OnePercent40ms", 40, 1}, LossCase{"TwoPercent100ms", 100, 2},
                      LossCase{"FivePercent40ms", 40, 5},
                      LossCase{"OverIpv6", 40, 2, Family::kIpv6},
                      LossCase{"Ipv4OverAnIpv6Socket", 40, 2, Family::kMapped}),
    [](const auto& tested) { return std::string(tested.param.name); });

class LossToAQueue : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

TEST_F(LossToAQueue, IsCountedAndSwitchesNothing) {
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(Path100(40, 0)));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow first, StartFlow(path));
  ASSERT_OK_AND_ASSIGN(BulkFlow second, StartFlow(path));
  second.WaitUntil(20);

  EXPECT_EQ(AlgorithmOf(first), path.algorithm);
  EXPECT_EQ(AlgorithmOf(second), path.algorithm);
  EXPECT_GT(path.link->Statistics(Direction::kAToB).dropped_by_queue, 0U);
  EXPECT_EQ(CountOf(daemon, "connections switched"), 0U);
  EXPECT_GE(CountOf(daemon, "connections that lost segments"), 1U);
  EXPECT_GE(CountOf(daemon, "segments sent again while the default algorithm was kept"), 3U);
}

// A tenth of a second in which everything is lost, once.
TEST_F(LossToAQueue, OneBurstSwitchesNothing) {
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(Path100(40, 0)));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));
  flow.WaitUntil(3);
  const auto lost = [&] { return path.link->Statistics(Direction::kAToB).dropped_by_loss; };
  path.link->Set(Direction::kAToB, Path100(40, 99));
  ASSERT_TRUE(EventuallyTrue([&] { return lost() >= 30; }, 5s));
  path.link->Set(Direction::kAToB, Path100(40, 0));
  flow.WaitUntil(10);

  EXPECT_EQ(AlgorithmOf(flow), path.algorithm);
  EXPECT_EQ(CountOf(daemon, "connections switched"), 0U);
  EXPECT_EQ(CountOf(daemon, "connections that lost segments"), 1U);
}

TEST_F(LossToAQueue, SegmentsThatOnlyComeInAnotherOrderSwitchNothing) {
  LinkParameters parameters = Path100(40, 0);
  parameters.reorder_percent = 1;
  parameters.reorder_ms = 12;  // more than the quarter of a round trip that RACK waits at first
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(parameters));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));
  flow.WaitUntil(15);

  EXPECT_EQ(AlgorithmOf(flow), path.algorithm);
  EXPECT_GT(path.link->Statistics(Direction::kAToB).reordered, 100U);
  EXPECT_EQ(path.link->Statistics(Direction::kAToB).dropped_by_loss, 0U);
  EXPECT_EQ(CountOf(daemon, "connections that lost segments"), 1U) << "nothing was sent again";
  EXPECT_EQ(CountOf(daemon, "connections switched"), 0U);
}

TEST_F(LossToAQueue, DryRunSaysWhatItWouldDoAndDoesNothing) {
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(Path100(40, 2)));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}, {"--dry-run"}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));

  EXPECT_TRUE(daemon.WaitForLine("would specify 'bbr' congestion control algorithm", 20s));
  EXPECT_EQ(AlgorithmOf(flow), path.algorithm);
}

TEST_F(LossToAQueue, FreezeFileHoldsSwitches) {
  const std::string run_dir = ::testing::TempDir() + "conn-frozen-" + std::to_string(getpid());
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(Path100(40, 2)));
  ASSERT_OK_AND_ASSIGN(Daemon daemon,
                       StartDaemon({path.a.get(), path.b.get()}, {"--run-dir", run_dir}));
  const auto folder = std::filesystem::directory_iterator(run_dir)->path();
  std::ofstream(folder / "freeze").close();
  ASSERT_TRUE(daemon.WaitForLine("/freeze' is there: nothing is changed", 10s));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));

  EXPECT_TRUE(daemon.WaitForLine("would specify 'bbr' congestion control algorithm", 20s));
  EXPECT_EQ(AlgorithmOf(flow), path.algorithm);
}

}  // namespace
}  // namespace bpftune::testing
