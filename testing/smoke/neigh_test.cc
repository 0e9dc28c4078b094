// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Thousands of new neighbours in a namespace. How many the kernel may know is the whole machine's
// business, so it must be a machine of the test's own.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/client_case.h"
#include "testing/scenarios/neigh_case.h"
#include "testing/scenarios/write_watch.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 300s;
constexpr auto kPause = 50us;
constexpr int kBurst = 5000;
constexpr int kScan = 65000;  // of a /16, of which nobody answers
const std::vector<int64_t> kDefaults = {128, 512, 1024};

std::string Name(Family family) { return family == Family::kIpv4 ? "ipv4" : "ipv6"; }
// The tunable, as the log has it, for an expression.
std::string Tunable(Family family) {
  return "net." + Name(family) + ".neigh.default.gc_thresh\\{1,2,3\\}";
}

class NeighTest : public ::testing::TestWithParam<Family> {
 protected:
  void SetUp() override {
    if (!getenv("BPFTUNE_MACHINE_OF_ITS_OWN")) {
      GTEST_SKIP() << "NOT RUN, writes the machine's own";
    }
    BPFTUNE_NEEDS_PRIVILEGE();
    SetThresholds(family(), kDefaults);
    ASSERT_TRUE(EventuallyTrue([&] { return TableCount(family(), "entries") < 100; }, kPatience))
        << "of the test before";
    fulls_ = TableCount(family(), "table_fulls");
  }

  static Family family() { return GetParam(); }
  uint64_t Fulls() const { return TableCount(family(), "table_fulls") - fulls_; }
  static std::string CameDown() {
    return "^Due to nothing needing the upper half of the neighbour table change " +
           Tunable(family()) + ".* -> \\(128 512 1024\\)";
  }
  static bool AreDefault() { return Thresholds(family()) == kDefaults; }

 private:
  uint64_t fulls_ = 0;
};

TEST_P(NeighTest, BurstFillsTheTableWithoutTheDaemon) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Neighbourhood::Create(family(), kBurst));
  ASSERT_OK(many.SendToEach(kBurst, kPause));
  EXPECT_GT(Fulls(), 0U);
  EXPECT_LT(many.Arrived(), kBurst);
}

TEST_P(NeighTest, BurstIsMetBeforeTheTableIsFull) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Neighbourhood::Create(family(), kBurst));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  ASSERT_OK(many.SendToEach(kBurst, kPause));
  EXPECT_TRUE(EventuallyTrue([&] { return many.Arrived() == kBurst; }, 10s)) << many.Arrived();
  EXPECT_EQ(Fulls(), 0U);

  EXPECT_TRUE(daemon.WaitForLine(
      "^Due to need to increase neighbour table size change " + Tunable(family()) +
          "\\(gc_thresh1 gc_thresh2 gc_thresh3\\) from \\(128 512 1024\\) "
          "-> ",
      kPatience));
  EXPECT_TRUE(daemon.WaitForLine("^The table held [0-9]+ neighbours, at least half", kPatience));
  const auto raised = Thresholds(family());
  EXPECT_GE(raised[2], kBurst);
  EXPECT_EQ(raised[1], raised[2] / 2);
  EXPECT_EQ(raised[0], raised[2] / 4);
  ASSERT_OK(daemon.Stop(kPatience));
  EXPECT_FALSE(AreDefault()) << "what was raised stays";
}

TEST_P(NeighTest, ComesDownAgainWhenTheNeighboursAreGone) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  {
    ASSERT_OK_AND_ASSIGN(Neighbourhood many, Neighbourhood::Create(family(), 0));
    ASSERT_OK(many.SendToEach(kBurst, kPause));
  }
  ASSERT_FALSE(AreDefault());
  EXPECT_TRUE(daemon.WaitForLine(CameDown(), 3h)) << Thresholds(family())[2];
  EXPECT_TRUE(AreDefault());
  ASSERT_OK(daemon.Stop(kPatience));
}

