// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// The administrator writes too: before, meanwhile, unseen, in every interleaving.

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "controller/applier.h"
#include "controller/fakes/applier_case.h"

namespace bpftune {
namespace {

using Instant = FakeActuator::Instant;

Values ClampTo2000000(Values values) {
  values.number[2] = std::min<int64_t>(values.number[2], 2'000'000);
  return values;
}

class ApplierOverrideTest : public ApplierCase {};

TEST_F(ApplierOverrideTest, LeavesAloneWhatTheAdministratorOwns) {
  TheyWrite(kTheirs);
  request r = Raise();
  std::copy(kTheirs.number.begin(), kTheirs.number.end(), r.seen);
  Ask(r);
  EXPECT_TRUE(actuator.tried.empty());
  EXPECT_EQ(kTheirs, rmem());
}

TEST_F(ApplierOverrideTest, LeavesTheWholeSetAloneWhenOneOfItIsTheAdministrators) {
  TheyWrite(kTheirs);
  request r = Raise();
  r.tunable = kWmem;
  Ask(r);
  EXPECT_TRUE(actuator.tried.empty());
}

TEST_F(ApplierOverrideTest, YieldsWhenTheValueIsNotTheOneItWroteLast) {
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

TEST_F(ApplierOverrideTest, SaysSoWhenItCannotYield) {
  Ask(Raise());
  TheirHandler(kTheirs);
  state.order_error = EIO;
  Ask(Raise());
  EXPECT_EQ(kTheirs, rmem());
  EXPECT_EQ(1, log.Count("yielding 'buffers': pulse of tuner 'sysctl': Input/output error"));
}

TEST_F(ApplierOverrideTest, TunesOnFromTheAdministratorsValueAfterAReclaim) {
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

class InterleavedTest : public ApplierOverrideTest, public ::testing::WithParamInterface<Moment> {};

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

TEST_F(ApplierOverrideTest, AdministratorsSecondWriteDuringThePutBackStands) {
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

TEST_F(ApplierOverrideTest, StopsPuttingBackForSomebodyWhoWritesAllTheTime) {
  int writes = 0;
  actuator.at = [&](Instant instant) {
    if (instant == Instant::kBeforeHandler && writes < 100)
      TheyWrite(Three(4096, 4096, 5000 + ++writes));
  };
  Ask(Raise());
  EXPECT_LT(writes, 20);
}

TEST_F(ApplierOverrideTest,
       AdministratorsWriteThatTheKernelRefusedLeavesOursInForceAndKnownAsOurs) {
  const Values refused = Three(4096, FakeActuator::kRefused, 1);
  At(Instant::kBeforeHandler, 1, [&] { TheyWrite(refused); });
  Ask(Raise());
  EXPECT_EQ(kWanted, rmem());
  EXPECT_EQ(kWanted, Values::Of(state.written[Key(kRmem)].last, 3));
}

TEST_F(ApplierOverrideTest, RefusedWriteDoesNotHideTheSuccessfulOneBeforeIt) {
  At(Instant::kBeforeHandler, 1, [&] {
    TheyWrite(kTheirs);
    TheyWrite(Three(4096, FakeActuator::kRefused, 1));
  });
  Ask(Raise());
  EXPECT_EQ(kTheirs, rmem());
}

TEST_F(ApplierOverrideTest, ShorterVectorOfTheAdministratorsIsPutBackAsFarAsItGoes) {
  At(Instant::kBeforeHandler, 1, [&] { TheyWrite(Two(8192, 16384)); });
  Ask(Raise());
  EXPECT_EQ(8192, rmem().number[0]);
  EXPECT_EQ(16384, rmem().number[1]);
}

// The hook names the writer's namespace; a descriptor opened in another one leads there. Then what
// it replaced never stood here.
TEST_F(ApplierOverrideTest, WriteThatWentElsewhereIsNotWrittenHere) {
  At(Instant::kBeforeHandler, 1,
     [&] { state.SeesForeignWrite(Key(kRmem), kRmem, kTheirs, Three(1, 2, 3)); });
  Ask(Raise());
  EXPECT_EQ(kWanted, rmem());
  EXPECT_EQ(1U, actuator.tried.size());
  EXPECT_EQ(kWanted, Values::Of(state.written[Key(kRmem)].last, 3)) << "ours, for the reclaim";
}

TEST_F(ApplierOverrideTest, ValueThatSomebodyPutBackUnseenIsTheirs) {
  At(Instant::kAfterWrite, 1, [this] { TheirHandler(kBefore); });  // the hook ignored it: no change
  Ask(Raise());
  EXPECT_EQ(kBefore, rmem());
  EXPECT_TRUE(IsOwned(state.Owner(Key(kRmem))));
  EXPECT_EQ(1, log.Count("somebody else changed it; it is theirs"));
}

TEST_F(ApplierOverrideTest, TakesTheWatchersDenialForWhatItIs) {
  At(Instant::kBeforeHook, 1, [this] { TheirHook(kTheirs); });  // the handler comes later
  Ask(Raise());
  EXPECT_EQ(kBefore, rmem());
  EXPECT_EQ(0, log.Count("mount it read-write")) << "not a lack of permission";
  TheirHandler(kTheirs);
  EXPECT_EQ(kTheirs, rmem());
}

// ---- all of it

// Two writes of the administrator, each a hook and later a handler, at every choice of instants.
class EveryInterleavingTest : public ApplierOverrideTest,
                              public ::testing::WithParamInterface<bool> {};

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
