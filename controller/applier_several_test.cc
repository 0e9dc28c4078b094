// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// A tunable whose numbers are in files of their own: the administrator writes one of them at a
// time.

#include <gtest/gtest.h>

#include <string>

#include "controller/fakes/applier_case.h"

namespace bpftune {
namespace {

using Instant = FakeActuator::Instant;

Values Part(size_t part, int64_t number) {
  Values out = Three(VALUE_UNSAID, VALUE_UNSAID, VALUE_UNSAID);
  out.number[part] = number;
  return out;
}

class SeveralFilesTest : public ApplierCase {
 protected:
  SeveralFilesTest() {
    several_.tunables[kRmem].name = "net.ipv4.gc_thresh{1,2,3}";
    place_ = {NetnsId{kBlue}, several_.tunables[kRmem].name};
    actuator.files[place_] = kBefore;
  }

  void AskForMore() {
    request r = Raise();
    r.mask = 7;
    std::copy(kAll.number.begin(), kAll.number.end(), r.wanted);
    state.asked[Key(kRmem)] = {.time_ns = r.time_ns, .sequence = kSequence, .reserved = 0};
    applier.Apply(several_, r);
    applier.Explain();
  }

  void TheirHookOf(size_t part, int64_t number) {
    Values before = Part(part, Stands().number[part]);
    state.SeesForeignWrite(Key(kRmem), kRmem, Part(part, number), before);
  }
  void TheirHandlerOf(size_t part, int64_t number) {
    (void)actuator.Handle(place_, Part(part, number));
  }
  void TheyWritePart(size_t part, int64_t number) {
    TheirHookOf(part, number);
    TheirHandlerOf(part, number);
  }
  const Values& Stands() { return actuator.files[place_]; }

  const Values kAll = Three(8192, 262144, 2621440);
  Description several_ = SampleTuner();
  SysctlPlace place_;
};

TEST_F(SeveralFilesTest, AreOneChangeWithOneExplanation) {
  AskForMore();
  EXPECT_EQ(kAll, Stands());
  EXPECT_EQ(1, log.Count("Due to"));
  EXPECT_EQ(1, log.Count("from (4096 131072 1310720) -> (8192 262144 2621440)"));
}

TEST_F(SeveralFilesTest, OneThatIsTheAdministratorsStopsAll) {
  TheyWritePart(1, 65536);
  AskForMore();
  EXPECT_TRUE(actuator.tried.empty());
  EXPECT_EQ(Three(4096, 65536, 1310720), Stands());
}

TEST_F(SeveralFilesTest, AllThatTheAdministratorWritesDuringOurWriteStands) {
  At(Instant::kBeforeHandler, 1, [this] {
    TheyWritePart(2, 6291456);
    TheyWritePart(0, 5000);
  });
  AskForMore();
  EXPECT_EQ(5000, Stands().number[0]);
  EXPECT_EQ(6291456, Stands().number[2]);
  EXPECT_EQ(1, log.Count("wrote (5000 * 6291456) while bpftune was writing"));
  EXPECT_EQ(0, log.Count("Due to"));
}

// The third file was ours already when the second became theirs: that one is not put down as ours.
TEST_F(SeveralFilesTest, OneThatIsDeniedLeavesInTheJournalOnlyWhatIsOurs) {
  At(Instant::kBeforeHook, 1, [this] {
    actuator.files[place_].number[2] = kAll.number[2];
    TheyWritePart(1, 65536);
  });
  AskForMore();
  EXPECT_EQ(Three(4096, 65536, 2621440), Stands());
  const Standing standing = journal.Read().at(place_);
  EXPECT_EQ(Three(4096, 131072, 2621440), standing.last);
  EXPECT_FALSE(standing.IsOurs(Stands())) << "an undo would take theirs for ours";
}

// The first lands before ours, the second after it: that one need not be put back, the first must.
TEST_F(SeveralFilesTest, WhatLandsBeforeOursStandsBesideWhatLandsAfterIt) {
  actuator.at = [this](Instant instant) {
    if (instant == Instant::kBeforeHandler && actuator.tried.size() == 1) TheyWritePart(2, 6291456);
    if (instant == Instant::kAfterWrite && actuator.tried.size() == 1) TheyWritePart(0, 5000);
  };
  AskForMore();
  EXPECT_EQ(5000, Stands().number[0]);
  EXPECT_EQ(6291456, Stands().number[2]);
}

TEST_F(SeveralFilesTest, OneThatTheKernelRefusesTheAdministratorLeavesTheOtherTheirs) {
  At(Instant::kBeforeHandler, 1, [this] {
    TheyWritePart(2, 6291456);
    TheyWritePart(0, FakeActuator::kRefused);
  });
  AskForMore();
  EXPECT_EQ(6291456, Stands().number[2]);
  EXPECT_TRUE(IsOwned(state.Owner(Key(kRmem))));
}

}  // namespace
}  // namespace bpftune
