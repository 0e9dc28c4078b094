// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// A tuner that has gone wrong: it asks as fast as a CPU can, more than ten thousand times a second.
// All of it is counted, nothing of it is kept, and the administrator is heard all the same.

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "controller/tuning_state.h"
#include "testing/benchmarks/bpf_usage.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/asker.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/ask_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kFirst = 1048576;
constexpr uint64_t kMany = 100'000;
constexpr uint64_t kRingIsFull = 4'000;  // records; it holds fewer
constexpr int64_t kMoreKib = 1024;       // that its memory may vary by
constexpr int kRounds = 100;

request Nonsense() {
  request record = {};
  record.kind = REQUEST_TEST;
  return record;
}

class RequestsManyTest : public AskCase {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    auto host = Host::Create("asked-for");
    ASSERT_OK(host);
    host_.emplace(std::move(*host));
    ASSERT_OK(host_->SetSysctl(kAskOutputName, std::to_string(kFirst)));
    StartAsked({kSysctlObject, kAskObject},
               {"-n", host_->netns_path(), "--changes-per-minute", "1000000"});
  }

  int64_t Value() const { return ValueAt(*host_); }
  // What the daemon has of its own, not counting files.
  int64_t MemoryKib() const {
    const auto kib = ProcNumber(daemon_->pid(), "status", "RssAnon:");
    return kib ? static_cast<int64_t>(*kib) : -1;
  }
  // The number in a line of the summary; 0 where there is no such line.
  uint64_t Counted(const std::string& pattern) {
    const size_t from = daemon_->Lines().size();
    daemon_->Signal(SIGUSR1);
    if (!daemon_->WaitForLine("unknown records in the ring", 10s, from)) return 0;  // the last line
    const auto line = daemon_->WaitForLine(pattern, 100ms, from);
    return line ? std::stoull(line->captures[0]) : 0;
  }
  // As Asker::Raise(), beside a flood.
  bool Raise() {
    const request record = asker_->Set(*host_, kAskOutput, {Value()}, {Value() + 1});
    {
      const std::lock_guard<std::mutex> alone(asking_);
      if (!asker_->Ask(record)) return false;
    }
    return EventuallyTrue([&] { return asker_->IsAnswered(record); }, 5s) &&
           Value() == record.wanted[0];
  }
  void AskNonsense(uint64_t times) {
    for (uint64_t i = 0; i < times; ++i) ASSERT_OK(asker_->Ask(Nonsense()));
  }
  void AskTooMuch(uint64_t times) {
    for (uint64_t i = 0; i < times; ++i) {
      ASSERT_OK(asker_->Ask(asker_->Set(*host_, kAskOutput, {kFirst}, {INT64_MAX})));
    }
  }

  std::optional<Host> host_;
  std::mutex asking_;  // there is room for one wish
};

TEST_F(RequestsManyTest, AreCountedAndTakeNoMemory) {
  ASSERT_NO_FATAL_FAILURE(AskNonsense(kMany / 10));
  ASSERT_NO_FATAL_FAILURE(AskTooMuch(kMany / 10));
  ASSERT_NE(Counted("^Summary: ([0-9]+) unknown records"), 0U);
  const int64_t memory = MemoryKib();
  ASSERT_GT(memory, 0);

  const auto begin = std::chrono::steady_clock::now();
  ASSERT_NO_FATAL_FAILURE(AskNonsense(kMany));
  ASSERT_NO_FATAL_FAILURE(AskTooMuch(kMany));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  daemon_->Signal(SIGSTOP);
  ASSERT_NO_FATAL_FAILURE(AskNonsense(kRingIsFull));
  daemon_->Signal(SIGCONT);

  const uint64_t lost = Counted("'ask': ([0-9]+) requests lost because the ring buffer was full");
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(Counted("^Summary: ([0-9]+) unknown records") + lost, kMany / 10 + kMany + kRingIsFull);
  EXPECT_EQ(Counted("^Summary: ([0-9]+) changes of .* outside the bounds"),
            asker_->TimesAsked(*host_, kAskOutput));
  EXPECT_LE(MemoryKib(), memory + kMoreKib);
  EXPECT_EQ(daemon_->CountLines("was not changed to .* outside the bounds"), 1U);
  EXPECT_EQ(Value(), kFirst);
  std::printf("%.0f requests a second, %ld KiB, then %ld KiB\n",
              2.0 * static_cast<double>(kMany) / took.count(), memory, MemoryKib());
}

TEST_F(RequestsManyTest, DoNotDrownTheAdministrator) {
  std::atomic<bool> is_over = false;
  std::atomic<uint64_t> asked = 0;
  std::thread flood([&] {
    for (; !is_over; ++asked, std::this_thread::yield()) {
      const std::lock_guard<std::mutex> alone(asking_);
      EXPECT_OK(asker_->Ask(Nonsense()));
    }
  });
  int tuned = 0;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    tuned += Raise();
    // With every other write his report finds no room.
    const bool is_full = round % 2 == 1;
    if (is_full) daemon_->Signal(SIGSTOP);
    const uint64_t enough = asked + kRingIsFull;
    EXPECT_TRUE(EventuallyTrue([&] { return !is_full || asked > enough; }, 10s));
    const int64_t theirs = kFirst + 100'000 + int64_t{1000} * round;
    EXPECT_OK(Administrate(*host_, kAskOutputName, std::to_string(theirs)));
    if (is_full) daemon_->Signal(SIGCONT);

    EXPECT_FALSE(Raise());
    EXPECT_EQ(Value(), theirs) << "round " << round;
    EXPECT_TRUE(IsOwned(asker_->Owner(*host_, kAskOutput))) << "round " << round;
    EXPECT_OK(asker_->GiveBack(*host_, kAskOutput));
  }
  is_over = true;
  flood.join();
  EXPECT_GT(tuned, kRounds / 2);
  EXPECT_GT(Counted("'sysctl': ([0-9]+) requests lost because the ring buffer was full"), 0U);
  EXPECT_LE(daemon_->CountLines(ModifiedIn(*host_, kAskOutputName)), size_t{kRounds});
}

}  // namespace
}  // namespace bpftune::testing
