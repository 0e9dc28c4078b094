// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/traffic.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/link.h"
#include "testing/privilege.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

class TrafficTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    client_ = Host::Create("client");
    server_ = Host::Create("server");
    ASSERT_OK(client_);
    ASSERT_OK(server_);
  }

  Result<Link> Connect(const LinkParameters& parameters) {
    return Link::Create(*client_, *server_, parameters);
  }

  Result<Host> client_ = Error("not created yet");
  Result<Host> server_ = Error("not created yet");
};

TEST_F(TrafficTest, ABulkFlowKnowsWhatArrivedWhen) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 50, .delay_ms = 2}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(link.a(), link.b()));

  flow.WaitUntil(1.5);
  EXPECT_GE(flow.age_s(), 1.5);
  flow.Stop();

  EXPECT_GT(flow.MbitPerSecond(0.5, 1.5), 10);
  EXPECT_LT(flow.MbitPerSecond(0.5, 1.5), 51);
  EXPECT_EQ(flow.MbitPerSecond(100, 101), 0);
  EXPECT_EQ(flow.MbitPerSecond(1, 1), 0);
}

TEST_F(TrafficTest, ABulkFlowOfGivenLengthCompletes) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 100, .delay_ms = 1}));
  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    ASSERT_OK_AND_ASSIGN(
        BulkFlow flow,
        BulkFlow::Start(link.a(), link.b(), {.family = family, .total_bytes = 2'000'000}));

    ASSERT_OK_AND_ASSIGN(double seconds, flow.WaitForCompletion(10s));

    EXPECT_EQ(flow.bytes_received(), 2'000'000U);
    EXPECT_GT(seconds, 0.16);
  }
}

TEST_F(TrafficTest, ABulkFlowThatDoesNotCompleteInTimeIsAnError) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 1}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow,
                       BulkFlow::Start(link.a(), link.b(), {.total_bytes = 2'000'000}));
  EXPECT_FALSE(flow.WaitForCompletion(100ms));
}

TEST_F(TrafficTest, CongestionControlIsChosenPerFlow) {
  ASSERT_OK_AND_ASSIGN(VethPair pair, VethPair::Create(*client_, *server_));
  for (const char* name : {"cubic", "reno"}) {
    ASSERT_OK_AND_ASSIGN(BulkFlow flow,
                         BulkFlow::Start(pair.a, pair.b, {.congestion_control = name}));
    ASSERT_OK_AND_ASSIGN(SenderState sender, flow.Sender());
    EXPECT_EQ(sender.congestion_control, name);
  }
  auto unknown = BulkFlow::Start(pair.a, pair.b, {.congestion_control = "prayer"});
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message().find("prayer"), std::string::npos);
}

TEST_F(TrafficTest, TheSenderStateShowsPathAndLoss) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 100, .delay_ms = 10, .loss_percent = 1}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(link.a(), link.b()));

  flow.WaitUntil(1.5);
  ASSERT_OK_AND_ASSIGN(SenderState sender, flow.Sender());

  EXPECT_GE(sender.min_rtt_ms, 20);
  EXPECT_GE(sender.srtt_ms, 20);
  EXPECT_GT(sender.segments_sent, 100U);
  EXPECT_GT(sender.segments_retransmitted, 0U);
}

TEST_F(TrafficTest, ASlowReaderSetsThePace) {
  ASSERT_OK_AND_ASSIGN(VethPair pair, VethPair::Create(*client_, *server_));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(pair.a, pair.b, {.reader_mbit = 20}));

  flow.WaitUntil(1.5);

  EXPECT_LT(flow.MbitPerSecond(0.5, 1.5), 24);
  EXPECT_GT(flow.MbitPerSecond(0.5, 1.5), 5);
}

