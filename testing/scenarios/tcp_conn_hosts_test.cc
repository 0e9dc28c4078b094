// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// What is learned of a host serves the next connections to it, and no others: two hosts behind one
// gateway, and the next daemon.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/objects/bpf_file_system.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/conn_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr LinkParameters kClean = {.rate_mbit = 50, .delay_ms = 10};
constexpr LinkParameters kLossy = {.rate_mbit = 50, .delay_ms = 10, .loss_percent = 2};

class Hosts : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }

  // Makes `count` connections, one after the other, that each move 3 MB, and returns how many had
  // bbr from their first byte on.
  static int CountBbrFromTheStart(const Endpoint& from, const Endpoint& to, int count) {
    int with_bbr = 0;
    for (int i = 0; i < count; i++) {
      auto flow = BulkFlow::Start(from, to, {.congestion_control = "", .total_bytes = 3'000'000});
      EXPECT_OK(flow);
      if (!flow) return with_bbr;
      with_bbr += HasBbr(*flow);
      EXPECT_OK(flow->WaitForCompletion(60s));
    }
    return with_bbr;
  }
};

TEST_F(Hosts, BehindOneGatewayGetEachTheirOwn) {
  ASSERT_OK_AND_ASSIGN(Host sender, Host::Create("sender"));
  ASSERT_OK_AND_ASSIGN(Host gateway, Host::Create("gateway"));
  ASSERT_OK_AND_ASSIGN(Host close_by, Host::Create("close_by"));
  ASSERT_OK_AND_ASSIGN(Host far, Host::Create("far"));
  ASSERT_OK(UseLossBasedDefault(sender));
  ASSERT_OK(gateway.SetSysctl("net.ipv4.ip_forward", "1"));
  ASSERT_OK_AND_ASSIGN(VethPair cable, VethPair::Create(sender, gateway));
  ASSERT_OK_AND_ASSIGN(Link clean, Link::Create(gateway, close_by, kClean));
  ASSERT_OK_AND_ASSIGN(Link lossy, Link::Create(gateway, far, kLossy));
  ASSERT_OK(sender.AddRoute("10.77.0.0/16", cable.b.ipv4));
  ASSERT_OK(close_by.AddRoute("10.78.0.0/16", clean.a().ipv4));
  ASSERT_OK(far.AddRoute("10.78.0.0/16", lossy.a().ipv4));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&sender}));

  CountBbrFromTheStart(cable.a, lossy.b(), 6);
  const int lossy_bbr = CountBbrFromTheStart(cable.a, lossy.b(), 20);
  const int clean_bbr = CountBbrFromTheStart(cable.a, clean.b(), 20);

  std::printf("of 20 connections each, with bbr: %d over loss, %d without\n", lossy_bbr, clean_bbr);
  EXPECT_GE(lossy_bbr, 13) << "all but explorations and the control group";
  EXPECT_EQ(clean_bbr, 0);
  EXPECT_GE(CountOf(daemon, "of these, connections given what is best for their host"), 10U)
      << "of those with bbr, once two have been learned from";
  EXPECT_EQ(CountOf(daemon, "hosts to which a path loses segments"), 1U);
  EXPECT_EQ(daemon.CountLines("due to loss events for " + lossy.b().ipv4), 1U);
}

TEST_F(Hosts, AreKnownToTheNextDaemon) {
  ASSERT_OK_AND_ASSIGN(BpfFileSystem bpffs, BpfFileSystem::Mount());
  const std::vector<std::string> keep = {"--pin-dir", bpffs.path() + "/bpftune"};
  ASSERT_OK_AND_ASSIGN(LossyPath path, LossyPath::Create(kLossy));
  {
    ASSERT_OK_AND_ASSIGN(Daemon first, StartDaemon({path.a.get()}, keep));
    CountBbrFromTheStart(path.link->a(), path.link->b(), 16);
    ASSERT_OK(first.Stop());
  }
  ASSERT_OK_AND_ASSIGN(Daemon second, StartDaemon({path.a.get()}, keep));

  const int with_bbr = CountBbrFromTheStart(path.link->a(), path.link->b(), 8);

  EXPECT_GE(with_bbr, 5) << "a daemon that knows nothing leaves four alone to begin with";
  EXPECT_EQ(CountOf(second, "hosts to which a path loses segments"), 1U);
  EXPECT_TRUE(second.WaitForLine("'tcp_conn': 8 connections to 1 hosts", 10s));
}

}  // namespace
}  // namespace bpftune::testing
