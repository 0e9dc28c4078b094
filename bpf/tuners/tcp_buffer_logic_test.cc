// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/tcp_buffer_logic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

#include "bpf/tuners/tcp_buffer_raise_logic.h"

namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint32_t kMss = 1448;

// A sender on a path of 1 Gbit/s and 100 ms, held at 1310720 bytes of buffer.
look LimitedSender() {
  look l = {};
  l.acked_bytes = 50'000'000;
  l.cap = 1310720;
  l.mss = kMss;
  l.srtt_us = 100'000;
  l.min_rtt_us = 100'000;
  l.cwnd_segments = 2000;
  l.sndbuf = 1310720;
  l.rcvbuf = 131072;
  l.send_queued = 1200000;
  l.window_scale = 7;
  l.side = SENDING;
  return l;
}

look LimitedReceiver() {
  look l = {};
  l.received_bytes = 50'000'000;
  l.cap = 1310720;
  l.mss = kMss;
  l.srtt_us = 100'000;
  l.min_rtt_us = 100'000;
  l.receive_rtt_us = 100'000;
  l.cwnd_segments = 10;
  l.sndbuf = 87040;
  l.rcvbuf = 1310720;
  l.scaling_ratio = 164;
  l.window_scale = 7;
  l.side = RECEIVING;
  return l;
}

// Looks at a steady flow of `bytes_per_s` every 100 ms until its rate is known; the last finding.
finding Follow(flow* f, look l, uint64_t bytes_per_s) {
  finding found = {};
  uint64_t now = 1'000'000 * kMs;
  for (int i = 0; i < 5; ++i, now += 100 * kMs) {
    l.now_ns = now;
    found = judge(f, &l);
    l.delivered_segments += static_cast<uint32_t>(bytes_per_s / 10 / kMss);
    (l.side == SENDING ? l.acked_bytes : l.received_bytes) += bytes_per_s / 10;
  }
  return found;
}

constexpr uint64_t kSendRate = 9'000'000;  // 0.7 of 1310720 bytes each 100 ms
constexpr uint64_t kReceiveRate = 8'400'000;

struct Row {
  const char* what;
  void (*change)(look*);
  bool limited;
};

class SenderTable : public ::testing::TestWithParam<Row> {};

TEST_P(SenderTable, IsHeldBackOnlyByItsSendBuffer) {
  look l = LimitedSender();
  GetParam().change(&l);
  flow f = {};
  const finding found = Follow(&f, l, kSendRate);
  EXPECT_TRUE(found.judged);
  EXPECT_EQ(GetParam().limited, found.limited) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    Situations, SenderTable,
    ::testing::Values(Row{"buffer full and at the cap", [](look*) {}, true},
                      Row{"buffer set by the application", [](look* l) { l->locked = 1; }, false},
                      Row{"buffer below the cap", [](look* l) { l->sndbuf = 1200000; }, false},
                      Row{"buffer from before the cap came down",
                          [](look* l) { l->sndbuf = l->send_queued = 1400000; }, false},
                      Row{"congestion window is the limit", [](look* l) { l->cwnd_segments = 100; },
                          false},
                      Row{"application leaves the buffer empty",
                          [](look* l) { l->send_queued = 300000; }, false}));

class ReceiverTable : public ::testing::TestWithParam<Row> {};

