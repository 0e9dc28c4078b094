// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/applier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "controller/fakes/fake_actuator.h"
#include "controller/fakes/fake_journal.h"
#include "controller/fakes/fake_log.h"
#include "controller/fakes/fake_state.h"
#include "controller/fakes/sample_tuner.h"

namespace bpftune {
namespace {

using Instant = FakeActuator::Instant;

constexpr uint64_t kNow = 50'000'000'000;
constexpr uint64_t kBlue = 4711;
constexpr uint32_t kSequence = 7;

const Values kBefore = Three(4096, 131072, 1310720);
const Values kWanted = Three(4096, 131072, 2621440);
const Values kTheirs = Three(4096, 87380, 6291456);

Values ClampTo2000000(Values values) {
  values.number[2] = std::min<int64_t>(values.number[2], 2'000'000);
  return values;
}

class ApplierTest : public ::testing::Test {
 protected:
  ApplierTest() {
    actuator.files[Blue(kRmem)] = kBefore;
    actuator.files[Blue(kWmem)] = kBefore;
    actuator.files[{NetnsId{42}, "net.ipv4.tcp_rmem"}] = kBefore;
    actuator.files[{kNoNetns, "net.core.netdev_max_backlog"}] = One(1000);
    actuator.files[{kNoNetns, "net.ipv4.tcp_rmem"}] = kBefore;  // of the host: never ours to touch
    actuator.hook = [&](const SysctlPlace&, const Values& values) {
      return state.AllowsOurs(Key(kRmem), row_in_flight, values);
    };
    untouched = actuator.files;
  }

  SysctlPlace Blue(SampleRow row) const { return {NetnsId{kBlue}, tuner.tunables[row].name}; }

  state_key Key(uint16_t row) const {
    const uint64_t netns = tuner.tunables[row].per_netns ? kBlue : 0;
    return {.netns = netns, .tuner = 3, .row = row, .reserved = 0};
  }

  // The largest value of tcp_rmem in namespace 'blue' is to be twice what it is.
  request Raise() const {
    request r = {};
    r.kind = REQUEST_SET;
    r.tuner = 3;
    r.tunable = kRmem;
    r.scenario = kIncrease;
    r.sequence = kSequence;
    r.mask = 1U << 2;
    r.netns = kBlue;
    r.time_ns = kNow - 1000;
    std::copy(kBefore.number.begin(), kBefore.number.end(), r.seen);
    std::copy(kWanted.number.begin(), kWanted.number.end(), r.wanted);
    r.evidence[0] = 940;
    return r;
  }

  void Ask(const request& r) {
    state.asked[{.netns = r.netns, .tuner = r.tuner, .row = r.tunable, .reserved = 0}] = {
        .time_ns = r.time_ns, .sequence = kSequence, .reserved = 0};
    applier.Apply(tuner, r);
    applier.Explain();
  }

  const Values& rmem() { return actuator.files[Blue(kRmem)]; }

  // Every file but this one still holds what it held, and nothing else was even tried.
  void ExpectNothingElseTouched(const SysctlPlace& place) {
    for (const auto& [other, values] : untouched) {
      if (other == place) continue;
      EXPECT_EQ(values, actuator.files[other]) << other.name;
    }
    for (const auto& [other, values] : actuator.tried) {
      EXPECT_EQ(place, other) << other.name << " in " << other.netns.value;
    }
  }

  // A write by the administrator: first the watcher's hook, then the kernel's handler.
  void TheirHook(const Values& values) {
    state.SeesForeignWrite(Key(kRmem), kRmem, values, rmem());
  }
  void TheirHandler(const Values& values) { (void)actuator.Handle(Blue(kRmem), values); }
  void TheyWrite(const Values& values) {
    TheirHook(values);
    TheirHandler(values);
  }

  // Calls `what` at the nth instant of this kind, once.
  void At(Instant instant, int nth, const std::function<void()>& what) {
    actuator.at = [instant, nth, what, reached = 0](Instant reached_now) mutable {
      if (reached_now != instant || ++reached != nth) return;
      what();
    };
  }

