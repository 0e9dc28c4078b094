// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Datagrams that arrive in fragments, more of them at a time than fragment memory holds.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/frag_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kThreshold = 256 << 10;  // bytes
constexpr int kFragments = 40;             // of a datagram: 56 kB
constexpr int kBurst = 16;                 // datagrams at a time: some 1.5 MB of fragment memory
constexpr char kRaised[] = "^Due to need to increase fragment memory change ";

// A receiver with little fragment memory, that has completed datagrams in the past.
class FragmentMemory : public ::testing::TestWithParam<Family> {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    ASSERT_OK_AND_ASSIGN(Host sender, Host::Create("sender"));
    ASSERT_OK_AND_ASSIGN(Host receiver, Host::Create("receiver"));
    ASSERT_OK_AND_ASSIGN(VethPair cable, VethPair::Create(sender, receiver));
    ASSERT_OK(LimitFragments(receiver, GetParam(), kThreshold));
    ASSERT_OK_AND_ASSIGN(FragmentSource source,
                         FragmentSource::Create(cable.a, cable.b, GetParam()));
    receiver_.emplace(std::move(receiver));
    source_.emplace(std::move(source));
    ASSERT_TRUE(EventuallyTrue(
        [&] {
          for (int i = 0; i < 5; ++i) EXPECT_OK(source_->SendInterleaved(1, kFragments));
          return Completed() >= 100;
        },
        10s));
  }

  void Start(const std::vector<std::string>& more_arguments = {}) {
    ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&receiver()}, more_arguments));
    daemon_.emplace(std::move(daemon));
  }

  const Host& receiver() { return *receiver_; }
  Daemon& daemon() { return *daemon_; }
  std::string tunable() { return FragThreshold(GetParam()); }
  int64_t Completed() {
    const auto counts = ReassembliesOf(receiver(), GetParam());
    return counts ? counts->completed : -1;
  }
  int64_t Threshold() {
    const auto text = receiver().GetSysctl(tunable());
    return text ? std::stoll(*text) : -1;
  }

  // Bursts, until all datagrams of one are completed. False: that did not happen.
  bool BurstsUntilCompleted(int most) {
    for (int i = 0; i < most; ++i) {
      const int64_t before = Completed();
      EXPECT_OK(source_->SendInterleaved(kBurst, kFragments));
      if (EventuallyTrue([&] { return Completed() == before + kBurst; }, 200ms)) return true;
    }
    return false;
  }

  std::optional<Host> receiver_;
  std::optional<FragmentSource> source_;
  std::optional<Daemon> daemon_;
};

TEST_P(FragmentMemory, FullOnceStopsReassemblyForLong) {
  EXPECT_FALSE(BurstsUntilCompleted(5));
  // Not even one datagram alone gets through.
  const int64_t before = Completed();
  for (int i = 0; i < 20; ++i) ASSERT_OK(source_->SendInterleaved(1, kFragments));
  EXPECT_FALSE(EventuallyTrue([&] { return Completed() != before; }, 500ms));
}

TEST_P(FragmentMemory, IsRaisedUntilDatagramsAreCompleted) {
  ASSERT_NO_FATAL_FAILURE(Start());

  // Ten bursts are 2 s.
  EXPECT_TRUE(BurstsUntilCompleted(10));

  EXPECT_TRUE(daemon().WaitForLine(OccurredIn(receiver(), tunable()), 5s));
  EXPECT_TRUE(daemon().WaitForLine(
      kRaised + tunable() + "\\(bytes\\) from \\(" + std::to_string(kThreshold) + "\\) -> ", 5s));
  EXPECT_TRUE(daemon().WaitForLine(
      "^Fragments that wait .* take [0-9]+ bytes, so [1-9][0-9]* were dropped .* [1-9][0-9]* were "
      "completed",
      5s));
  EXPECT_GT(Threshold(), kThreshold);
  EXPECT_LE(Threshold(), 64 * kThreshold);
  EXPECT_TRUE(BurstsUntilCompleted(1)) << "it stays that way";
}

TEST_P(FragmentMemory, ThatTheAdministratorHasSetIsLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string theirs = std::to_string(kThreshold + 4096);
  ASSERT_OK_AND_ASSIGN(AdministratorWrite write, Administrate(receiver(), tunable(), theirs));
  ASSERT_EQ(write.error, 0);
  ASSERT_TRUE(daemon().WaitForLine(ModifiedIn(receiver(), tunable()), 10s));

  EXPECT_FALSE(BurstsUntilCompleted(3));

  EXPECT_TRUE(WaitForSummary(daemon(),
                             "'ip_frag': [0-9]+ raises not made because the value is yours", 10s));
  EXPECT_EQ(std::to_string(Threshold()), theirs);
}

TEST_P(FragmentMemory, IsOnlyTalkedAboutInADryRun) {
  ASSERT_NO_FATAL_FAILURE(Start({"--dry-run"}));

  EXPECT_FALSE(BurstsUntilCompleted(3));

  EXPECT_TRUE(daemon().WaitForLine(
      "^Due to need to increase fragment memory would change " + tunable(), 10s));
  EXPECT_EQ(Threshold(), kThreshold);
}

TEST_P(FragmentMemory, GoesBackWithRollback) {
  ASSERT_NO_FATAL_FAILURE(Start({"-R"}));
  ASSERT_TRUE(BurstsUntilCompleted(10));
  ASSERT_GT(Threshold(), kThreshold);

  ASSERT_OK(daemon().Stop());

  EXPECT_EQ(Threshold(), kThreshold);
}

INSTANTIATE_TEST_SUITE_P(Families, FragmentMemory, ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& row) {
                           return row.param == Family::kIpv4 ? "IPv4" : "IPv6";
                         });

}  // namespace
}  // namespace bpftune::testing
