// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// A tuner that asks for what it should not. The daemon says so once, changes nothing, and goes on.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/host.h"
#include "testing/objects/asker.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/ask_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kBefore = 1048576;

class FaultRequestsTest : public AskCase {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    for (auto [host, name] : {std::pair{&host_, "asked-for"}, {&other_, "other"}}) {
      auto created = Host::Create(name);
      ASSERT_OK(created);
      host->emplace(std::move(*created));
      ASSERT_OK((*host)->SetSysctl(kAskOutputName, std::to_string(kBefore)));
    }
    machine_ = MachinesValue();
  }

  // All tuners and 'ask', confined to the two namespaces.
  void StartConfined() {
    StartAsked({kSysctlObject, kTcpBufferObject, kAskObject},
               {"-n", host_->netns_path(), "-n", other_->netns_path()});
  }
  // Everywhere; but of the tuners only 'ask', which does nothing of its own accord.
  void StartEverywhere() { StartAsked({kSysctlObject, kAskObject}, {}); }

  void TearDown() override {
    ExpectThatItGoesOn();
    AskCase::TearDown();
  }
  void ExpectThatItGoesOn() {
    if (!asker_) return;
    EXPECT_EQ(ValueAt(*other_), kBefore);
    EXPECT_EQ(MachinesValue(), machine_);
    if (HasFailure()) return;
    // A proper request is carried out.
    Send(Wish(*other_, kBefore + 1));
    EXPECT_TRUE(EventuallyTrue([&] { return ValueAt(*other_) == kBefore + 1; }, 5s));
    EXPECT_TRUE(daemon_->WaitForLine(
        "Due to a test change net.ipv4.tcp_limit_output_bytes\\(bytes\\) from \\(1048576\\) -> "
        "\\(1048577\\)",
        5s));
  }

  static std::string MachinesValue() {
    auto bytes = ReadObject("/proc/sys/net/ipv4/tcp_limit_output_bytes");
    return bytes ? *bytes : bytes.error().message();
  }

  request Wish(const Host& host, int64_t wanted) {
    return asker_->Set(host, kAskOutput, {ValueAt(host)}, {wanted});
  }
  void Send(const request& record) { ASSERT_OK(asker_->Ask(record)); }
  // ... and waits for the answer.
  void Ask(const request& record) {
    Send(record);
    EXPECT_TRUE(EventuallyTrue([&] { return asker_->IsAnswered(record); }, 5s));
  }

  std::optional<Host> host_;
  std::optional<Host> other_;
  std::string machine_;
};

TEST_F(FaultRequestsTest, AValueOutsideItsBoundsIsRefusedAndExplainedOnce) {
  ASSERT_NO_FATAL_FAILURE(StartConfined());
  const int64_t outside[] = {65535, 65535, 16777217, 0, -1, INT64_MIN, INT64_MAX};
  for (const int64_t wanted : outside) {
    Ask(Wish(*host_, wanted));
    EXPECT_EQ(ValueAt(*host_), kBefore) << wanted;
  }

  EXPECT_TRUE(
      daemon_->WaitForLine("'net.ipv4.tcp_limit_output_bytes' in .* was not changed to "
                           "\\(65535\\): .* outside the bounds "
                           "65536 to 16777216 that tuner 'ask' declares",
                           5s));
  EXPECT_EQ(daemon_->CountLines("outside the bounds"), 1U);
  daemon_->Signal(SIGUSR1);
  EXPECT_TRUE(
      daemon_->WaitForLine("Summary: 7 changes of 'net.ipv4.tcp_limit_output_bytes' were not "
                           "made: .* outside the bounds",
                           5s));
}

TEST_F(FaultRequestsTest, ATunableOrScenarioThatIsNotDescribedIsIgnored) {
  ASSERT_NO_FATAL_FAILURE(StartConfined());
  request record = Wish(*host_, kBefore + 5);
  record.tunable = 7;
  Ask(record);
  EXPECT_TRUE(daemon_->WaitForLine(
      "tuner 'ask' asked for a tunable or a scenario that it has not described", 5s));
  record = Wish(*host_, kBefore + 5);
  record.scenario = 65535;
  Ask(record);

  EXPECT_EQ(ValueAt(*host_), kBefore);
  EXPECT_EQ(daemon_->CountLines("has not described"), 1U);
}

TEST_F(FaultRequestsTest, ANamespaceThatDoesNotExistIsSaidToBeGone) {
  ASSERT_NO_FATAL_FAILURE(StartEverywhere());
  request record = Wish(*host_, kBefore + 5);
  record.netns = 0x7fff'ffff'0000'0001;
  record.netns_inode = 17;
  Ask(record);

  EXPECT_TRUE(daemon_->WaitForLine("is not changed: the namespace is gone", 5s));
  EXPECT_EQ(ValueAt(*host_), kBefore);
}

