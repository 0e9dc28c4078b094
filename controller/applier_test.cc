// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/applier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <string>
#include <vector>

#include "controller/fakes/applier_case.h"

namespace bpftune {
namespace {

Values ClampTo2000000(Values values) {
  values.number[2] = std::min<int64_t>(values.number[2], 2'000'000);
  return values;
}

class ApplierTest : public ApplierCase {};

// ---- a change

TEST_F(ApplierTest, ChangesWhatIsAskedForAndNothingElse) {
  Ask(Raise());
  EXPECT_EQ(kWanted, rmem());
  ExpectNothingElseTouched(Blue(kRmem));
}

TEST_F(ApplierTest, ExplainsAChangeInTheWordsThatAdministratorsKnow) {
  Ask(Raise());
  EXPECT_EQ((std::vector<std::string>{
                "Scenario 'need to increase TCP buffer size(s)' occurred for tunable "
                "'net.ipv4.tcp_rmem' in netns 'blue' (id 4711). Need to increase buffer size(s) to "
                "maximize throughput",
                "Due to need to increase max buffer size to maximize throughput change "
                "net.ipv4.tcp_rmem(min default max) from (4096 131072 1310720) -> (4096 131072 "
                "2621440)",
                "The window of a peer is full: 940 kbit/s."}),
            log.Lines());
  EXPECT_EQ((std::vector<std::string>{
                "Summary: scenario 'need to increase TCP buffer size(s)' occurred 1 times for "
                "tunable 'net.ipv4.tcp_rmem' in netns 'blue' (id 4711). Need to increase buffer "
                "size(s) to maximize throughput",
                "sysctl 'net.ipv4.tcp_rmem' in netns 'blue' (id 4711) changed from (4096 131072 "
                "1310720) -> (4096 131072 2621440)"}),
            summary.Lines());
}

TEST_F(ApplierTest, EachDecisionIsOneRecordWithItsNumbers) {
  request r = Raise();
  Ask(r);
  r.wanted[2] = int64_t{1} << 31;  // outside the bounds
  std::copy(kWanted.number.begin(), kWanted.number.end(), r.seen);
  Ask(r);
  ASSERT_EQ(2U, log.records.size());
  const DecisionRecord& change = log.records[0];
  EXPECT_EQ(Outcome::kChanged, change.outcome);
  EXPECT_EQ("sample", change.tuner);
  EXPECT_EQ("net.ipv4.tcp_rmem", change.tunable);
  EXPECT_EQ("WINDOW_LIMITED", change.scenario);
  EXPECT_EQ(kBlue, change.netns);
  EXPECT_EQ(kBefore, change.old_values);
  EXPECT_EQ(kWanted, change.new_values);
  EXPECT_EQ(940U, change.evidence[0]);
  EXPECT_EQ("", change.peer);
  EXPECT_EQ(3U, change.lines.size());
  const DecisionRecord& refusal = log.records[1];
  EXPECT_EQ(Outcome::kRefused, refusal.outcome);
  EXPECT_TRUE(refusal.is_trouble);
  EXPECT_NE(std::string::npos, refusal.reason.find("outside the bounds")) << refusal.reason;
  EXPECT_LT(change.id, refusal.id);
  EXPECT_LT(0U, change.time_ns);
}

TEST_F(ApplierTest, ChangesAGlobalTunableOnce) {
  request r = Raise();
  r.tunable = kBacklog;
  r.netns = 0;
  r.mask = 1;
  r.seen[0] = 1000;
  r.wanted[0] = 2000;
  r.seen[1] = r.wanted[1] = 77;  // what is behind the only value means nothing
  Ask(r);
  const SysctlPlace place{kNoNetns, "net.core.netdev_max_backlog"};
  EXPECT_EQ(One(2000), actuator.files[place]);
  ExpectNothingElseTouched(place);
}

TEST_F(ApplierTest, WritesOnlyTheNumbersThatTheMaskNames) {
  request r = Raise();
  r.mask = 1U << 1;
  r.wanted[0] = r.wanted[2] = -1;  // not even looked at
  r.wanted[1] = 262144;
  Ask(r);
  EXPECT_EQ(Three(4096, 262144, 1310720), rmem());
}

TEST_F(ApplierTest, RemembersTheFirstBaselineAndTheLastWrite) {
  Ask(Raise());
  request again = Raise();
  again.seen[2] = 2621440;
  again.wanted[2] = 5242880;
  Ask(again);
  const published entry = state.written[Key(kRmem)];
  EXPECT_EQ(kBefore, Values::Of(entry.baseline, 3));
  EXPECT_EQ(Three(4096, 131072, 5242880), Values::Of(entry.last, 3));
  EXPECT_EQ(2U, entry.writes);
  EXPECT_EQ(kNow, entry.time_ns);
}

TEST_F(ApplierTest, TellsAndRemembersWhatTheKernelMadeOfIt) {
  actuator.clamp = ClampTo2000000;
  Ask(Raise());
  EXPECT_EQ(1, log.Count("-> (4096 131072 2000000)"));
  EXPECT_EQ(2'000'000, state.written[Key(kRmem)].last[2]);
  // And takes it for its own at the next decision.
  request again = Raise();
  again.seen[2] = 2'000'000;
  again.wanted[2] = 1'500'000;
  Ask(again);
  EXPECT_EQ(1'500'000, rmem().number[2]);
}

TEST_F(ApplierTest, SaysSoWhenThereIsNoRoomToRememberAChange) {
  state.full = true;
  Ask(Raise());
  EXPECT_EQ(1, log.Count("was changed but cannot be remembered"));
}

TEST_F(ApplierTest, NoteIsExplainedAndWritesNothing) {
  request r = Raise();
  r.kind = REQUEST_NOTE;
  applier.Note(tuner, r);
  applier.Explain();
  EXPECT_EQ(1, log.Count("Scenario 'need to increase TCP buffer size(s)' occurred"));
  EXPECT_EQ(1, log.Count("The window of a peer is full: 940 kbit/s."));
  EXPECT_TRUE(actuator.tried.empty());
  r.scenario = 2;
  applier.Note(tuner, r);
  applier.Explain();
  EXPECT_EQ(2U, log.entries.size()) << "a scenario that is not described";
}

// ---- a refusal

struct Refusal {
  const char* what;
  void (*change)(request*);
  const char* says;  // in the log; empty: counted in the summary only