  const Description tuner = SampleTuner();
  FakeActuator actuator;
  FakeState state;
  FakeLog log;
  FakeJournal journal;
  Summary summary;
  uint64_t now = kNow;
  uint16_t row_in_flight = kRmem;
  std::map<SysctlPlace, Values> untouched;
  Applier applier{{.actuator = &actuator,
                   .state = &state,
                   .log = &log,
                   .summary = &summary,
                   .name_of =
                       [](NetnsId id) {
                         return id == kNoNetns
                                    ? std::string("global ns")
                                    : "netns 'blue' (id " + std::to_string(id.value) + ")";
                       },
                   .now_ns = [this] { return now; },
                   .journal = &journal}};
};

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

// ---- the administrator

TEST_F(ApplierTest, LeavesAloneWhatTheAdministratorOwns) {
  TheyWrite(kTheirs);
  request r = Raise();
  std::copy(kTheirs.number.begin(), kTheirs.number.end(), r.seen);
  Ask(r);
  EXPECT_TRUE(actuator.tried.empty());
  EXPECT_EQ(kTheirs, rmem());
}

TEST_F(ApplierTest, LeavesTheWholeSetAloneWhenOneOfItIsTheAdministrators) {
  TheyWrite(kTheirs);
  request r = Raise();
  r.tunable = kWmem;
  Ask(r);
  EXPECT_TRUE(actuator.tried.empty());
}

TEST_F(ApplierTest, YieldsWhenTheValueIsNotTheOneItWroteLast) {
  Ask(Raise());
  log.entries.clear();
  TheirHandler(kTheirs);  // unseen by the watcher
  request r = Raise();
  std::copy(kTheirs.number.begin(), kTheirs.number.end(), r.seen);  // though BPF saw it
  Ask(r);
  Ask(r);
  EXPECT_EQ(kTheirs, rmem());
  EXPECT_EQ(1U, actuator.tried.size());
  EXPECT_TRUE(IsOwned(state.Owner(Key(kRmem))));
  EXPECT_EQ((std::vector<std::string>{
                "'net.ipv4.tcp_rmem' in netns 'blue' (id 4711) is (4096 87380 6291456) where "
                "bpftune had written (4096 131072 2621440): somebody else changed it; it is "
                "theirs. Tuner 'sample' leaves 'buffers' alone there"}),
            log.Lines());
}

TEST_F(ApplierTest, SaysSoWhenItCannotYield) {
  Ask(Raise());
  TheirHandler(kTheirs);
  state.order_error = EIO;
  Ask(Raise());
  EXPECT_EQ(kTheirs, rmem());
  EXPECT_EQ(1, log.Count("yielding 'buffers': pulse of tuner 'sysctl': Input/output error"));
}

TEST_F(ApplierTest, TunesOnFromTheAdministratorsValueAfterAReclaim) {
  Ask(Raise());
  TheyWrite(kTheirs);
  ASSERT_TRUE(state.Order(Key(kRmem), {.kind = ORDER_RECLAIM,
                                       .row = kRmem,
                                       .count = 0,
                                       .generation = 1,
                                       .values = {},
                                       .before = {}}));
  request r = Raise();
  std::copy(kTheirs.number.begin(), kTheirs.number.end(), r.seen);
  r.wanted[2] = 8'000'000;
  Ask(r);
  EXPECT_EQ(Three(4096, 87380, 8'000'000), rmem());
}

struct Moment {
  const char* what;
  Instant instant;
  int nth;
  bool overlaps;  // with our write, so that the log tells how it came out

