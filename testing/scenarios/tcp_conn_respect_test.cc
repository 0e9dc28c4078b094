// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Connections over a path that loses segments, whose congestion control somebody has chosen: by
// naming it, even if it is the default. It stays, whenever it was chosen.

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/conn_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr LinkParameters kClean = {.rate_mbit = 100, .delay_ms = 20};
constexpr LinkParameters kLossy = {.rate_mbit = 100, .delay_ms = 20, .loss_percent = 2};
constexpr auto kPatience = 30s;

class Chosen : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }

  static bool EventuallyCounts(Daemon& daemon, const std::string& text) {
    return EventuallyTrue([&] { return CountOf(daemon, text) > 0; }, kPatience);
  }
};

TEST_F(Chosen, BeforeConnectingStays) {
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kLossy));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path, {.congestion_control = path.algorithm}));

  EXPECT_TRUE(EventuallyCounts(daemon, "connections whose algorithm somebody else chose"));
  EXPECT_EQ(AlgorithmOf(flow), path.algorithm);
}

TEST_F(Chosen, AfterConnectingStays) {
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kClean));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));
  ASSERT_OK(flow.SetCongestionControl(path.algorithm));
  path.link->Set(Direction::kAToB, kLossy);

  EXPECT_TRUE(EventuallyCounts(daemon, "connections whose algorithm somebody else chose"));
  EXPECT_EQ(AlgorithmOf(flow), path.algorithm);
}

TEST_F(Chosen, OnTheListenerStays) {
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kLossy));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path, {.congestion_control = path.algorithm,
                                                       .sender_accepts = true}));

  EXPECT_TRUE(EventuallyCounts(daemon, "connections whose algorithm somebody else chose"));
  EXPECT_EQ(AlgorithmOf(flow), path.algorithm);
}

// What shows that the test above tests the choice, and not the side.
TEST_F(Chosen, ByNobodyOnTheListenerIsSwitched) {
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kLossy));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow,
                       StartFlow(path, {.congestion_control = "", .sender_accepts = true}));

  EXPECT_TRUE(EventuallyTrue([&] { return HasBbr(flow); }, kPatience));
}

TEST_F(Chosen, ForTheRouteStays) {
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kLossy));
  ASSERT_OK(path.a->SetSysctl(kCongestionControl, "reno"));
  const std::string& peer = path.link->b().ipv4;
  ASSERT_OK(path.a->AddRoute(peer + "/32", peer, "reno"));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));

  EXPECT_TRUE(EventuallyCounts(daemon, "connections whose algorithm somebody else chose"));
  EXPECT_EQ(AlgorithmOf(flow), "reno");
}

TEST_F(Chosen, AfterOurSwitchStays) {
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kLossy));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));
  ASSERT_TRUE(EventuallyTrue([&] { return HasBbr(flow); }, kPatience));
  ASSERT_OK(flow.SetCongestionControl(path.algorithm));

  // Many times the losses that switched it.
  ASSERT_OK_AND_ASSIGN(SenderState then, flow.Sender());
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        auto now = flow.Sender();
        return now && now->segments_retransmitted > then.segments_retransmitted + 60;
      },
      kPatience));
  EXPECT_EQ(AlgorithmOf(flow), path.algorithm);
}

// Callbacks that one program asks for on a socket all socket-ops programs get.
TEST_F(Chosen, ByTheDaemonOfOneNamespaceIsNoneOfAnothersBusiness) {
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kLossy));
  ASSERT_OK_AND_ASSIGN(Host elsewhere, Host::Create("elsewhere"));
  ASSERT_OK_AND_ASSIGN(Daemon other, StartDaemon({&elsewhere}));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));

  EXPECT_TRUE(EventuallyTrue([&] { return HasBbr(flow); }, kPatience));
  EXPECT_EQ(CountOf(other, "connections that lost segments"), 0U);
}

TEST_F(Chosen, AsDefaultByTheAdministratorIsWhatConnectionsHaveAndVoidsWhatWasLearned) {
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kLossy));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  {
    ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));
    ASSERT_TRUE(EventuallyTrue([&] { return HasBbr(flow); }, kPatience));
  }
  ASSERT_OK(path.a->SetSysctl(kCongestionControl, "bbr"));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));
  EXPECT_TRUE(EventuallyCounts(daemon, "hosts forgotten because the default was changed"));
  flow.WaitUntil(3);

  EXPECT_EQ(AlgorithmOf(flow), "bbr");
  EXPECT_EQ(CountOf(daemon, "connections switched to bbr"), 1U);
}

}  // namespace
}  // namespace bpftune::testing
