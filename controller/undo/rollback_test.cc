// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/undo/rollback.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "controller/fakes/fake_actuator.h"
#include "controller/fakes/fake_log.h"
#include "controller/fakes/sample_tuner.h"

namespace bpftune {
namespace {

constexpr char kRmem[] = "net.ipv4.tcp_rmem";
const NetnsId kHome{1};
const NetnsId kBlue{4711};
const NetnsId kRed{42};
const Values kFirst = Three(4096, 131072, 1310720);
const Values kOurs = Three(4096, 131072, 2621440);
const Values kTheirs = Three(4096, 87380, 6291456);

class RollbackTest : public ::testing::Test {
 protected:
  // We wrote kOurs over kFirst there, and now it holds `current`.
  void Wrote(NetnsId netns, const Values& current) {
    standings[{netns, kRmem}] = {
        .inode = 7, .baseline = kFirst, .last = kOurs, .previous = kOurs, .in_flight = false};
    actuator.files[{netns, kRmem}] = current;
  }

  RollbackResult Go() {
    return Rollback(
        standings,
        {.actuator = &actuator,
         .log = &log,
         .name_of = [](NetnsId id) { return "netns " + std::to_string(id.value); },
         .restore = [this](const SysctlPlace& place, uint64_t inode, const Values&,
                           const Values& back) { return actuator.Write(place, inode, back); },
         .home = kHome,
         .all_netns = [this] { return all_netns; },
         .newborn = [this](const std::string&) { return newborn; }});
  }

  const Values& In(NetnsId netns) { return actuator.files[{netns, kRmem}]; }

  Standings standings;
  FakeActuator actuator;
  FakeLog log;
  std::vector<NetnsEntry> all_netns;
  std::optional<Values> newborn = kOurs;
};

TEST_F(RollbackTest, GoesBackToWhatWasThereInEveryNamespaceAndSaysSo) {
  Wrote(kHome, kOurs);
  Wrote(kBlue, kOurs);
  const RollbackResult result = Go();
  EXPECT_EQ(2U, result.restored);
  EXPECT_EQ(0U, result.failed);
  EXPECT_EQ(kFirst, In(kHome));
  EXPECT_EQ(kFirst, In(kBlue));
  EXPECT_EQ(1,
            log.Count("'net.ipv4.tcp_rmem' in netns 4711 went back from (4096 131072 2621440) to "
                      "(4096 131072 1310720)"));
}

TEST_F(RollbackTest, LeavesAloneWhatSomebodyElseChangedAndSaysSo) {
  Wrote(kBlue, kTheirs);
  const RollbackResult result = Go();
  EXPECT_EQ(1U, result.theirs);
  EXPECT_EQ(kTheirs, In(kBlue));
  EXPECT_TRUE(actuator.tried.empty());
  EXPECT_EQ(1,
            log.Count("'net.ipv4.tcp_rmem' in netns 4711 is (4096 87380 6291456) where bpftune "
                      "had written (4096 131072 2621440): somebody else changed it; left alone"));
}

TEST_F(RollbackTest, WhatIsBackAlreadyNeedsNoWrite) {
  Wrote(kBlue, kFirst);
  EXPECT_EQ(0U, Go().restored);
  EXPECT_TRUE(actuator.tried.empty());
  EXPECT_TRUE(log.entries.empty());
}

TEST_F(RollbackTest, NamespaceThatIsGoneIsSkippedAndNoFailure) {
  Wrote(kBlue, kOurs);
  Wrote(kRed, kOurs);
  actuator.files.erase({kBlue, kRmem});
  const RollbackResult result = Go();
  EXPECT_EQ(1U, result.gone);
  EXPECT_EQ(1U, result.restored);
  EXPECT_EQ(0U, result.failed);
}

TEST_F(RollbackTest, WhatCannotBeWrittenIsAFailureAndTheOthersGoBackAllTheSame) {
  Wrote(kBlue, kOurs);
  standings[{kNoNetns, "net.core.netdev_max_backlog"}] = {
      .inode = 0, .baseline = One(1000), .last = One(2000), .previous = One(2000)};
  const RollbackResult result = Go();  // there is no such global tunable
  EXPECT_EQ(1U, result.failed);
  EXPECT_EQ(1U, result.restored);
  EXPECT_EQ(kFirst, In(kBlue));
  EXPECT_EQ(1, log.Count("'net.core.netdev_max_backlog' in netns 0 could not go back: reading"));
}

TEST_F(RollbackTest, TheirWriteThatComesJustBeforeOursStands) {
  Wrote(kBlue, kOurs);
  actuator.hook = [&](const SysctlPlace& place, const Values&) {
    actuator.files[place] = kTheirs;  // and the watcher denies ours
    return false;
  };
  const RollbackResult result = Go();
  EXPECT_EQ(1U, result.theirs);
  EXPECT_EQ(0U, result.failed);
  EXPECT_EQ(kTheirs, In(kBlue));
}

// ---- born with our values

class HeirTest : public RollbackTest {
 protected:
  HeirTest() {
    Wrote(kHome, kOurs);
    actuator.files[{kRed, kRmem}] = kOurs;
    all_netns = {{.id = kHome, .inode = 1, .path = "", .pid = 0, .name = ""},
                 {.id = kRed, .inode = 2, .path = "", .pid = 0, .name = ""}};
  }
};

TEST_F(HeirTest, NamespaceThatWasBornWithOurValueGoesBackToItsParentsBaseline) {
  EXPECT_EQ(2U, Go().restored);
  EXPECT_EQ(kFirst, In(kRed));
  EXPECT_EQ(kFirst, In(kHome));
  ASSERT_EQ(2U, actuator.tried.size());
  EXPECT_EQ(kRed, actuator.tried[0].first.netns) << "before the parent, by which it is known";
}

TEST_F(HeirTest, OneWithAnotherValueIsLeftAlone) {
  actuator.files[{kRed, kRmem}] = kTheirs;
  EXPECT_EQ(1U, Go().restored);
  EXPECT_EQ(kTheirs, In(kRed));
}

TEST_F(HeirTest, WhereTheKernelHandsNothingDownTheSameValueIsACoincidence) {
  for (const std::optional<Values>& born_with : {std::optional(kFirst), std::optional<Values>()}) {
    Wrote(kHome, kOurs);
    newborn = born_with;
    EXPECT_EQ(1U, Go().restored);
    EXPECT_EQ(kOurs, In(kRed));
  }
}

TEST_F(HeirTest, WhatCountsIsTheValueThatTheParentReallyGot) {
  const Values wanted = Three(4096, 131072, 5242880);  // died before it was written
  Standing& home = standings[{kHome, kRmem}];
  home.last = wanted;
  home.in_flight = true;
  EXPECT_EQ(2U, Go().restored);
  EXPECT_EQ(kFirst, In(kRed));
}

TEST_F(HeirTest, OneThatWeTunedHasABaselineOfItsOwn) {
  Wrote(kRed, kOurs);
  standings[{kRed, kRmem}].baseline = kTheirs;
  EXPECT_EQ(2U, Go().restored);
  EXPECT_EQ(kTheirs, In(kRed));
}

}  // namespace
}  // namespace bpftune
