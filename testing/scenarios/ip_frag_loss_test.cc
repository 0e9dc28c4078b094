// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Datagrams in fragments over a path that loses a few of them: what is left of the others waits,
// and takes the room of those that would be completed.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/link.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/frag_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kThreshold = 256 << 10;  // bytes
constexpr int kFragments = 6;              // of a datagram: 8 kB
constexpr double kLossPercent = 2;         // so that 886 of 1000 datagrams can be completed

class FragmentLoss : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

// Sends so many datagrams, five every 10 ms, and returns how many of 1000 were completed.
int64_t CompletedPermille(const Host& receiver, FragmentSource* source, int datagrams) {
  const auto before = ReassembliesOf(receiver, Family::kIpv4);
  int sent = 0;
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        EXPECT_OK(source->SendInterleaved(5, kFragments));
        sent += 5;
        return sent >= datagrams;
      },
      60s));
  const auto after = ReassembliesOf(receiver, Family::kIpv4);
  if (!before || !after) return -1;
  return (after->completed - before->completed) * 1000 / sent;
}

TEST_F(FragmentLoss, IsGivenTheMemoryThatItTakes) {
  ASSERT_OK_AND_ASSIGN(Host sender, Host::Create("sender"));
  ASSERT_OK_AND_ASSIGN(Host receiver, Host::Create("receiver"));
  ASSERT_OK_AND_ASSIGN(
      Link link, Link::Create(sender, receiver,
                              {.rate_mbit = 1000, .delay_ms = 1, .loss_percent = kLossPercent}));
  ASSERT_OK(LimitFragments(receiver, Family::kIpv4, kThreshold));
  ASSERT_OK_AND_ASSIGN(FragmentSource source,
                       FragmentSource::Create(link.a(), link.b(), Family::kIpv4));
  CompletedPermille(receiver, &source, 500);  // fills the memory
  EXPECT_LT(CompletedPermille(receiver, &source, 500), 500);

  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&receiver}));
  EXPECT_TRUE(EventuallyTrue([&] { return CompletedPermille(receiver, &source, 500) > 800; }, 60s));

  EXPECT_GE(CountChanges(daemon, FragThreshold(Family::kIpv4)), 1U);
  EXPECT_EQ(daemon.CountLines("^Due to fragments that do not arrive"), 0U);
}

}  // namespace
}  // namespace bpftune::testing
