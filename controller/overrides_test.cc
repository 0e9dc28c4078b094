// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/overrides.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "controller/fakes/fake_actuator.h"
#include "controller/fakes/fake_journal.h"
#include "controller/fakes/fake_log.h"
#include "controller/fakes/fake_state.h"
#include "controller/fakes/sample_tuner.h"

namespace bpftune {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kBlue = 4711;

const Values kOurs = Three(4096, 131072, 2621440);
const Values kTheirs = Three(4096, 87380, 6291456);

class OverridesTest : public ::testing::Test {
 protected:
  OverridesTest() {
    actuator.files[kPlace] = kOurs;
    published entry = {};
    std::copy(kOurs.number.begin(), kOurs.number.end(), entry.last);
    entry.writes = 1;
    state.written[kKey] = entry;
  }

  // The watcher sees the write and reports it; what becomes of it is another matter.
  void HookReports(const Values& values) { HookReports(kRmem, kPlace, values); }

  void HookReports(SampleRow row, const SysctlPlace& place, const Values& values) {
    const state_key set{.netns = place.netns.value,
                        .tuner = kKey.tuner,
                        .row = tuner.tunables[row].set_row,
                        .reserved = 0};
    const Values before = actuator.files[place];
    const bool was_theirs = IsOwned(state.Owner(set));
    state.SeesForeignWrite(set, row, values, before);
    request r = {};
    r.kind = REQUEST_OVERRIDE;
    r.tuner = kKey.tuner;
    r.tunable = row;
    r.netns = place.netns.value;
    r.mask = values.count;
    r.pid = FakeState::kPid;
    r.evidence[0] = state.owners[set].generation;
    r.evidence[1] = was_theirs;
    std::copy(before.number.begin(), before.number.end(), r.seen);
    std::copy(values.number.begin(), values.number.end(), r.wanted);
    std::strncpy(r.comm, "sysctl", sizeof(r.comm));
    overrides.Report(tuner, r);
  }

  void After(uint64_t ms) {
    now += ms * kNsPerMs;
    overrides.Check();
    overrides.Check();  // the second look, where it was due meanwhile
  }

  bool IsTheirs() { return IsOwned(state.Owner(kKey)); }

