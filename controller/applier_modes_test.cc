// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// What keeps the applier from writing although the request is right (dry run, pause, freeze,
// limits), and what it remembers when it writes.

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "controller/applier.h"
#include "controller/fakes/fake_actuator.h"
#include "controller/fakes/fake_journal.h"
#include "controller/fakes/fake_log.h"
#include "controller/fakes/fake_state.h"
#include "controller/fakes/sample_tuner.h"

namespace bpftune {
namespace {

constexpr uint16_t kTuner = 3;
constexpr uint64_t kHome = 1;
constexpr uint64_t kBlue = 4711;
const Values kBefore = Three(4096, 131072, 1310720);
const Values kWanted = Three(4096, 131072, 2621440);

state_key Key(uint64_t netns, uint16_t row) {
  return {.netns = netns, .tuner = kTuner, .row = row, .reserved = 0};
}

// A machine with a daemon on it.
struct Machine {
  explicit Machine(Mode mode = Mode::kAuto, ChangeLimits limits = ChangeLimits())
      : applier({.actuator = &actuator,
                 .state = &state,
                 .log = &log,
                 .summary = &summary,
                 .name_of = [](NetnsId id) { return "netns " + std::to_string(id.value); },
                 .now_ns = [this] { return now; },
                 .journal = mode == Mode::kObserve ? nullptr : &journal,
                 .is_frozen = [this] { return frozen; },
                 .home = NetnsId{kHome},
                 .mode = mode},
                std::move(limits)) {
    for (const uint64_t netns : {kHome, kBlue}) {
      actuator.files[{NetnsId{netns}, "net.ipv4.tcp_rmem"}] = kBefore;
      actuator.files[{NetnsId{netns}, "net.ipv4.tcp_wmem"}] = kBefore;
    }
    actuator.files[{kNoNetns, "net.core.netdev_max_backlog"}] = One(1000);
  }

  Values& Rmem(uint64_t netns) { return actuator.files[{NetnsId{netns}, "net.ipv4.tcp_rmem"}]; }

  void Ask(const request& r) {
    state.asked[Key(r.netns, r.tunable)] = {
        .time_ns = r.time_ns, .sequence = r.sequence, .reserved = 0};
    applier.Apply(tuner, r);
    applier.Explain();
  }

  // The maximum of tcp_rmem to `most`.
  void Raise(int64_t most, uint64_t netns = kBlue) {
    request r = {};
    r.kind = REQUEST_SET;
    r.tuner = kTuner;
    r.tunable = kRmem;
    r.scenario = kIncrease;
    r.sequence = 7;
    r.mask = 1U << 2;
    r.netns = netns;
    r.time_ns = now;
    Rmem(netns).CopyTo(r.seen);
    r.wanted[2] = most;
    Ask(r);
  }