TEST_P(ReceiverTable, IsHeldBackOnlyByItsWindow) {
  look l = LimitedReceiver();
  GetParam().change(&l);
  flow f = {};
  const finding found = Follow(&f, l, kReceiveRate);
  EXPECT_TRUE(found.judged);
  EXPECT_EQ(GetParam().limited, found.limited) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    Situations, ReceiverTable,
    ::testing::Values(Row{"window at the cap, reads promptly", [](look*) {}, true},
                      Row{"buffer set by the application", [](look* l) { l->locked = 1; }, false},
                      Row{"reads slowly", [](look* l) { l->unread = 400'000; }, false},
                      Row{"buffer below the cap", [](look* l) { l->rcvbuf = 1'000'000; }, false},
                      Row{"below the cap, but at the end of its window scale",
                          [](look* l) {
                            l->rcvbuf = 1'000'000;
                            l->window_scale = 4;  // 1 MB: 840 kB in flight is over three quarters
                          },
                          true}));

TEST(JudgeTest, FirstLookOnlyInitialises) {
  flow f = {};
  look l = LimitedSender();
  l.now_ns = kMs;
  EXPECT_FALSE(judge(&f, &l).judged);
}

TEST(JudgeTest, NeedIsWhatThePathHoldsAtItsShortestRoundTripWithHeadroom) {
  look l = LimitedSender();
  l.srtt_us = 200'000;  // a queue doubles the round trip: no need for it
  flow f = {};
  uint64_t now = 1'000'000 * kMs;
  finding found = {};
  for (int i = 0; i < 8; ++i, now += 250 * kMs) {
    l.now_ns = now;
    found = judge(&f, &l);
    l.delivered_segments += static_cast<uint32_t>(kSendRate / 4 / kMss);
  }
  const double bdp = static_cast<double>(kSendRate) * 0.1;
  const int headroom = SEND_HEADROOM_16THS, share = SEND_PAYLOAD_256THS;
  EXPECT_NEAR(bdp * headroom / 16 * 256 / share, static_cast<double>(found.need), bdp * 0.02);
  EXPECT_TRUE(found.queueing);
}

TEST(JudgeTest, ReceiverRateDoesNotCountBytesThatWaitedForAMissingSegment) {
  look l = LimitedReceiver();
  flow f = {};
  Follow(&f, l, kReceiveRate);
  const uint64_t before = f.rate.max_bytes_per_s;
  l.now_ns = 1'000'500 * kMs;
  l.received_bytes += 5 * kReceiveRate / 10;
  l.out_of_order = 1;
  judge(&f, &l);
  l.now_ns += 100 * kMs;
  l.received_bytes += 20'000'000;  // the gap closes: two seconds' worth at once
  l.out_of_order = 0;
  judge(&f, &l);
  EXPECT_LE(f.rate.max_bytes_per_s, before);
}

TEST(JudgeTest, SlowHandshakeDoesNotMakeAReceiverNeedMore) {
  look l = LimitedReceiver();
  flow f = {};
  const finding found = Follow(&f, l, kReceiveRate);
  l.min_rtt_us = l.srtt_us = 250'000;  // the only sample it has; the path takes 100 ms
  flow g = {};
  EXPECT_EQ(found.need, Follow(&g, l, kReceiveRate).need);
}

TEST(JudgeTest, ConnectionThatTurnsRoundStartsAnew) {
  flow f = {};
  Follow(&f, LimitedSender(), kSendRate);
  EXPECT_GT(f.rate.max_bytes_per_s, 0u);
  look l = LimitedReceiver();
  l.now_ns = 2'000'000 * kMs;
  EXPECT_FALSE(judge(&f, &l).judged);
}

TEST(JudgeTest, NoFieldCanMakeItDivideByZeroOrWrap) {
  for (const uint32_t extreme : {0U, 1U, 0x7fffffffU, 0xffffffffU}) {
    look l = {};
    l.cap = extreme;
    l.mss = l.srtt_us = l.min_rtt_us = l.receive_rtt_us = l.cwnd_segments = extreme;
    l.sndbuf = l.rcvbuf = l.send_queued = l.unread = extreme;
    l.scaling_ratio = extreme;
    l.window_scale = 255;
    for (const uint8_t side : {SENDING, RECEIVING}) {
      flow f = {};
      l.side = side;
      l.received_bytes = l.acked_bytes = 0;
      for (uint64_t now = 1; now < 8 * (60'000 * kMs); now += 60'000 * kMs) {
        l.now_ns = now;
        l.received_bytes += extreme;
        l.acked_bytes += extreme;
        l.delivered_segments += extreme;
        const finding found = judge(&f, &l);
        EXPECT_GT(found.rtt_us, 0u);
      }
    }
  }
}

TEST(FlowMovedTest, NewConnectionIsFollowedCloselyAndAnIdleOneIsNot) {
  flow f = {};
  EXPECT_FALSE(flow_moved(&f, 5 * kMs, 0, 0));
  EXPECT_GT(f.follow_until_ns, 5 * kMs);
  EXPECT_FALSE(flow_moved(&f, 5000 * kMs, 0, 0));
  EXPECT_LT(f.follow_until_ns, 5000 * kMs);
}

TEST(FlowMovedTest, ConnectionThatTurnsBusyIsFollowedAgainButNotForEver) {
  flow f = {};
  flow_moved(&f, 1 * kMs, 100, 0);
  EXPECT_TRUE(flow_moved(&f, 10'000 * kMs, 100 + BUSY_BYTES, 0));
  const uint64_t until = f.follow_until_ns;
  EXPECT_GT(until, 10'000 * kMs);
  EXPECT_TRUE(flow_moved(&f, 11'000 * kMs, 100 + 3 * BUSY_BYTES, 0));
  EXPECT_EQ(until, f.follow_until_ns);
}

TEST(HasStalledTest, BufferThatDoesNotFollowARaiseGetsAPulseAfterARoundTrip) {
  flow f = {};
  look l = LimitedReceiver();
  finding found = {};
  found.rtt_us = 100'000;
  l.now_ns = 1000 * kMs;
  wait_for_growth(&f, &l);
  l.now_ns = 1100 * kMs;
  EXPECT_FALSE(has_stalled(&f, &l, &found)) << "the cap has not been raised yet";
  l.cap *= 2;
  l.now_ns = 1150 * kMs;
  EXPECT_FALSE(has_stalled(&f, &l, &found)) << "a round trip has not passed";
  l.now_ns = 1200 * kMs;
  EXPECT_TRUE(has_stalled(&f, &l, &found));
  EXPECT_FALSE(has_stalled(&f, &l, &found)) << "once is enough";
}

TEST(HasStalledTest, BufferThatGrowsNeedsNoPulse) {
  flow f = {};
  look l = LimitedReceiver();
  finding found = {};
  found.rtt_us = 100'000;
  l.now_ns = 1000 * kMs;
  wait_for_growth(&f, &l);
  l.cap *= 2;
  l.rcvbuf += l.rcvbuf / 8;
  l.now_ns = 1300 * kMs;
  EXPECT_FALSE(has_stalled(&f, &l, &found));
}

// A pulse has made the buffer of a bbr connection three quarters of the cap, and bbr, which never
// fills more than the window, gives autotuning nothing to go by.
class WokenReceiverTest : public ::testing::Test {
 protected:
  WokenReceiverTest() {
    look_ = LimitedReceiver();
    look_.rcvbuf = static_cast<uint32_t>(look_.cap - look_.cap / 4);
    look_.window = look_.rcvbuf / 3;
    found_.rtt_us = found_.min_rtt_us = 20'000;
    flow_.woken = 1;
    flow_.waiting_since_ms = 1000;
    look_.now_ns = 2000 * kMs;
  }
  void Judge(double share_of_window) {
    found_.rate = static_cast<uint64_t>(share_of_window * look_.window * 50);
    judge_receiver(&flow_, &look_, &found_);
  }

  flow flow_ = {};
  look look_ = {};
  finding found_ = {};
};

TEST_F(WokenReceiverTest, WhoseWindowIsFullIsHeldBackAndItsNeedFallsShort) {
  Judge(1);
  EXPECT_TRUE(found_.limited);
  EXPECT_TRUE(falls_short(look_.cap, found_.need));
}

TEST_F(WokenReceiverTest, WhoseWindowIsNotFullHasEnough) {
  Judge(0.8);
  EXPECT_FALSE(found_.limited);
  EXPECT_FALSE(falls_short(look_.cap, found_.need));
}

TEST_F(WokenReceiverTest, IsGivenTimeToGrow) {
  look_.now_ns = 1150 * kMs;
  Judge(1);
  EXPECT_FALSE(found_.limited);
}

TEST_F(WokenReceiverTest, WhoseBufferTheKernelHasEnlargedSinceGrows) {
  look_.rcvbuf += look_.rcvbuf / 8;
  Judge(1);
  EXPECT_FALSE(found_.limited);
}

TEST_F(WokenReceiverTest, ThatNobodyWokeIsLeftToTheKernel) {
  flow_.woken = 0;
  Judge(1);
  EXPECT_FALSE(found_.limited);
}

constexpr uint64_t kMiB = 1 << 20;

// A closed loop: a path of 1 Gbit/s whose sender gets what the buffer holds. The cap must reach the
// need within a few raises, stop there, and stay below three times what the path holds.
class ConvergenceTable : public ::testing::TestWithParam<uint32_t> {};

TEST_P(ConvergenceTable, ReachesTheNeedInFewRaisesAndStops) {
  const uint32_t rtt_us = GetParam();
  const uint64_t link = 125'000'000;
  const uint64_t bdp = link * rtt_us / 1'000'000;
  uint64_t cap = 1310720;
  int raises = 0;
  flow f = {};
  look l = LimitedSender();
  l.srtt_us = l.min_rtt_us = rtt_us;
  l.cwnd_segments = 100'000;
  uint64_t bytes = 0, now = 1000 * kMs, hold = 0;
  for (int i = 0; i < 200; ++i, now += 100 * kMs) {
    const uint64_t rate = std::min(link, cap * 7 / 10 * 1'000'000 / rtt_us);
    bytes += rate / 10;
    l.now_ns = now;
    l.cap = l.sndbuf = static_cast<uint32_t>(cap);
    l.send_queued = l.sndbuf;
    l.delivered_segments = static_cast<uint32_t>(bytes / kMss);
    const finding found = judge(&f, &l);
    if (!found.judged || !found.limited || now < hold) continue;
    const uint64_t raised = raised_to_need(cap, found.need, 512 * kMiB);
    if (raised == 0) continue;
    cap = raised;
    hold = now + rtt_us * NS_PER_US;
    ++raises;
  }
  EXPECT_GE(cap * 7 / 10, bdp) << "the path is full";
  EXPECT_LE(cap, 3 * bdp);
  EXPECT_LE(raises, rtt_us > 100'000 ? 10 : 8);
}

INSTANTIATE_TEST_SUITE_P(RoundTrips, ConvergenceTable,
                         ::testing::Values(20'000, 40'000, 100'000, 200'000));

}  // namespace