  friend void PrintTo(const Refusal& row, std::ostream* out) { *out << row.what; }
};

class RefusalTest : public ApplierTest, public ::testing::WithParamInterface<Refusal> {};

TEST_P(RefusalTest, WritesNothingAndSaysItOnce) {
  request r = Raise();
  GetParam().change(&r);
  Ask(r);
  Ask(r);
  EXPECT_TRUE(actuator.tried.empty()) << GetParam().what;
  EXPECT_EQ(untouched, actuator.files);
  const std::string says = GetParam().says;
  EXPECT_EQ(says.empty() ? 0U : 1U, log.entries.size()) << GetParam().what;
  EXPECT_EQ(says.empty() ? 0 : 1, log.Count(says)) << GetParam().what << log.entries[0].line;
  EXPECT_EQ(1U, summary.Lines().size());
  EXPECT_EQ(0U, summary.Lines()[0].find("Summary: 2 changes of '")) << summary.Lines()[0];
}

INSTANTIATE_TEST_SUITE_P(
    Requests, RefusalTest,
    ::testing::Values(
        Refusal{"above the largest", [](request* r) { r->wanted[2] = (1 << 30) + 1; },
                "a value is outside the bounds 4096 to 1073741824 that tuner 'sample' declares"},
        Refusal{"below the smallest", [](request* r) { r->wanted[2] = 4095; },
                "a value is outside the bounds"},
        Refusal{"negative, as a 32-bit overflow would be",
                [](request* r) { r->wanted[2] = INT32_MIN; }, "a value is outside the bounds"},
        Refusal{"one of three out of bounds",
                [](request* r) {
                  r->mask = 7;
                  r->wanted[0] = 0;
                },
                "a value is outside the bounds"},
        Refusal{"more than a second old", [](request* r) { r->time_ns = kNow - kStaleNs - 1; },
                "older than a second"},
        Refusal{"not the one that is pending", [](request* r) { r->sequence = kSequence + 1; }, ""},
        Refusal{"no namespace for a tunable that each has", [](request* r) { r->netns = 0; },
                "the request names no namespace"},
        Refusal{"a namespace for a global tunable",
                [](request* r) {
                  r->tunable = kBacklog;
                  r->mask = 1;
                  r->wanted[0] = 2000;
                },
                "the tunable is global"},
        Refusal{"decided on another value", [](request* r) { r->seen[1] = 87380; }, ""},
        Refusal{"a tunable that is not described", [](request* r) { r->tunable = kSampleRows; },
                "has not described"},
        Refusal{"a scenario that is not described", [](request* r) { r->scenario = 2; },
                "has not described"}));

TEST_F(ApplierTest, WhatIsSetOnSocketsIsNeverWritten) {
  Description sets_on_sockets = tuner;
  sets_on_sockets.tunables[kRmem].on_sockets = true;
  const request raise = Raise();
  state.asked[Key(kRmem)] = {.time_ns = raise.time_ns, .sequence = kSequence, .reserved = 0};
  applier.Apply(sets_on_sockets, raise);
  EXPECT_EQ(kBefore, rmem());
  EXPECT_EQ(1, log.Count("what it sets on sockets itself"));
  EXPECT_TRUE(state.asked.empty()) << "it may ask again";
}

TEST_F(ApplierTest, RefusalIsExplainedOnceWhateverTheNumber) {
  for (int64_t i = 0; i < 10; ++i) {
    request r = Raise();
    r.wanted[2] = (int64_t{1} << 31) + i;
    Ask(r);
  }
  EXPECT_EQ(1U, log.entries.size());
  EXPECT_EQ(10U, state.written[Key(kRmem)].refused);
}

TEST_F(ApplierTest, AcceptsTheBoundsThemselvesAndARequestThatIsJustNotTooOld) {
  for (const int64_t bound : {int64_t{4096}, int64_t{1} << 30}) {
    request r = Raise();
    r.seen[2] = rmem().number[2];
    r.wanted[2] = bound;
    r.time_ns = kNow - kStaleNs;
    Ask(r);
    EXPECT_EQ(bound, rmem().number[2]);
  }
}

TEST_F(ApplierTest, AnswersEveryPendingRequestSoThatTheTunerMayAskAgain) {
  request r = Raise();
  r.wanted[2] = -1;
  Ask(r);
  EXPECT_FALSE(state.Pending(Key(kRmem)));
  r.sequence = kSequence + 1;  // but one that is not pending answers none
  Ask(r);
  EXPECT_TRUE(state.Pending(Key(kRmem)));
}

TEST_F(ApplierTest, ValueThatIsThereAlreadyIsNotWrittenAgain) {
  request r = Raise();
  r.wanted[2] = r.seen[2];
  Ask(r);
  EXPECT_TRUE(actuator.tried.empty());
  EXPECT_TRUE(log.entries.empty());
}

// A file with fewer or more numbers than described is not the tunable that was described.
TEST_F(ApplierTest, VectorOfAnotherLengthIsNotWritten) {
  for (const Values& other : {One(4096), Two(4096, 131072)}) {
    actuator.files[Blue(kRmem)] = other;
    Ask(Raise());
  }
  EXPECT_TRUE(actuator.tried.empty());
}

struct FailedWrite {
  const char* what;
  int code;
  const char* says;

