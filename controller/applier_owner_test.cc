// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// What the applier does so that somebody else's write is noticed: it looks again before the next
// decision, and writes nothing whose owner could not be remembered.

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "controller/applier.h"
#include "controller/fakes/applier_case.h"

namespace bpftune {
namespace {

class ApplierOwnerTest : public ApplierCase {
 protected:
  Values& Now(SampleRow row = kRmem) { return actuator.files[Blue(row)]; }

  // From what it is now to kWanted.
  void AskForRaise(SampleRow row = kRmem) {
    request r = Raise();
    r.tunable = row;
    r.time_ns = now;
    Now(row).CopyTo(r.seen);
    Ask(r);
  }
  void LookAgain() { applier.LookAgain(tuner, Key(kRmem).tuner); }
  bool IsTheirs() const { return IsOwned(state.Owner(Key(kRmem))); }
};

// ---- looking again

TEST_F(ApplierOwnerTest, YieldsAnUnseenChangeBeforeTheNextRequest) {
  AskForRaise();
  Now() = kTheirs;
  LookAgain();
  EXPECT_TRUE(IsTheirs());
  EXPECT_EQ(1, log.Count("somebody else changed it; it is theirs"));
  LookAgain();
  EXPECT_EQ(1, log.Count("somebody else changed it; it is theirs"));
  EXPECT_EQ(kTheirs, Now());
}

TEST_F(ApplierOwnerTest, FindsNothingWhereNothingHasChanged) {
  LookAgain();
  AskForRaise();
  LookAgain();
  EXPECT_FALSE(IsTheirs());
  EXPECT_EQ(1U, actuator.tried.size());
  EXPECT_EQ(kWanted, Now());
}

TEST_F(ApplierOwnerTest, LooksOnlyAfterARecentChange) {
  AskForRaise();
  int reads = 0;
  actuator.at = [&](FakeActuator::Instant) { ++reads; };
  now += kSeriesNs;
  LookAgain();
  EXPECT_GT(reads, 0);
  reads = 0;
  ++now;
  LookAgain();
  EXPECT_EQ(0, reads);
}

// Then the watcher's report tells of it, with the pid; what it has remembered stays.
TEST_F(ApplierOwnerTest, LeavesToTheWatcherWhatItHasSeenMeanwhile) {
  AskForRaise();
  log.entries.clear();
  actuator.at = [&](FakeActuator::Instant instant) {
    if (instant != FakeActuator::Instant::kBeforeRead || IsTheirs()) return;
    state.SeesForeignWrite(Key(kRmem), kRmem, kTheirs, Now());
    Now() = kTheirs;
  };
  LookAgain();
  ASSERT_TRUE(IsTheirs());
  EXPECT_EQ(FakeState::kPid, state.owners[Key(kRmem)].pid);
  EXPECT_TRUE(log.entries.empty()) << log.entries[0].line;
}

TEST_F(ApplierOwnerTest, SaysNothingOfANamespaceThatIsGone) {
  AskForRaise();
  log.entries.clear();
  actuator.files.erase(Blue(kRmem));
  LookAgain();
  EXPECT_TRUE(log.entries.empty());
}

// ---- room for the owner

TEST_F(ApplierOwnerTest, WritesNothingWhoseOwnerCouldNotBeRemembered) {
  state.owners_full = true;
  for (const SampleRow row : {kRmem, kWmem, kRmem}) AskForRaise(row);
  EXPECT_TRUE(actuator.tried.empty());
  ASSERT_EQ(1U, log.entries.size());
  EXPECT_EQ(1, log.Count("no room to remember who else writes them (4096 sets of tunables at most);"
                         " give bpftune fewer namespaces with --netns"));
  EXPECT_EQ(2U, state.written[Key(kRmem)].refused) << "so that the tuner rests";
}

TEST_F(ApplierOwnerTest, GoesOnWhereItHasMadeRoomBefore) {
  AskForRaise(kRmem);
  state.owners_full = true;
  AskForRaise(kWmem);  // of the same set
  EXPECT_EQ(kWanted, Now(kWmem));
  EXPECT_TRUE(log.Count("no room") == 0);
}

TEST_F(ApplierOwnerTest, WritesNothingWhereMakingRoomFails) {
  state.order_error = EIO;
  AskForRaise();
  EXPECT_TRUE(actuator.tried.empty());
  EXPECT_EQ(1, log.Count("pulse of tuner 'sysctl': Input/output error"));
}

TEST_F(ApplierOwnerTest, RoomThatWasMadeIsNobodys) {
  AskForRaise();
  ASSERT_TRUE(state.Owner(Key(kRmem)));
  EXPECT_FALSE(IsTheirs());
}

}  // namespace
}  // namespace bpftune
