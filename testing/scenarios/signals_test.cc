// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Signals: those that end it, those that interrupt it, and a long stop in the middle of its work.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>

#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/host.h"
#include "testing/objects/asker.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/ask_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kBefore = 1048576;

class SignalsTest : public AskCase {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    auto host = Host::Create("tuned");
    ASSERT_OK(host);
    host_.emplace(std::move(*host));
    ASSERT_OK(host_->SetSysctl(kAskOutputName, std::to_string(kBefore)));
    StartAsked({kSysctlObject, kAskObject},
               {"-n", host_->netns_path(), "--changes-per-minute", "1000000"});
  }

  int64_t Value() const { return ValueAt(*host_); }
  // Stops the daemon for longer than any of its deadlines, as a suspended machine would.
  void StopForASecond() {
    daemon_->Signal(SIGSTOP);
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(
        EventuallyTrue([&] { return std::chrono::steady_clock::now() - begin > 1200ms; }, 5s));
  }

  std::optional<Host> host_;
};

class EndingSignalTest : public SignalsTest, public ::testing::WithParamInterface<int> {};

TEST_P(EndingSignalTest, EndsItWithASummaryAndWithoutAnError) {
  ASSERT_TRUE(asker_->Raise(*host_));

  daemon_->Signal(GetParam());
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon_->WaitForExit(10s));

  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(daemon_->CountLines("^Summary: scenario 'test asks' occurred 1 times"), 1U);
  EXPECT_EQ(Value(), kBefore + 1);
}

INSTANTIATE_TEST_SUITE_P(Signals, EndingSignalTest, ::testing::Values(SIGTERM, SIGINT),
                         [](const auto& signal) {
                           return signal.param == SIGTERM ? "Term" : "Int";
                         });

TEST_F(SignalsTest, InterruptionsAtAnyMomentDoNotDisturbIt) {
  for (int round = 0; round < 200; ++round) {
    // A stop and its end make the calls that wait return early (signal(7)).
    for (const int signal : {SIGSTOP, SIGCONT, SIGUSR1}) daemon_->Signal(signal);
    ASSERT_TRUE(asker_->Raise(*host_)) << round;
  }

  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon_->Stop());
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(Value(), kBefore + 200);
}

TEST_F(SignalsTest, WhatWasDecidedBeforeALongStopIsNotDoneAfterIt) {
  daemon_->Signal(SIGSTOP);
  const request old = asker_->Set(*host_, kAskOutput, {kBefore}, {kBefore + 1});
  ASSERT_OK(asker_->Ask(old));
  ASSERT_NO_FATAL_FAILURE(StopForASecond());
  daemon_->Signal(SIGCONT);

  EXPECT_TRUE(daemon_->WaitForLine("the request was older than a second", 5s));
  EXPECT_TRUE(EventuallyTrue([&] { return asker_->IsAnswered(old); }, 5s));
  EXPECT_EQ(Value(), kBefore);
  // And it goes on.
  EXPECT_TRUE(asker_->Raise(*host_));
}

TEST_F(SignalsTest, WhatTheAdministratorWroteWhileItWasStoppedIsHis) {
  ASSERT_TRUE(asker_->Raise(*host_));
  daemon_->Signal(SIGSTOP);
  ASSERT_OK_AND_ASSIGN(AdministratorWrite write,
                       Administrate(*host_, kAskOutputName, std::to_string(kBefore * 2)));
  ASSERT_EQ(write.error, 0);
  ASSERT_NO_FATAL_FAILURE(StopForASecond());
  daemon_->Signal(SIGCONT);

  EXPECT_TRUE(daemon_->WaitForLine(
      "pid " + std::to_string(write.pid) + ".*" + ModifiedIn(*host_, kAskOutputName), 5s));
  EXPECT_FALSE(asker_->Raise(*host_));
  EXPECT_EQ(Value(), kBefore * 2);
}

}  // namespace
}  // namespace bpftune::testing