  friend void PrintTo(const FailedWrite& row, std::ostream* out) { *out << row.what; }
};

class FailedWriteTest : public ApplierTest, public ::testing::WithParamInterface<FailedWrite> {};

TEST_P(FailedWriteTest, IsExplainedOnceAndLeavesTheValueAlone) {
  actuator.write_error = GetParam().code;
  for (int i = 0; i < 3; ++i) Ask(Raise());
  EXPECT_EQ(3U, actuator.tried.size());
  EXPECT_EQ(untouched, actuator.files);
  ExpectNothingElseTouched(Blue(kRmem));
  ASSERT_EQ(1U, log.entries.size()) << GetParam().what;
  EXPECT_EQ(1, log.Count(GetParam().says)) << log.entries[0].line;
  EXPECT_EQ(0U, state.written[Key(kRmem)].writes) << "what was not written is not ours";
}

INSTANTIATE_TEST_SUITE_P(
    Errors, FailedWriteTest,
    ::testing::Values(FailedWrite{"read-only /proc/sys", EROFS, "mount it read-write"},
                      FailedWrite{"not permitted, and not by the watcher", EPERM,
                                  "Let bpftune write below /proc/sys/net"},
                      FailedWrite{"refused by the kernel", EINVAL, "Invalid argument"},
                      FailedWrite{"namespace gone", ESRCH, "is not changed: the namespace is gone"},
                      FailedWrite{"namespace gone, by an open descriptor", ENOENT,
                                  "is not changed: the namespace is gone"}));

TEST_F(ApplierTest, NamespaceThatIsGoneIsForgottenWithOneLineAndNoWriteAnywhere) {
  Ask(Raise());
  log.entries.clear();
  actuator.tried.clear();
  actuator.files.erase(Blue(kRmem));
  for (int i = 0; i < 3; ++i) Ask(Raise());
  EXPECT_TRUE(actuator.tried.empty());
  EXPECT_EQ(1U, log.entries.size());
  EXPECT_EQ(1, log.Count("'net.ipv4.tcp_rmem' in netns 'blue' (id 4711) is not changed: the "
                         "namespace is gone"));
  EXPECT_FALSE(state.Published(Key(kRmem)));
}

TEST_F(ApplierTest, GlobalTunableThatIsNotThereDoesNotMeanThatANamespaceIsGone) {
  actuator.files.erase({kNoNetns, "net.core.netdev_max_backlog"});
  request r = Raise();
  r.tunable = kBacklog;
  r.netns = 0;
  r.mask = 1;
  Ask(r);
  EXPECT_EQ(0, log.Count("namespace is gone"));
  EXPECT_EQ(1, log.Count("No such file or directory"));
}

}  // namespace
}  // namespace bpftune
