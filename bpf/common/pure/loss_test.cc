// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/common/pure/loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace {

constexpr loss_limits kLimits = {.high_ppm = 10'000, .low_ppm = 500};
constexpr __u64 kMs = 1'000'000;
constexpr __u32 kRttUs = 40'000;

// A connection that is looked at every 20 ms, half a round trip.
class Connection {
 public:
  explicit Connection(__u32 counters_start = 0) {
    look_.now_ns = 1000 * kMs;
    look_.sent = look_.retransmitted = look_.spurious = look_.recovery = counters_start;
    look_.srtt_us = look_.min_rtt_us = kRttUs;
    Look();
  }

  // So many looks later, each after `sent` segments.
  __u32 Quiet(int looks, __u32 sent = 100) {
    for (int i = 0; i < looks; i++) {
      look_.sent += sent;
      Look();
    }
    return verdict();
  }
  // One look in which segments were lost, in a recovery of their own or in the last one.
  __u32 Lose(__u32 segments, bool same_recovery = false) {
    look_.sent += 100;
    look_.retransmitted += segments;
    if (!same_recovery) look_.recovery = look_.sent;
    Look();
    return verdict();
  }
  void ReportDuplicates(__u32 segments) { look_.spurious += segments; }
  void SetRtt(__u32 srtt_us) { look_.srtt_us = srtt_us; }
  void SetMinRtt(__u32 min_rtt_us) { look_.min_rtt_us = min_rtt_us; }
  void SetPath(__u32 segments) { path_segments_ = segments; }
  void Wait(__u64 ms) { look_.now_ns += ms * kMs; }

  __u32 verdict() const { return loss_.verdict; }
  const loss& state() const { return loss_; }

 private:
  void Look() {
    look_.now_ns += 20 * kMs;
    loss_update(&loss_, &look_, path_segments_, &kLimits);
  }

  loss loss_ = {};
  loss_look look_ = {};
  __u32 path_segments_ = 0;
};

// An event, and time for it to end: 1,000 segments, of which so many are lost.
__u32 Event(Connection& connection, __u32 lost) {
  connection.Lose(lost);
  return connection.Quiet(9);
}

TEST(LossTest, IsNoiseAfterThreeEventsWithNoQueue) {
  Connection c;
  EXPECT_EQ(Event(c, 20), LOSS_NONE);
  EXPECT_EQ(Event(c, 20), LOSS_NONE);
  EXPECT_EQ(Event(c, 20), LOSS_NOISE);
  EXPECT_EQ(c.state().segments, 2000u) << "from the first to the third";
  EXPECT_EQ(c.state().loss_ppm, 20'000u);
}

TEST(LossTest, HoldsForAnyStartOfTheCounters) {
  for (const __u32 start : {0u, 1u, 0xffffffffu, 0xfffffff0u, 0xffffff00u, 0x7fffffffu}) {
    Connection c(start);
    for (int i = 0; i < 3; i++) Event(c, 20);
    EXPECT_EQ(c.verdict(), LOSS_NOISE) << start;
    EXPECT_EQ(c.state().loss_ppm, 20'000u) << start;
  }
}

TEST(LossTest, TailLossProbesDecideNothing) {
  Connection c;
  EXPECT_EQ(Event(c, 1), LOSS_NONE);
  Connection many;  // one every now and then, on a connection that sends little
  for (int i = 0; i < 100; i++) {
    many.Lose(1);
    many.Quiet(9, 0);
    EXPECT_NE(many.verdict(), LOSS_NOISE);
    many.Quiet(5, 60);
  }
}

TEST(LossTest, OneBurstDecidesNothingHoweverLongItsRecovery) {
  for (const int looks : {1, 5, 10, 100}) {
    Connection c;
    c.Quiet(100);
    c.Lose(1);
    for (int i = 0; i < looks; i++) c.Lose(30, /*same_recovery=*/true);
    EXPECT_EQ(c.Quiet(100), LOSS_NONE) << looks;
  }
}

TEST(LossTest, LossThatBeginsAfterAWhileIsNotDilutedByWhatWasBefore) {
  Connection c;
  Event(c, 1);
  c.Quiet(500);  // 10 s and 50,000 segments
  for (int i = 0; i < 3; i++) Event(c, 20);
  EXPECT_EQ(c.verdict(), LOSS_NOISE);
}

TEST(LossTest, EventsTooFarApartAreNoRate) {
  Connection c;
  for (int i = 0; i < 5; i++) {
    c.Lose(20);
    c.Quiet(9);
    c.Wait(20'000);
    EXPECT_EQ(c.verdict(), LOSS_NONE);
  }
}

TEST(LossTest, AFullQueueExplainsIt) {
  Connection c;
  c.SetRtt(kRttUs * 126 / 100);
  for (int i = 0; i < 10; i++) Event(c, 30);
  EXPECT_EQ(c.verdict(), LOSS_QUEUE);
  EXPECT_EQ(c.state().loss_ppm, 30'000u) << "counted, and left alone";
  c.SetRtt(kRttUs * 106 / 100);
  EXPECT_EQ(Event(c, 30), LOSS_QUEUE) << "it was full before these were lost";
  EXPECT_EQ(Event(c, 30), LOSS_QUEUE) << "the event before was in a full queue";
  EXPECT_EQ(Event(c, 30), LOSS_NOISE);
}

TEST(LossTest, AMinimumThatIsTooHighIsSeenByWhereTheLossesAre) {
  Connection c;  // its RTT moves by a fifth, and losses come where it is highest
  for (int i = 0; i < 10; i++) {
    c.SetRtt(kRttUs);
    c.Quiet(10);
    c.SetRtt(kRttUs * 6 / 5);
    Event(c, 30);
  }
  EXPECT_EQ(c.verdict(), LOSS_QUEUE);
  Connection other;  // ... or anywhere
  for (int i = 0; i < 10; i++) {
    other.SetRtt(kRttUs * 6 / 5);
    other.Quiet(10);
    other.SetRtt(kRttUs * 11 / 10);
    other.Quiet(1);
    Event(other, 30);
  }
  EXPECT_EQ(other.verdict(), LOSS_NOISE);
}

TEST(LossTest, MoreThanBbrCanBearIsLeftAlone) {
  Connection c;
  for (int i = 0; i < 10; i++) Event(c, 300);
  EXPECT_EQ(c.verdict(), LOSS_QUEUE);
  EXPECT_EQ(c.state().loss_ppm, 300'000u);
}

TEST(LossTest, WithoutAMinimumRttNothingIsNoise) {
  Connection c;
  c.SetMinRtt(0);
  for (int i = 0; i < 10; i++) Event(c, 30);
  EXPECT_EQ(c.verdict(), LOSS_QUEUE);
}

TEST(LossTest, DuplicatesTheReceiverReportsAreNoLoss) {
  Connection c;
  for (int i = 0; i < 20; i++) {
    c.Lose(10);
    c.Quiet(2);
    c.ReportDuplicates(10);  // a round trip later
    c.Quiet(7);
    EXPECT_NE(c.verdict(), LOSS_NOISE);
    EXPECT_NE(c.verdict(), LOSS_QUEUE);
  }
  EXPECT_EQ(c.verdict(), LOSS_LOW);
  EXPECT_EQ(c.state().loss_ppm, 0u);
}

TEST(LossTest, MoreDuplicatesThanRetransmissionsAreNoNegativeLoss) {
  Connection c;
  for (int i = 0; i < 5; i++) {
    c.ReportDuplicates(1000);
    Event(c, 10);
  }
  EXPECT_EQ(c.verdict(), LOSS_LOW);
}

// 2,000 segments between the events, a few lost in each of the two that count.
TEST(LossTest, BelowOnePercentItDependsOnWhatThePathHolds) {
  const struct {
    const char* what;
    __u32 lost, path_segments, verdict;
  } kCases[] = {
      {"0.9 %, path not known", 9, 0, LOSS_LOW},
      {"1 %, path not known", 10, 0, LOSS_NOISE},
      {"0.2 % at 100 Mbit/s and 40 ms, where cubic gets a tenth", 2, 345, LOSS_NOISE},
      {"0.2 % at 20 Mbit/s and 40 ms, where it gets four tenths", 2, 69, LOSS_LOW},
      {"0.9 % at 10 segments a round trip, where it gets them all", 9, 10, LOSS_LOW},
      {"any path at all", 2, 0xffffffff, LOSS_NOISE},
  };
  for (const auto& test : kCases) {
    Connection c;
    c.SetPath(test.path_segments);
    for (int i = 0; i < 3; i++) Event(c, test.lost);
    EXPECT_EQ(c.verdict(), test.verdict) << test.what << ", " << c.state().loss_ppm << " ppm";
  }
}

TEST(LossTest, NeverNoiseBelowTheLowerThreshold) {
  Connection c;
  c.SetPath(0xffffffff);
  for (int i = 0; i < 10; i++) {
    c.Lose(3);
    c.Quiet(100);  // 3 of 10,100
  }
  EXPECT_EQ(c.verdict(), LOSS_LOW);
}

// The bound of loss_cripples(), in floating point: less than a quarter of the path.
TEST(LossTest, CripplesAgreesWithMathis) {
  for (__u32 path = 1; path < 100'000; path += 1 + path / 7) {
    for (__u32 ppm = 1; ppm < 1'000'000; ppm += 1 + ppm / 7) {
      const long double window = std::sqrt(1.5L / (ppm / 1e6L));
      if (std::fabs(window * 4 / path - 1) < 1e-9L) continue;
      ASSERT_EQ(loss_cripples(ppm, path) != 0, window * 4 < path) << path << " " << ppm;
    }
  }
}

TEST(LossTest, SurvivesAnyCounters) {
  std::mt19937_64 random(1);
  loss state = {};
  for (int i = 0; i < 1'000'000; i++) {
    const auto any = [&] { return static_cast<__u32>(random() >> (random() % 64)); };
    const loss_look look = {.now_ns = random() >> (random() % 64),
                            .sent = any(),
                            .retransmitted = any(),
                            .spurious = any(),
                            .recovery = any(),
                            .srtt_us = any(),
                            .min_rtt_us = any()};
    const loss_limits limits = {.high_ppm = any(), .low_ppm = any()};
    const __u32 verdict = loss_update(&state, &look, any(), &limits);
    ASSERT_LE(verdict, LOSS_NOISE);
    ASSERT_LE(state.loss_ppm, LOSS_PPM);
    ASSERT_LE(state.closed, 3);
    if (verdict == LOSS_NOISE) {
      ASSERT_GE(state.segments, LOSS_MIN_SEGMENTS);
    }
  }
}

}  // namespace