TEST_F(FaultRequestsTest, ARequestWithoutANamespaceIsNotForTheMachine) {
  ASSERT_NO_FATAL_FAILURE(StartEverywhere());
  request record = Wish(*host_, kBefore + 5);
  record.netns = 0;
  Ask(record);

  EXPECT_TRUE(daemon_->WaitForLine("the request names no namespace", 5s));
  EXPECT_EQ(ValueAt(*host_), kBefore);
}

TEST_F(FaultRequestsTest, ANamespaceThatGoesBetweenRequestAndWriteIsSaidToBeGone) {
  ASSERT_NO_FATAL_FAILURE(StartConfined());
  const request record = Wish(*host_, kBefore + 5);
  daemon_->Signal(SIGSTOP);
  Send(record);
  host_.reset();
  daemon_->Signal(SIGCONT);

  EXPECT_TRUE(
      daemon_->WaitForLine("'net.ipv4.tcp_limit_output_bytes' in .* is not changed: the "
                           "namespace is gone",
                           5s));
}

// Its file is open already; the kernel takes a namespace apart in the background, and up to that
// moment the file can be written. After it nothing else must be written in its stead.
TEST_F(FaultRequestsTest, ANamespaceThatGoesAfterItWasTunedTakesNothingElseWithIt) {
  ASSERT_NO_FATAL_FAILURE(StartConfined());
  Ask(Wish(*host_, kBefore + 5));
  ASSERT_TRUE(EventuallyTrue([&] { return ValueAt(*host_) == kBefore + 5; }, 5s));
  const request first = Wish(*host_, kBefore + 6);
  daemon_->Signal(SIGSTOP);
  Send(first);
  host_.reset();
  daemon_->Signal(SIGCONT);
  EXPECT_TRUE(EventuallyTrue([&] { return asker_->IsAnswered(first); }, 5s));

  EXPECT_TRUE(EventuallyTrue(
      [&] {
        request record = first;
        ++record.sequence;
        Ask(record);
        return daemon_->CountLines("is not changed: the namespace is gone") == 1;
      },
      10s));
}

TEST_F(FaultRequestsTest, ANamespaceThatTheDaemonWasToldToKeepOutOfIsNotTouched) {
  ASSERT_NO_FATAL_FAILURE(StartConfined());
  ASSERT_OK_AND_ASSIGN(Host outside, Host::Create("outside"));
  ASSERT_OK(outside.SetSysctl(kAskOutputName, std::to_string(kBefore)));
  for (int again = 0; again < 2; ++again) Ask(Wish(outside, kBefore + 5));
  request record = Wish(*host_, kBefore + 5);
  record.netns = 0;
  Ask(record);

  EXPECT_TRUE(
      daemon_->WaitForLine("tuner 'ask' asked for a change in .*'outside'.*, which is outside "
                           "the namespaces given with --netns; refused",
                           5s));
  EXPECT_EQ(daemon_->CountLines("asked for a change in .*'outside'"), 1U);
  EXPECT_EQ(ValueAt(outside), kBefore);
  EXPECT_EQ(ValueAt(*host_), kBefore);
}

TEST_F(FaultRequestsTest, AStaleRequestIsNotCarriedOut) {
  ASSERT_NO_FATAL_FAILURE(StartConfined());
  request record = Wish(*host_, kBefore + 5);
  const auto long_ago = std::chrono::steady_clock::now().time_since_epoch() - 1100ms;
  record.time_ns = static_cast<uint64_t>(std::chrono::nanoseconds(long_ago).count());
  Send(record);

  EXPECT_TRUE(daemon_->WaitForLine("the request was older than a second", 5s));
  EXPECT_EQ(ValueAt(*host_), kBefore);
}

TEST_F(FaultRequestsTest, AFloodThatFillsTheRingIsCountedAndForgotten) {
  ASSERT_NO_FATAL_FAILURE(StartConfined());
  constexpr uint64_t kFlood = 2000;
  request record = {};
  record.kind = REQUEST_TEST;
  daemon_->Signal(SIGSTOP);
  for (uint64_t i = 0; i < kFlood; ++i) Send(record);
  daemon_->Signal(SIGCONT);

  daemon_->Signal(SIGUSR1);
  const auto lost = daemon_->WaitForLine(
      "tuner 'ask': ([0-9]+) requests lost because the ring buffer was full", 5s);
  const auto unknown = daemon_->WaitForLine("Summary: ([0-9]+) unknown records in the ring", 5s);
  ASSERT_TRUE(lost);
  ASSERT_TRUE(unknown);
  EXPECT_EQ(std::stoull(lost->captures[0]) + std::stoull(unknown->captures[0]), kFlood);
}

}  // namespace
}  // namespace bpftune::testing