  const Description tuner = SampleTuner();
  FakeActuator actuator;
  FakeState state;
  FakeLog log;
  FakeJournal journal;
  Summary summary;
  uint64_t now = 500'000'000'000;
  bool frozen = false;
  Applier applier;
};

// ---- dry run

// As a real daemon was asked, in each namespace and for each kind of tunable.
std::vector<request> Recorded() {
  std::vector<request> out;
  for (const auto& [row, netns, mask, wanted] :
       std::initializer_list<std::tuple<uint16_t, uint64_t, uint32_t, Values>>{
           {kRmem, kBlue, 4, Three(0, 0, 2621440)},
           {kWmem, kBlue, 6, Three(0, 262144, 2621440)},
           {kRmem, kHome, 4, Three(0, 0, 1638400)},
           {kBacklog, 0, 1, One(2000)},
           {kWmem, kHome, 4, Three(0, 0, int64_t{1} << 40)},  // out of bounds
       }) {
    request r = {};
    r.kind = REQUEST_SET;
    r.tuner = kTuner;
    r.tunable = row;
    r.scenario = kIncrease;
    r.sequence = 7;
    r.mask = mask;
    r.netns = netns;
    r.time_ns = 500'000'000'000;
    (netns == 0 ? One(1000) : kBefore).CopyTo(r.seen);
    wanted.CopyTo(r.wanted);
    out.push_back(r);
  }
  return out;
}

TEST(DryRunTest, DecidesWhatAutoDoesSaysItAndWritesNothing) {
  Machine real;
  Machine dry(Mode::kObserve);
  const auto untouched = dry.actuator.files;
  for (const request& r : Recorded()) {
    real.Ask(r);
    dry.Ask(r);
  }
  EXPECT_TRUE(dry.actuator.tried.empty());
  EXPECT_EQ(untouched, dry.actuator.files);
  ASSERT_EQ(4U, real.actuator.tried.size());
  std::vector<std::string> expected = real.log.Lines();
  for (std::string& line : expected) {
    const size_t change = line.find(" change net.");
    if (change != line.npos) line.replace(change, 8, " would change ");
  }
  EXPECT_EQ(expected, dry.log.Lines());
  EXPECT_EQ(4, dry.log.Count("would change"));
}

TEST(DryRunTest, RepeatedDecisionIsCountedAndNotSaidAgain) {
  Machine dry(Mode::kObserve);
  for (int i = 0; i < 5; ++i) dry.Raise(2621440);
  EXPECT_EQ(1, dry.log.Count("would change"));
  bool counted = false;
  for (const std::string& line : dry.summary.Lines()) {
    EXPECT_EQ(std::string::npos, line.find("changed from")) << line;
    counted |= line.find("Summary: 5 changes of 'net.ipv4.tcp_rmem' were not made") == 0;
  }
  EXPECT_TRUE(counted);
  EXPECT_EQ(5U, dry.state.written[Key(kBlue, kRmem)].refused) << "the tuner rests in between";
}

TEST(DryRunTest, OneTunerAloneCanObserve) {
  Machine machine;
  machine.state.controls[kTuner].observe = 1;
  machine.Raise(2621440);
  EXPECT_EQ(kBefore, machine.Rmem(kBlue));
  EXPECT_EQ(1, machine.log.Count("would change"));
  machine.state.controls[kTuner].observe = 0;
  machine.Raise(2621440);
  EXPECT_EQ(kWanted, machine.Rmem(kBlue));
}

// ---- pause and freeze

TEST(PauseTest, PausedTunerChangesNothingUntilItGoesOn) {
  Machine machine;
  machine.state.controls[kTuner].paused = 1;
  machine.Raise(2621440);
  machine.Raise(2621440);
  EXPECT_TRUE(machine.actuator.tried.empty());
  EXPECT_EQ(1U, machine.log.entries.size());
  EXPECT_EQ(1, machine.log.Count("tuner 'sample' is paused"));
  machine.state.controls[kTuner].paused = 0;
  machine.state.controls[kTuner + 1].paused = 1;  // another one
  machine.Raise(2621440);
  EXPECT_EQ(kWanted, machine.Rmem(kBlue));
}

TEST(FrozenTest, NothingIsWrittenAndTheTunerMayAskAgain) {
  Machine machine;
  machine.frozen = true;
  machine.Raise(2621440);
  EXPECT_TRUE(machine.actuator.tried.empty());
  EXPECT_TRUE(machine.log.entries.empty()) << "the freeze has been said";
  EXPECT_FALSE(machine.state.Pending(Key(kBlue, kRmem)));
  machine.frozen = false;
  machine.Raise(2621440);
  EXPECT_EQ(kWanted, machine.Rmem(kBlue));
}

// ---- limits

TEST(LimitsTest, TooManyChangesWithinAMinuteAreRefusedAndSaidOnce) {
  Machine machine(Mode::kAuto, ChangeLimits(3));
  for (int i = 1; i <= 5; ++i) machine.Raise(1310720 + i);
  EXPECT_EQ(1310723, machine.Rmem(kBlue).number[2]);
  EXPECT_EQ(1, machine.log.Count("it was changed 3 times within a minute already"));
  EXPECT_EQ(2U, machine.state.written[Key(kBlue, kRmem)].refused);
  machine.now += 60'000'000'000;
  machine.Raise(2621440);
  EXPECT_EQ(kWanted, machine.Rmem(kBlue));
}

TEST(LimitsTest, RefusedAndProposedChangesDoNotCount) {
  Machine machine(Mode::kAuto, ChangeLimits(1));
  machine.frozen = true;
  for (int i = 0; i < 3; ++i) machine.Raise(2621440);
  machine.frozen = false;
  machine.Raise(2621440);
  EXPECT_EQ(kWanted, machine.Rmem(kBlue));
}

TEST(LimitsTest, DriftIsMeasuredFromWhatWasThereBeforeUs) {
  Machine machine;
  machine.Rmem(kBlue) = Three(4096, 8192, 8192);
  machine.Raise(int64_t{8192} * 1000);
  machine.Raise(int64_t{8192} * 1025);
  EXPECT_EQ(int64_t{8192} * 1000, machine.Rmem(kBlue).number[2]);
  EXPECT_EQ(1, machine.log.Count("that is more than 1024 times away from (4096 8192 8192), which "
                                 "was there before bpftune"));
}

// ---- the journal

TEST(JournalTest, NothingIsWrittenThatCannotBeRemembered) {
  Machine machine;
  machine.journal.error = ENOSPC;
  machine.Raise(2621440);
  machine.Raise(2621440);
  EXPECT_TRUE(machine.actuator.tried.empty());
  EXPECT_EQ(1U, machine.log.entries.size());
  EXPECT_EQ(1, machine.log.Count("No space left on device. Nothing is changed that could not be "
                                 "undone"));
}

TEST(JournalTest, RefusedWriteLeavesNothingToUndo) {
  Machine machine;
  machine.actuator.write_error = EINVAL;
  machine.Raise(2621440);
  EXPECT_EQ(1U, machine.actuator.tried.size());
  EXPECT_TRUE(machine.journal.Read().empty());
}

TEST(JournalTest, ValueThatBecameSomebodyElsesIsReleased) {
  Machine machine;
  machine.Raise(2621440);
  ASSERT_EQ(1U, machine.journal.Read().size());
  machine.Rmem(kBlue) = Three(4096, 87380, 6291456);  // unseen by the watcher
  machine.Raise(8'000'000);
  EXPECT_TRUE(machine.journal.Read().empty());
}

TEST(JournalTest, NamespaceBornWithOurValueHasTheBaselineOfHome) {
  Machine machine;
  machine.Raise(2621440, kHome);
  machine.Rmem(kBlue) = machine.Rmem(kHome);  // made now
  machine.Raise(5242880);
  EXPECT_EQ(kBefore, Values::Of(machine.state.written[Key(kBlue, kRmem)].baseline, 3));
  const Standings standings = machine.journal.Read();
  const Standing& blue = standings.at({NetnsId{kBlue}, "net.ipv4.tcp_rmem"});
  EXPECT_EQ(kBefore, blue.baseline);
  EXPECT_EQ(5242880, blue.last.number[2]);
}

TEST(JournalTest, NamespaceWithAnotherValueHasABaselineOfItsOwn) {
  Machine machine;
  machine.Raise(2621440, kHome);
  machine.Rmem(kBlue) = Three(4096, 131072, 2621441);
  machine.Raise(5242880);
  EXPECT_EQ(2621441, machine.state.written[Key(kBlue, kRmem)].baseline[2]);
}

// ---- after a crash

class ResumeTest : public ::testing::Test {
 protected:
  ResumeTest() {
    Machine before;
    before.Raise(2621440);
    standing = before.journal.Read().at({NetnsId{kBlue}, "net.ipv4.tcp_rmem"});
    machine.journal.text = before.journal.text;
    machine.Rmem(kBlue) = before.Rmem(kBlue);
  }

