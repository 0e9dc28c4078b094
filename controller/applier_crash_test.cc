// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// The daemon dies at every step of the applier in turn, and what it leaves behind is undone: every
// value is the first one again, or somebody else's.

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "controller/applier.h"
#include "controller/fakes/fake_actuator.h"
#include "controller/fakes/fake_journal.h"
#include "controller/fakes/fake_log.h"
#include "controller/fakes/fake_state.h"
#include "controller/fakes/sample_tuner.h"
#include "controller/undo/rollback.h"

namespace bpftune {
namespace {

constexpr uint16_t kTuner = 3;
const NetnsId kHome{1};
const NetnsId kBlue{4711};
const Values kFirst = Three(4096, 131072, 1310720);
const Values kTheirs = Three(4096, 16384, 999'999);
constexpr uint64_t kNow = 500'000'000'000;

struct Death {};

// How many calls at the edges are left; before and after each of them is a step.
class Life {
 public:
  explicit Life(int steps) : left_(steps) {}
  void Step() {
    if (left_-- == 0) throw Death();
  }

 private:
  int left_;
};

class MortalActuator : public FakeActuator {
 public:
  explicit MortalActuator(Life* life) {
    at = [life](Instant) { life->Step(); };
  }
};

class MortalState : public FakeState {
 public:
  explicit MortalState(Life* life) : life_(life) {}
  std::optional<owner> Owner(const state_key& set) const override {
    life_->Step();
    return FakeState::Owner(set);
  }
  std::optional<published> Published(const state_key& key) const override {
    life_->Step();
    return FakeState::Published(key);
  }
  Status Publish(const state_key& key, const published& what) override {
    life_->Step();
    return FakeState::Publish(key, what);
  }
  void ClearPending(const state_key& key) override {
    life_->Step();
    FakeState::ClearPending(key);
  }

 private:
  Life* life_;
};

class MortalJournal : public FakeJournal {
 public:
  explicit MortalJournal(Life* life) : life_(life) {}
  Status Append(const JournalRecord& record) override {
    life_->Step();
    const size_t before = text.size();
    auto appended = FakeJournal::Append(record);
    const std::string whole = text;
    text.resize(before + (whole.size() - before) / 2);
    life_->Step();  // in the middle of the line
    text = whole;
    life_->Step();
    return appended;
  }

 private:
  Life* life_;
};

// What happens while the daemon lives and after it has died.
struct Story {
  const char* what;
  bool clamps = false;             // the kernel takes no more than 3000000
  bool refuses_second = false;     // the kernel takes the second write at home not at all
  bool heir = false;               // 'blue' is born with what was written at home
  bool they_write_at_end = false;  // once the daemon is dead

  friend void PrintTo(const Story& row, std::ostream* out) { *out << row.what; }
};

class CrashTest : public ::testing::TestWithParam<Story> {
 protected:
  // Raises tcp_rmem at home and in 'blue', more than once. Returns whether it survived.
  bool Live(int steps) {
    life_.emplace(steps);
    actuator_.emplace(&*life_);
    state_.emplace(&*life_);
    journal_.emplace(&*life_);
    for (const NetnsId netns : {kHome, kBlue}) actuator_->files[{netns, name_}] = kFirst;
    if (GetParam().clamps) {
      actuator_->clamp = [](Values values) {
        values.number[2] = std::min<int64_t>(values.number[2], 3'000'000);
        return values;
      };
    }
    Applier applier({.actuator = &*actuator_,
                     .state = &*state_,
                     .log = &log_,
                     .summary = &summary_,
                     .name_of = [](NetnsId) { return std::string("a namespace"); },
                     .now_ns = [] { return kNow; },
                     .journal = &*journal_,
                     .home = kHome});
    try {
      Raise(applier, kHome, 2'000'000);
      if (GetParam().heir) actuator_->files[{kBlue, name_}] = actuator_->files[{kHome, name_}];
      Raise(applier, kBlue, 2'500'000);
      if (GetParam().refuses_second) actuator_->write_error = EINVAL;
      Raise(applier, kHome, 4'000'000);
      actuator_->write_error = 0;
      Raise(applier, kBlue, 5'000'000);
      Raise(applier, kBlue, 2'400'000);
    } catch (const Death&) {
      return false;
    }
    return true;
  }

  void Raise(Applier& applier, NetnsId netns, int64_t most) {
    request r = {};
    r.kind = REQUEST_SET;
    r.tuner = kTuner;
    r.tunable = kRmem;
    r.scenario = kIncrease;
    r.sequence = 7;
    r.mask = 1U << 2;
    r.netns = netns.value;
    r.time_ns = kNow;
    actuator_->files[{netns, name_}].CopyTo(r.seen);
    r.wanted[2] = most;
    state_->asked[{.netns = netns.value, .tuner = kTuner, .row = kRmem, .reserved = 0}] = {
        .time_ns = kNow, .sequence = 7, .reserved = 0};
    applier.Apply(tuner_, r);
  }

  // By the bytes of the journal alone, with the kernel as it is.
  RollbackResult Undo() {
    undo_.files = actuator_->files;
    undo_.clamp = actuator_->clamp;
    const Standings standings = journal_->Read();
    return Rollback(
        standings,
        {.actuator = &undo_,
         .log = &log_,
         .name_of = [](NetnsId) { return std::string("a namespace"); },
         .restore = [this](const SysctlPlace& place, uint64_t inode, const Values&,
                           const Values& back) { return undo_.Write(place, inode, back); },
         .home = kHome,
         .all_netns =
             [] {
               return std::vector<NetnsEntry>{
                   {.id = kHome, .inode = 1, .path = "", .pid = 0, .name = ""},
                   {.id = kBlue, .inode = 2, .path = "", .pid = 0, .name = ""}};
             },
         .newborn = [this](const std::string& name) -> std::optional<Values> {
           return undo_.files[{kHome, name}];
         }});
  }

  const std::string name_ = "net.ipv4.tcp_rmem";
  const Description tuner_ = SampleTuner();
  std::optional<Life> life_;
  std::optional<MortalActuator> actuator_;
  std::optional<MortalState> state_;
  std::optional<MortalJournal> journal_;
  FakeActuator undo_;
  FakeLog log_;
  Summary summary_;
};

TEST_P(CrashTest, AtEveryStepNothingIsLost) {
  int steps = 0;
  for (bool survived = false; !survived; ++steps) {
    survived = Live(steps);
    if (GetParam().they_write_at_end) actuator_->files[{kBlue, name_}] = kTheirs;
    const RollbackResult result = Undo();
    EXPECT_EQ(0U, result.failed) << "died at step " << steps;
    EXPECT_EQ(kFirst, (undo_.files[{kHome, name_}])) << "died at step " << steps;
    EXPECT_EQ(GetParam().they_write_at_end ? kTheirs : kFirst, (undo_.files[{kBlue, name_}]))
        << "died at step " << steps;
    ASSERT_LT(steps, 1000);
  }
  EXPECT_GT(steps, 70) << "five changes, each with some fifteen steps";
  std::printf("%d deaths, nothing lost\n", steps - 1);
}

INSTANTIATE_TEST_SUITE_P(
    Stories, CrashTest,
    ::testing::Values(Story{.what = "a plain one"},
                      Story{.what = "the kernel clamps", .clamps = true},
                      Story{.what = "the kernel refuses one", .refuses_second = true},
                      Story{.what = "born with our value", .heir = true},
                      Story{.what = "the administrator comes after", .they_write_at_end = true}));

}  // namespace
}  // namespace bpftune