TEST_P(NeighTest, ScanEndsAtTheCeilingOfMemoryAndComesBack) {
  std::ifstream meminfo("/proc/meminfo");
  std::string word;
  int64_t total_kib = 0;
  while (meminfo >> word && word != "MemTotal:") {
  }
  meminfo >> total_kib;
  ASSERT_GT(total_kib, 0);
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  {
    ASSERT_OK_AND_ASSIGN(Neighbourhood nobody, Neighbourhood::Create(family(), 0));
    ASSERT_OK(nobody.SendToEach(kScan, 0ns));
    EXPECT_TRUE(WaitForSummary(daemon, "raises not made because of the ceiling", kPatience));
  }
  const auto raised = Thresholds(family());
  EXPECT_GT(raised[2], 1024);
  EXPECT_LE(raised[2], total_kib / 64);
  EXPECT_TRUE(daemon.WaitForLine(CameDown(), 6h)) << Thresholds(family())[2];
  EXPECT_TRUE(AreDefault());
  ASSERT_OK(daemon.Stop(kPatience));
}

TEST_P(NeighTest, OneThresholdThatTheAdministratorWroteMakesAllThreeTheirs) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Neighbourhood::Create(family(), 0));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  SetThreshold(family(), 2, 600);
  ASSERT_TRUE(
      daemon.WaitForLine("modified sysctl '" + Tunable(family()) +
                             "' .* from \\(\\* 512 \\*\\) to \\(\\* 600 \\*\\); it is theirs",
                         kPatience));
  ASSERT_OK(many.SendToEach(kBurst, kPause));
  EXPECT_TRUE(WaitForSummary(daemon, "because the value is yours", kPatience));
  EXPECT_EQ(Thresholds(family()), (std::vector<int64_t>{128, 600, 1024}));
  ASSERT_OK(daemon.Stop(kPatience));
}

// It does so by netlink, which is announced by nothing.
TEST_P(NeighTest, ThresholdThatWasSetByIpNtableIsFoundAndStands) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Neighbourhood::Create(family(), 0));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  ASSERT_OK(many.SendToEach(1000, kPause));
  ASSERT_TRUE(
      daemon.WaitForLine("^Due to need to increase .* change " + Tunable(family()), kPatience));
  const auto ours = Thresholds(family());
  const char* table = family() == Family::kIpv4 ? "arp_cache" : "ndisc_cache";
  ASSERT_OK(RunClient(kIp, {"ntable", "change", "name", table, "thresh3", "1500"}));

  ASSERT_OK(many.SendToEach(kBurst, kPause));
  EXPECT_TRUE(
      daemon.WaitForLine("somebody else changed it; it is theirs. Tuner 'neigh' leaves "
                         "'neigh_" +
                             Name(family()) + "' alone",
                         kPatience));
  EXPECT_EQ(Thresholds(family()), (std::vector<int64_t>{ours[0], ours[1], 1500}));
  ASSERT_OK(daemon.Stop(kPatience));
}

TEST_P(NeighTest, DryRunSaysWhatItWouldDo) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Neighbourhood::Create(family(), 0));
  ASSERT_OK_AND_ASSIGN(WriteWatch watch, WriteWatch::Create());
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}, {"--dry-run"}));
  ASSERT_OK(many.SendToEach(kBurst, kPause));
  EXPECT_TRUE(daemon.WaitForLine("would change " + Tunable(family()), kPatience));
  EXPECT_TRUE(AreDefault());
  ASSERT_OK(daemon.Stop(kPatience));
  ASSERT_OK_AND_ASSIGN(const auto opened, watch.ClosedBy(daemon.pid()));
  EXPECT_EQ(opened, std::vector<std::string>());
}

TEST_P(NeighTest, GoesBackOnRollback) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Neighbourhood::Create(family(), 0));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}, {"-R"}));
  ASSERT_OK(many.SendToEach(kBurst, kPause));
  ASSERT_TRUE(
      daemon.WaitForLine("^Due to need to increase .* change " + Tunable(family()), kPatience));
  ASSERT_FALSE(AreDefault());
  ASSERT_OK(daemon.Stop(kPatience));
  EXPECT_TRUE(AreDefault()) << Thresholds(family())[2];
}

INSTANTIATE_TEST_SUITE_P(Families, NeighTest, ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& test) { return Name(test.param); });

}  // namespace
}  // namespace bpftune::testing