  void Resume() {
    machine.applier.Resume(machine.tuner, Key(kBlue, kRmem),
                           {NetnsId{kBlue}, machine.tuner.tunables[kRmem].name}, standing);
  }

  Standing standing;
  Machine machine;  // of the next daemon
};

TEST_F(ResumeTest, ValueThatStillIsOursIsPublishedWithItsFirstBaseline) {
  Resume();
  const published entry = machine.state.written[Key(kBlue, kRmem)];
  EXPECT_EQ(1U, entry.writes);
  EXPECT_EQ(kBefore, Values::Of(entry.baseline, 3));
  EXPECT_EQ(kWanted, Values::Of(entry.last, 3));
  machine.Raise(5242880);
  EXPECT_EQ(5242880, machine.Rmem(kBlue).number[2]);
  EXPECT_EQ(kBefore, machine.journal.Read().begin()->second.baseline);
}

TEST_F(ResumeTest, WhatIsPublishedAlreadyStays) {
  machine.state.written[Key(kBlue, kRmem)].writes = 9;
  Resume();
  EXPECT_EQ(9U, machine.state.written[Key(kBlue, kRmem)].writes);
}

TEST_F(ResumeTest, ValueThatWasChangedMeanwhileIsTheirs) {
  machine.Rmem(kBlue) = Three(4096, 87380, 6291456);
  Resume();
  EXPECT_TRUE(IsOwned(machine.state.Owner(Key(kBlue, kRmem))));
  EXPECT_EQ(1, machine.log.Count("somebody else changed it; it is theirs"));
  EXPECT_TRUE(machine.journal.Read().empty());
}

TEST_F(ResumeTest, NamespaceThatIsGoneIsForgottenAndOneThatCannotBeReadIsKept) {
  machine.actuator.read_error = EACCES;
  Resume();
  EXPECT_EQ(1U, machine.journal.Read().size());
  machine.actuator.read_error = ESRCH;
  Resume();
  EXPECT_TRUE(machine.journal.Read().empty());
  EXPECT_TRUE(machine.log.entries.empty());
}

// ---- back, while the daemon still runs

class RestoreTest : public ::testing::Test {
 protected:
  RestoreTest() {
    machine.Raise(2621440);
    machine.actuator.tried.clear();
    machine.actuator.hook = [this](const SysctlPlace&, const Values& values) {
      return machine.state.AllowsOurs(Key(kBlue, kRmem), kRmem, values);
    };
  }