  const SysctlPlace kPlace{NetnsId{kBlue}, "net.ipv4.tcp_rmem"};
  const state_key kKey{.netns = kBlue, .tuner = 3, .row = kRmem, .reserved = 0};
  const Description tuner = SampleTuner();
  FakeActuator actuator;
  FakeState state;
  FakeLog log;
  FakeJournal journal;
  Summary summary;
  uint64_t now = 1'000 * kNsPerMs;
  Overrides overrides{{.actuator = &actuator,
                       .state = &state,
                       .log = &log,
                       .summary = &summary,
                       .name_of = [](NetnsId) { return std::string("netns 'blue' (id 4711)"); },
                       .now_ns = [this] { return now; },
                       .journal = &journal}};
};

TEST_F(OverridesTest, WriteThatTookEffectIsToldAfter20Milliseconds) {
  HookReports(kTheirs);
  (void)actuator.Handle(kPlace, kTheirs);
  EXPECT_EQ(now + 20 * kNsPerMs, overrides.due_ns());
  After(19);
  EXPECT_TRUE(log.entries.empty());
  After(1);
  EXPECT_EQ((std::vector<std::string>{
                "pid 4711, cmd 'sysctl' modified sysctl 'net.ipv4.tcp_rmem' in netns 'blue' (id "
                "4711) from (4096 131072 2621440) to (4096 87380 6291456); it is theirs. Tuner "
                "'sample' leaves 'buffers' alone there"}),
            log.Lines());
  EXPECT_TRUE(IsTheirs());
  EXPECT_FALSE(overrides.due_ns());
}

TEST_F(OverridesTest, WriteOfTheFirstNumbersOnlyIsEnough) {
  HookReports(One(8192));
  (void)actuator.Handle(kPlace, One(8192));
  After(20);
  EXPECT_EQ(1, log.Count("from (4096) to (8192)"));
}

TEST_F(OverridesTest, WriteThatFailedIsGivenBackAfterASecondWithoutAWord) {
  HookReports(kTheirs);
  After(20);
  EXPECT_TRUE(IsTheirs()) << "the handler may be late";
  After(979);
  EXPECT_TRUE(IsTheirs());
  After(1);
  EXPECT_FALSE(IsTheirs());
  EXPECT_TRUE(log.entries.empty());
  EXPECT_FALSE(overrides.due_ns());
}

TEST_F(OverridesTest, WriteThatIsLateByHalfASecondIsStillTheirs) {
  HookReports(kTheirs);
  After(20);
  (void)actuator.Handle(kPlace, kTheirs);
  After(980);
  EXPECT_TRUE(IsTheirs());
  EXPECT_EQ(1U, log.entries.size());
}

TEST_F(OverridesTest, AnotherWriteSinceMeansSilence) {
  HookReports(kTheirs);
  (void)actuator.Handle(kPlace, kTheirs);
  state.SeesForeignWrite(kKey, kRmem, kOurs, kTheirs);  // not yet reported
  After(2000);
  EXPECT_TRUE(log.entries.empty());
  EXPECT_TRUE(IsTheirs());
  EXPECT_TRUE(state.orders.empty());
}

TEST_F(OverridesTest, ValueThatIsSomethingElseByNowIsTheirsToo) {
  HookReports(kTheirs);
  (void)actuator.Handle(kPlace, Three(1, 2, 3));
  After(1000);
  EXPECT_TRUE(IsTheirs());
  EXPECT_EQ(1U, log.entries.size());
}

TEST_F(OverridesTest, NothingIsSaidOfANamespaceThatIsGone) {
  HookReports(kTheirs);
  actuator.files.clear();
  After(1000);
  EXPECT_TRUE(log.entries.empty());
  EXPECT_TRUE(state.orders.empty());
}

TEST_F(OverridesTest, SaysSoWhenItCannotTakeTheSetBack) {
  HookReports(kTheirs);
  state.order_error = EIO;
  After(1000);
  EXPECT_EQ(1, log.Count("taking 'buffers' back: pulse of tuner 'sysctl': Input/output error"));
  EXPECT_TRUE(IsTheirs());
}

TEST_F(OverridesTest, ReportBeyondTheQueueIsToldAtOnceAndNothingIsGivenBack) {
  for (size_t i = 0; i < Overrides::kMostOpen; ++i) {
    const SysctlPlace elsewhere{NetnsId{i + 1}, kPlace.name};
    actuator.files[elsewhere] = kOurs;
    HookReports(kRmem, elsewhere, kTheirs);
  }
  EXPECT_TRUE(log.entries.empty());
  HookReports(kTheirs);
  EXPECT_EQ(1, log.Count("to (4096 87380 6291456); it is theirs"));
  After(1000);
  EXPECT_TRUE(IsTheirs());
}

TEST_F(OverridesTest, NextLookIsTheEarliestOfAll) {
  EXPECT_FALSE(overrides.due_ns());
  HookReports(kTheirs);
  After(20);  // the first waits for its second look
  const uint64_t second_look = now + 980 * kNsPerMs;
  EXPECT_EQ(second_look, overrides.due_ns());
  HookReports(Three(1, 2, 3));
  EXPECT_EQ(now + 20 * kNsPerMs, overrides.due_ns());
}

TEST_F(OverridesTest, RefusedWriteToWhatIsTheirsChangesNothing) {
  HookReports(kTheirs);
  (void)actuator.Handle(kPlace, kTheirs);
  After(20);
  HookReports(Three(FakeActuator::kRefused, 1, 1));
  After(20);
  After(980);
  EXPECT_TRUE(IsTheirs());
  EXPECT_EQ(kTheirs, Values::Of(state.owners[kKey].values, 3)) << "not what the kernel refused";
  EXPECT_EQ(1U, log.entries.size());
}

TEST_F(OverridesTest, RefusedWriteBesideOneThatTookEffectLeavesTheSetTheirs) {
  const SysctlPlace other{kPlace.netns, "net.ipv4.tcp_wmem"};
  actuator.files[other] = kOurs;
  HookReports(kTheirs);
  (void)actuator.Handle(kPlace, kTheirs);
  HookReports(kWmem, other, Three(FakeActuator::kRefused, 1, 1));
  After(20);
  After(980);
  EXPECT_TRUE(IsTheirs());
  EXPECT_EQ(1, log.Count("modified sysctl 'net.ipv4.tcp_rmem'"));
  EXPECT_EQ(1U, log.entries.size());
}

TEST_F(OverridesTest, RefusedWriteRightAfterOneThatTookEffectChangesNothing) {
  HookReports(kTheirs);
  (void)actuator.Handle(kPlace, kTheirs);
  HookReports(Three(FakeActuator::kRefused, 1, 1));
  After(20);
  After(980);
  EXPECT_TRUE(IsTheirs());
  EXPECT_EQ(kTheirs, Values::Of(state.owners[kKey].values, 3));
}

// The fuzzer's: that the first one took effect is known when the second is reported, and counts for
// the third, although another tunable of the set has one open that may be nothing.
TEST_F(OverridesTest, OneThatTookEffectCountsForAllOfTheSetThatAreOpen) {
  const SysctlPlace wmem{NetnsId{kBlue}, "net.ipv4.tcp_wmem"};
  actuator.files[wmem] = kOurs;
  HookReports(kRmem, kPlace, kTheirs);
  (void)actuator.Handle(kPlace, kTheirs);
  HookReports(kWmem, wmem, Three(1, 2, 3));
  HookReports(kRmem, kPlace, Three(4, 5, 6));
  HookReports(kRmem, kPlace, Three(7, 8, 9));
  After(20);
  After(1000);
  EXPECT_TRUE(IsTheirs());
}

TEST_F(OverridesTest, TwoWritesThatWereBothRefusedAreGivenBack) {
  HookReports(Three(FakeActuator::kRefused, 1, 1));
  HookReports(Three(FakeActuator::kRefused, 1, 2));
  After(20);
  After(980);
  EXPECT_FALSE(IsTheirs());
  EXPECT_TRUE(log.entries.empty());
}

TEST_F(OverridesTest, SetThatTheWatcherHadNoRoomForIsTheirsAsSoonAsThereIsSome) {
  HookReports(kTheirs);
  (void)actuator.Handle(kPlace, kTheirs);
  state.owners.clear();
  After(20);
  EXPECT_TRUE(IsTheirs());
  EXPECT_EQ(kTheirs, Values::Of(state.owners[kKey].values, 3));
  EXPECT_EQ(1, log.Count("modified sysctl 'net.ipv4.tcp_rmem'"));
}

TEST_F(OverridesTest, SaysOnceThatThereIsNoRoomToRememberWhoseItIs) {
  for (int i = 0; i < 2; ++i) {
    HookReports(kTheirs);
    (void)actuator.Handle(kPlace, kTheirs);
    state.owners.clear();
    state.order_error = E2BIG;
    After(20);
    (void)actuator.Handle(kPlace, kOurs);
  }
  EXPECT_EQ(1, log.Count("no room to remember that it is theirs"));
  EXPECT_EQ(1U, log.entries.size());
}

TEST_F(OverridesTest, ManyWritesOfOneProcessAreOneLine) {
  const SysctlPlace wmem{kPlace.netns, "net.ipv4.tcp_wmem"};
  const SysctlPlace backlog{kNoNetns, "net.core.netdev_max_backlog"};
  actuator.files[wmem] = kOurs;
  actuator.files[backlog] = One(1000);
  HookReports(kTheirs);
  (void)actuator.Handle(kPlace, kTheirs);
  now += 5 * kNsPerMs;
  HookReports(kWmem, wmem, kTheirs);
  (void)actuator.Handle(wmem, kTheirs);
  HookReports(kBacklog, backlog, One(500));
  (void)actuator.Handle(backlog, One(500));
  After(15);
  EXPECT_TRUE(log.entries.empty()) << "more of it has not been looked at";
  After(5);
  EXPECT_EQ(1, log.Count("pid 4711, cmd 'sysctl' modified 2 sysctls in netns 'blue' (id 4711): "
                         "'net.ipv4.tcp_rmem' from (4096 131072 2621440) to (4096 87380 6291456), "
                         "'net.ipv4.tcp_wmem' from (4096 131072 2621440) to (4096 87380 6291456); "
                         "they are theirs. Tuner 'sample' leaves 'buffers' alone there"));
  EXPECT_EQ(1, log.Count("modified sysctl 'net.core.netdev_max_backlog'"));
  EXPECT_EQ(2U, log.entries.size());
  // A record for each; the words are with the first of a process in a namespace.
  ASSERT_EQ(3U, log.records.size());
  for (const DecisionRecord& record : log.records) {
    EXPECT_EQ(Outcome::kYielded, record.outcome);
    EXPECT_EQ("sample", record.tuner);
    EXPECT_EQ("sysctl", record.comm);
    EXPECT_EQ(FakeState::kPid, record.pid);
    EXPECT_EQ(record.tunable == wmem.name, record.lines.empty()) << record.tunable;
  }
  EXPECT_EQ(kOurs, log.records[0].old_values);
  EXPECT_EQ(kTheirs, log.records[0].new_values);
}

TEST_F(OverridesTest, OfManyWritesOfOneTunableTheLastIsTold) {
  for (int i = 0; i < 1000; ++i) {
    const Values values = Three(4096, 4096, 5000 + i);
    HookReports(values);
    (void)actuator.Handle(kPlace, values);
  }
  After(20);
  EXPECT_EQ(1, log.Count("from (4096 4096 5998) to (4096 4096 5999)"));
  EXPECT_EQ(1U, log.entries.size());
}

// `sysctl --system` every second, or a tool that writes what it wants whatever there is.
TEST_F(OverridesTest, WriteThatIsRepeatedIsSaidAndRememberedOnceForEachHandover) {
  const auto write = [&](const Values& values) {
    HookReports(values);
    (void)actuator.Handle(kPlace, values);
    After(1000);
  };
  for (size_t handover = 1; handover <= 2; ++handover) {
    write(kTheirs);
    const size_t remembered = journal.text.size();
    for (int i = 0; i < 100; ++i) write(i % 10 == 0 ? Three(4096, 4096, 5000 + i) : kTheirs);
    EXPECT_EQ(handover, log.entries.size());
    EXPECT_EQ(remembered, journal.text.size());

    state.owners[kKey].reclaimed = state.owners[kKey].generation;  // given back
    actuator.files[kPlace] = kOurs;
  }
}

TEST_F(OverridesTest, WriteInANamespaceThatHasGotTheNumberOfADeadOneIsSaid) {
  for (int i = 0; i < 2; ++i) {
    state.owners.clear();  // with the dead one
    actuator.files[kPlace] = kOurs;
    HookReports(kTheirs);
    (void)actuator.Handle(kPlace, kTheirs);
    After(20);
  }
  EXPECT_EQ(2U, log.entries.size());
}

TEST_F(OverridesTest, ReportOfATunableThatIsNotDescribedIsIgnored) {
  request r = {};
  r.tunable = kSampleRows;
  overrides.Report(tuner, r);
  EXPECT_FALSE(overrides.due_ns());
}

TEST_F(OverridesTest, NameOfAWriterMayFillItsField) {
  HookReports(kTheirs);
  request r = {};
  r.tuner = kKey.tuner;
  r.netns = kBlue;
  r.mask = 3;
  r.evidence[0] = state.owners[kKey].generation;
  std::copy(kTheirs.number.begin(), kTheirs.number.end(), r.wanted);
  std::memset(r.comm, 'x', sizeof(r.comm));
  (void)actuator.Handle(kPlace, kTheirs);
  overrides.Report(tuner, r);
  After(20);
  EXPECT_EQ(1, log.Count("cmd 'xxxxxxxxxxxxxxxx' modified"));
}

}  // namespace
}  // namespace bpftune
