// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// What the applier does so that somebody else's write is noticed: it looks again before the next
// decision, and writes nothing whose owner could not be remembered.

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string>

#include "controller/applier.h"
#include "controller/fakes/fake_actuator.h"
#include "controller/fakes/fake_journal.h"
#include "controller/fakes/fake_log.h"
#include "controller/fakes/fake_state.h"
#include "controller/fakes/sample_tuner.h"

namespace bpftune {
namespace {

constexpr uint16_t kTuner = 3;
constexpr uint64_t kBlue = 4711;
const Values kBefore = Three(4096, 131072, 1310720);
const Values kWanted = Three(4096, 131072, 2621440);
const Values kTheirs = Three(4096, 16384, 999'999);

class ApplierOwnerTest : public ::testing::Test {
 protected:
  ApplierOwnerTest() {
    for (const uint16_t row : {kRmem, kWmem}) actuator.files[Place(row)] = kBefore;
  }

  SysctlPlace Place(uint16_t row) const { return {NetnsId{kBlue}, tuner.tunables[row].name}; }
  static state_key Key(uint16_t row) {
    return {.netns = kBlue, .tuner = kTuner, .row = row, .reserved = 0};
  }
  Values& Now(uint16_t row = kRmem) { return actuator.files[Place(row)]; }

  void Raise(uint16_t row = kRmem) {
    request r = {};
    r.kind = REQUEST_SET;
    r.tuner = kTuner;
    r.tunable = row;
    r.scenario = kIncrease;
    r.sequence = 7;
    r.mask = 1U << 2;
    r.netns = kBlue;
    r.time_ns = now;
    Now(row).CopyTo(r.seen);
    r.wanted[2] = 2621440;
    state.asked[Key(row)] = {.time_ns = now, .sequence = 7, .reserved = 0};
    applier.Apply(tuner, r);
    applier.Explain();
  }
  void LookAgain() { applier.LookAgain(tuner, kTuner); }
  bool IsTheirs() const { return IsOwned(state.Owner(Key(kRmem))); }

  const Description tuner = SampleTuner();
  FakeActuator actuator;
  FakeState state;
  FakeLog log;
  FakeJournal journal;
  Summary summary;
  uint64_t now = 500'000'000'000;
  Applier applier{{.actuator = &actuator,
                   .state = &state,
                   .log = &log,
                   .summary = &summary,
                   .name_of = [](NetnsId id) { return "netns " + std::to_string(id.value); },
                   .now_ns = [this] { return now; },
                   .journal = &journal}};
};

// ---- looking again

TEST_F(ApplierOwnerTest, YieldsAnUnseenChangeBeforeTheNextRequest) {
  Raise();
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
  Raise();
  LookAgain();
  EXPECT_FALSE(IsTheirs());
  EXPECT_EQ(1U, actuator.tried.size());
  EXPECT_EQ(kWanted, Now());
}

TEST_F(ApplierOwnerTest, LooksOnlyAfterARecentChange) {
  Raise();
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
  Raise();
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
  Raise();
  log.entries.clear();
  actuator.files.erase(Place(kRmem));
  LookAgain();
  EXPECT_TRUE(log.entries.empty());
}

// ---- room for the owner

TEST_F(ApplierOwnerTest, WritesNothingWhoseOwnerCouldNotBeRemembered) {
  state.owners_full = true;
  for (const uint16_t row : {kRmem, kWmem, kRmem}) Raise(row);
  EXPECT_TRUE(actuator.tried.empty());
  ASSERT_EQ(1U, log.entries.size());
  EXPECT_EQ(1, log.Count("no room to remember who else writes them (4096 sets of tunables at most);"
                         " give bpftune fewer namespaces with --netns"));
  EXPECT_EQ(2U, state.written[Key(kRmem)].refused) << "so that the tuner rests";
}

TEST_F(ApplierOwnerTest, GoesOnWhereItHasMadeRoomBefore) {
  Raise(kRmem);
  state.owners_full = true;
  Raise(kWmem);  // of the same set
  EXPECT_EQ(kWanted, Now(kWmem));
  EXPECT_TRUE(log.Count("no room") == 0);
}

TEST_F(ApplierOwnerTest, WritesNothingWhereMakingRoomFails) {
  state.order_error = EIO;
  Raise();
  EXPECT_TRUE(actuator.tried.empty());
  EXPECT_EQ(1, log.Count("pulse of tuner 'sysctl': Input/output error"));
}

TEST_F(ApplierOwnerTest, RoomThatWasMadeIsNobodys) {
  Raise();
  ASSERT_TRUE(state.Owner(Key(kRmem)));
  EXPECT_FALSE(IsTheirs());
}

}  // namespace
}  // namespace bpftune