  Status Restore() {
    request r = {};
    r.tuner = kTuner;
    r.tunable = kRmem;
    r.netns = kBlue;
    kWanted.CopyTo(r.seen);
    kBefore.CopyTo(r.wanted);
    return machine.applier.Restore(machine.tuner, r);
  }

  void TheyWrite(uint16_t row, const Values& values) {
    const SysctlPlace place{NetnsId{kBlue}, machine.tuner.tunables[row].name};
    machine.state.SeesForeignWrite(Key(kBlue, kRmem), row, values, machine.actuator.files[place]);
    machine.actuator.files[place] = values;
  }

  const Values theirs = Three(4096, 87380, 6291456);
  Machine machine;
};

TEST_F(RestoreTest, WritesTheFirstValueAndHasNothingMoreToUndo) {
  EXPECT_TRUE(Restore());
  EXPECT_EQ(kBefore, machine.Rmem(kBlue));
  EXPECT_TRUE(machine.journal.Read().empty());
}

TEST_F(RestoreTest, WhatIsTheAdministratorsStays) {
  TheyWrite(kRmem, theirs);
  auto restored = Restore();
  ASSERT_FALSE(restored);
  EXPECT_EQ(EPERM, restored.error().code());
  EXPECT_EQ(theirs, machine.Rmem(kBlue));
}

TEST_F(RestoreTest, AdministratorsWriteThatComesInBetweenStands) {
  bool first = true;
  machine.actuator.at = [&](FakeActuator::Instant instant) {
    if (instant != FakeActuator::Instant::kBeforeHandler || !std::exchange(first, false)) return;
    TheyWrite(kRmem, theirs);  // ours has passed the hook
  };
  EXPECT_FALSE(Restore());
  EXPECT_EQ(theirs, machine.Rmem(kBlue));
}

TEST_F(RestoreTest, OursGoesBackAlthoughAnotherOfItsSetIsTheirs) {
  TheyWrite(kWmem, theirs);
  EXPECT_TRUE(Restore());
  EXPECT_EQ(kBefore, machine.Rmem(kBlue));
}

}  // namespace
}  // namespace bpftune