  friend void PrintTo(const Moment& row, std::ostream* out) { *out << row.what; }
};

class InterleavedTest : public ApplierTest, public ::testing::WithParamInterface<Moment> {};

TEST_P(InterleavedTest, AdministratorsValueStands) {
  At(GetParam().instant, GetParam().nth, [this] { TheyWrite(kTheirs); });
  Ask(Raise());
  EXPECT_EQ(kTheirs, rmem()) << GetParam().what;
  EXPECT_TRUE(IsOwned(state.Owner(Key(kRmem))));
  ExpectNothingElseTouched(Blue(kRmem));
  EXPECT_EQ(0, log.Count("Due to")) << "a change that does not stand is not reported as one";
  EXPECT_EQ(GetParam().overlaps ? 1 : 0,
            log.Count("'net.ipv4.tcp_rmem' in netns 'blue' (id 4711): pid 4711 wrote (4096 87380 "
                      "6291456) while bpftune was writing; that value stands"))
      << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    Steps, InterleavedTest,
    ::testing::Values(Moment{"before we read the value", Instant::kBeforeRead, 1, false},
                      Moment{"after we read it", Instant::kAfterRead, 1, false},
                      Moment{"before our write reaches the hook", Instant::kBeforeHook, 1, false},
                      Moment{"between the hook and the handler", Instant::kBeforeHandler, 1, true},
                      Moment{"after our write", Instant::kAfterWrite, 1, false},
                      Moment{"after we read it back", Instant::kAfterRead, 2, false}));

TEST_F(ApplierTest, AdministratorsSecondWriteDuringThePutBackStands) {
  const Values second = Three(4096, 16384, 4'000'000);
  int writes = 0;
  actuator.at = [&](Instant instant) {
    if (instant != Instant::kBeforeHandler) return;
    if (++writes <= 2) TheyWrite(writes == 1 ? kTheirs : second);
  };
  Ask(Raise());
  EXPECT_EQ(second, rmem());
  EXPECT_EQ(3, writes) << "ours, the first put back, the second put back";
}

TEST_F(ApplierTest, StopsPuttingBackForSomebodyWhoWritesAllTheTime) {
  int writes = 0;
  actuator.at = [&](Instant instant) {
    if (instant == Instant::kBeforeHandler && writes < 100)
      TheyWrite(Three(4096, 4096, 5000 + ++writes));
  };
  Ask(Raise());
  EXPECT_LT(writes, 20);
}

TEST_F(ApplierTest, AdministratorsWriteThatTheKernelRefusedLeavesOursInForceAndKnownAsOurs) {
  const Values refused = Three(4096, FakeActuator::kRefused, 1);
  At(Instant::kBeforeHandler, 1, [&] { TheyWrite(refused); });
  Ask(Raise());
  EXPECT_EQ(kWanted, rmem());
  EXPECT_EQ(kWanted, Values::Of(state.written[Key(kRmem)].last, 3));
}

TEST_F(ApplierTest, RefusedWriteDoesNotHideTheSuccessfulOneBeforeIt) {
  At(Instant::kBeforeHandler, 1, [&] {
    TheyWrite(kTheirs);
    TheyWrite(Three(4096, FakeActuator::kRefused, 1));
  });
  Ask(Raise());
  EXPECT_EQ(kTheirs, rmem());
}

TEST_F(ApplierTest, ShorterVectorOfTheAdministratorsIsPutBackAsFarAsItGoes) {
  At(Instant::kBeforeHandler, 1, [&] { TheyWrite(Two(8192, 16384)); });
  Ask(Raise());
  EXPECT_EQ(8192, rmem().number[0]);
  EXPECT_EQ(16384, rmem().number[1]);
}

// The hook names the writer's namespace; a descriptor opened in another one leads there. Then what
// it replaced never stood here.
TEST_F(ApplierTest, WriteThatWentElsewhereIsNotWrittenHere) {
  At(Instant::kBeforeHandler, 1,
     [&] { state.SeesForeignWrite(Key(kRmem), kRmem, kTheirs, Three(1, 2, 3)); });
  Ask(Raise());
  EXPECT_EQ(kWanted, rmem());
  EXPECT_EQ(1U, actuator.tried.size());
  EXPECT_EQ(kWanted, Values::Of(state.written[Key(kRmem)].last, 3)) << "ours, for the reclaim";
}

TEST_F(ApplierTest, ValueThatSomebodyPutBackUnseenIsTheirs) {
  At(Instant::kAfterWrite, 1, [this] { TheirHandler(kBefore); });  // the hook ignored it: no change
  Ask(Raise());
  EXPECT_EQ(kBefore, rmem());
  EXPECT_TRUE(IsOwned(state.Owner(Key(kRmem))));
  EXPECT_EQ(1, log.Count("somebody else changed it; it is theirs"));
}

TEST_F(ApplierTest, TakesTheWatchersDenialForWhatItIs) {
  At(Instant::kBeforeHook, 1, [this] { TheirHook(kTheirs); });  // the handler comes later
  Ask(Raise());
  EXPECT_EQ(kBefore, rmem());
  EXPECT_EQ(0, log.Count("mount it read-write")) << "not a lack of permission";
  TheirHandler(kTheirs);
  EXPECT_EQ(kTheirs, rmem());
}

// ---- all of it

// Two writes of the administrator, each a hook and later a handler, at every choice of instants.
class EveryInterleavingTest : public ApplierTest, public ::testing::WithParamInterface<bool> {};

TEST_P(EveryInterleavingTest, EndsWithTheAdministratorsLastValue) {
  constexpr int kMostInstants = 24;
  const Values second = Three(4096, 16384, 1'500'000);
  int cases = 0;
  for (int a = 0; a <= kMostInstants; ++a) {
    for (int b = a; b <= kMostInstants; ++b) {
      for (int c = b; c <= kMostInstants; ++c) {
        for (int d = c; d <= kMostInstants; ++d, ++cases) {
          state = {};
          actuator.files = untouched;
          if (GetParam()) actuator.clamp = ClampTo2000000;
          const std::function<void()> steps[] = {
              [&] { TheirHook(kTheirs); }, [&] { TheirHandler(kTheirs); },
              [&] { TheirHook(second); }, [&] { TheirHandler(second); }};
          const int when[] = {a, b, c, d};
          int instant = 0;
          size_t next = 0;
          const auto catch_up = [&] {
            for (; next < 4 && when[next] <= instant; ++next) steps[next]();
          };
          actuator.at = [&](Instant) {
            catch_up();
            ++instant;
          };
          Ask(Raise());
          actuator.at = nullptr;
          instant = kMostInstants;
          catch_up();
          ASSERT_EQ(second, rmem()) << "at " << a << ' ' << b << ' ' << c << ' ' << d;
          ASSERT_TRUE(IsOwned(state.Owner(Key(kRmem))));
        }
      }
    }
  }
  EXPECT_GT(cases, 20'000);
}

INSTANTIATE_TEST_SUITE_P(AndTheKernel, EveryInterleavingTest, ::testing::Bool(),
                         [](const auto& run) { return run.param ? "Clamps" : "TakesAll"; });

}  // namespace
}  // namespace bpftune