TEST_F(TrafficTest, AWriterWithLittleToSayLeavesTheLinkIdle) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 1000, .delay_ms = 1}));
  ASSERT_OK_AND_ASSIGN(
      BulkFlow flow,
      BulkFlow::Start(link.a(), link.b(), {.write_bytes = 60'000, .write_interval_ms = 20}));

  flow.WaitUntil(1.5);

  EXPECT_LT(flow.MbitPerSecond(0.5, 1.5), 30);
  EXPECT_GT(flow.MbitPerSecond(0.5, 1.5), 5);
}

TEST_F(TrafficTest, APausedFlowSendsNothingUntilResumed) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 20, .delay_ms = 1}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow,
                       BulkFlow::Start(link.a(), link.b(), {.send_buffer_bytes = 32'768}));
  flow.WaitUntil(0.5);
  flow.Pause();
  flow.WaitUntil(1.5);
  flow.Resume();
  flow.WaitUntil(2.1);

  EXPECT_GT(flow.MbitPerSecond(0.1, 0.5), 5);
  EXPECT_EQ(flow.MbitPerSecond(1.0, 1.5), 0);
  EXPECT_GT(flow.MbitPerSecond(1.6, 2.0), 5);
}

TEST_F(TrafficTest, ALockedBufferBoundsTheRateOfALongPath) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 1000, .delay_ms = 20}));
  ASSERT_OK_AND_ASSIGN(BulkFlow receiver_limited,
                       BulkFlow::Start(link.a(), link.b(), {.receive_buffer_bytes = 65'536}));
  ASSERT_OK_AND_ASSIGN(BulkFlow sender_limited,
                       BulkFlow::Start(link.a(), link.b(), {.send_buffer_bytes = 65'536}));

  sender_limited.WaitUntil(2);

  // 131072 bytes, which is what the kernel makes of 65536, in 40 ms are 26 Mbit/s. In its first
  // second a flow may have more under way.
  EXPECT_LT(receiver_limited.MbitPerSecond(1, 2), 60);
  EXPECT_LT(sender_limited.MbitPerSecond(1, 2), 60);
  EXPECT_GT(receiver_limited.MbitPerSecond(1, 2), 1);
  EXPECT_GT(sender_limited.MbitPerSecond(1, 2), 1);
}

TEST_F(TrafficTest, PingFeelsTheQueueOfABulkFlow) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 20, .delay_ms = 5, .queue_bdp = 8}));
  ASSERT_OK_AND_ASSIGN(PingReport idle, Ping(link.a(), link.b(), {.count = 10}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(link.a(), link.b()));
  flow.WaitUntil(0.5);
  ASSERT_OK_AND_ASSIGN(PingReport busy, Ping(link.a(), link.b(), {.count = 30}));

  EXPECT_GT(busy.max_ms, 2 * idle.median_ms);
}

TEST_F(TrafficTest, PingReportsSilenceAsLoss) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.loss_percent = 100}));
  ASSERT_OK_AND_ASSIGN(PingReport report,
                       Ping(link.a(), link.b(), {.count = 3, .interval_ms = 1, .timeout_ms = 50}));
  EXPECT_EQ(report.sent, 3);
  EXPECT_EQ(report.received, 0);
  EXPECT_EQ(report.loss_percent(), 100);
}

TEST_F(TrafficTest, IdleConnectionsStandUntilTheyGo) {
  ASSERT_OK_AND_ASSIGN(VethPair pair, VethPair::Create(*client_, *server_));
  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    ASSERT_OK_AND_ASSIGN(IdleConnections idle, IdleConnections::Open(pair.a, pair.b, 100, family));
    EXPECT_EQ(idle.size(), 100U);
  }
}

TEST_F(TrafficTest, ShortConnectionsTakeAtLeastTheirRoundTrips) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.delay_ms = 2}));
  ASSERT_OK_AND_ASSIGN(double per_second, ShortConnections(link.a(), link.b(), 20));
  EXPECT_LT(per_second, 125) << "two round trips of 4 ms each";
  EXPECT_GT(per_second, 5);
}

TEST_F(TrafficTest, ConnectingToNobodyIsAnErrorWithinTheDeadline) {
  ASSERT_OK_AND_ASSIGN(VethPair pair, VethPair::Create(*client_, *server_));
  Endpoint stranger = pair.b;
  stranger.ipv4 = "10.78.255.255";
  EXPECT_FALSE(bpftune::testing::Connect(pair.a, stranger));
}

}  // namespace
}  // namespace bpftune::testing
