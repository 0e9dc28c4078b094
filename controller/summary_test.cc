// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/summary.h"

#include <gtest/gtest.h>

#include "controller/fakes/sample_tuner.h"

namespace bpftune {
namespace {

using Lines = std::vector<std::string>;

class SummaryTest : public ::testing::Test {
 protected:
  Decision Change(const std::string& netns, const Values& from, const Values& to,
                  SampleScenario scenario = kIncrease) const {
    return {&tuner.tunables[kRmem], &tuner.scenarios[scenario], &record, netns, from, to};
  }

  const Description tuner = SampleTuner();
  const request record = {};
  const SysctlPlace global{kNoNetns, "net.ipv4.tcp_rmem"};
  const SysctlPlace blue{NetnsId{7}, "net.ipv4.tcp_rmem"};
  Summary summary;
};

TEST_F(SummaryTest, SaysNothingOfNothing) { EXPECT_EQ(Lines{}, summary.Lines()); }

TEST_F(SummaryTest, CountsScenariosAndTellsTheFirstAndTheLastValue) {
  summary.Changed(global, Change("global ns", Three(1, 2, 3), Three(1, 2, 6)));
  summary.Changed(global, Change("global ns", Three(1, 2, 6), Three(1, 2, 12)));
  EXPECT_EQ((Lines{"Summary: scenario 'need to increase TCP buffer size(s)' occurred 2 times for "
                   "tunable 'net.ipv4.tcp_rmem' in global ns. Need to increase buffer size(s) to "
                   "maximize throughput",
                   "sysctl 'net.ipv4.tcp_rmem' changed from (1 2 3) -> (1 2 12)"}),
            summary.Lines());
}

TEST_F(SummaryTest, KeepsNamespacesAndScenariosApart) {
  summary.Changed(global, Change("global ns", Three(1, 2, 3), Three(1, 2, 6)));
  summary.Changed(blue, Change("netns 'blue'", Three(1, 2, 3), Three(1, 2, 5)));
  summary.Changed(blue, Change("netns 'blue'", Three(1, 2, 5), Three(1, 2, 4), kDecrease));
  const Lines lines = summary.Lines();
  ASSERT_EQ(5U, lines.size());
  EXPECT_EQ("sysctl 'net.ipv4.tcp_rmem' in netns 'blue' changed from (1 2 3) -> (1 2 4)", lines[4]);
  for (size_t i = 0; i < 3; ++i) EXPECT_NE(std::string::npos, lines[i].find("occurred 1 times"));
}

TEST_F(SummaryTest, NoteCountsButChangesNothing) {
  summary.Noted(global, Change("global ns", {}, {}));
  ASSERT_EQ(1U, summary.Lines().size());
  EXPECT_NE(std::string::npos, summary.Lines()[0].find("occurred 1 times"));
}

TEST_F(SummaryTest, RefusalIsToBeExplainedTheFirstTimeForEachPlaceAndReason) {
  EXPECT_TRUE(summary.Refused(global, "too late"));
  EXPECT_FALSE(summary.Refused(global, "too late"));
  EXPECT_TRUE(summary.Refused(global, "too early"));
  EXPECT_TRUE(summary.Refused(blue, "too late"));
  EXPECT_EQ((Lines{"Summary: 1 changes of 'net.ipv4.tcp_rmem' were not made: too early",
                   "Summary: 2 changes of 'net.ipv4.tcp_rmem' were not made: too late",
                   "Summary: 1 changes of 'net.ipv4.tcp_rmem' were not made: too late"}),
            summary.Lines());
}

TEST_F(SummaryTest, OnlyAddsUpWhatIsBeyondItsLimit) {
  const auto place = [](uint64_t netns) { return SysctlPlace{NetnsId{netns}, "net.x"}; };
  for (uint64_t i = 1; i <= Summary::kMostRows + 10; ++i) {
    summary.Changed(place(i), Change("netns", Three(1, 2, 3), Three(1, 2, 4)));
    EXPECT_EQ(i <= Summary::kMostRows, summary.Refused(place(i), "no"));
  }
  summary.Changed(place(1),
                  Change("netns", Three(1, 2, 4), Three(1, 2, 5)));  // known: still counted
  const Lines lines = summary.Lines();
  EXPECT_EQ(3 * Summary::kMostRows + 1, lines.size());
  EXPECT_EQ("Summary: 20 more, beyond what is counted one by one", lines.back());
  EXPECT_NE(std::string::npos, lines.front().find("occurred 2 times"));
}

}  // namespace
}  // namespace bpftune
