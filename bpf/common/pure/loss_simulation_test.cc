// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Connections of a loss-based algorithm over one bottleneck, step by step: how soon does the
// judgement see noise, and does it stay silent where the queue or reordering explains everything?
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <random>
#include <vector>

#include "bpf/common/pure/loss.h"

namespace {

constexpr double kStep = 0.002;  // seconds
constexpr double kMss = 1448;
constexpr loss_limits kLimits = {.high_ppm = 10'000, .low_ppm = 500};

struct Path {
  double rtt;    // seconds, without a queue
  double mbit;   // rate
  double queue;  // in bandwidth-delay products
  double segments() const { return mbit * 1e6 / 8 * rtt / kMss; }
};

// A sender as far as loss is concerned: slow start, growth by the larger of Reno's and a cubic
// curve, 0.7 at each recovery, losses noticed and sent again one round trip later.
struct Sender {
  double cwnd = 10, ssthresh = 1e9, after_cut = 0, peak = 0;
  double recovery_start = -1, recovery_until = 0, sent_part = 0;
  struct Loss {
    double when;
    int segments;
    bool spurious;
  };
  std::deque<Loss> noticed_later, reported_later;
  loss_look look = {};
  loss state = {};
  double noise_at = -1;
  __u32 best_in_flight = 0, own_min_us = ~0U;

  void Grow(double step, double now, double rtt) {
    if (now < recovery_until) return;
    if (cwnd < ssthresh) {
      cwnd += cwnd * step / rtt;
      return;
    }
    const double t = now - after_cut, k = std::cbrt(peak * 0.3 / 0.4);
    const double cubic = 0.4 * (t - k) * (t - k) * (t - k) + peak;
    cwnd = std::max(cwnd + 0.53 * step / rtt, std::min(cubic, cwnd * (1 + step / rtt)));
  }

  void NoticeAt(Loss loss) {
    const auto later = [](double when, const Loss& other) { return when < other.when; };
    noticed_later.insert(
        std::upper_bound(noticed_later.begin(), noticed_later.end(), loss.when, later), loss);
  }

  void Notice(double now, double rtt, std::mt19937& random, double loss) {
    while (!noticed_later.empty() && noticed_later.front().when <= now) {
      const Loss lost = noticed_later.front();
      noticed_later.pop_front();
      look.retransmitted += lost.segments;
      look.sent += lost.segments;
      if (lost.spurious) reported_later.push_back({now + rtt, lost.segments, true});
      // Some of what is sent again is lost again.
      const int again = std::binomial_distribution<int>(lost.segments, loss)(random);
      if (again && !lost.spurious) NoticeAt({now + rtt, again, false});
      // What was under way at its start belongs to a recovery, and prolongs it.
      if (now <= recovery_start + rtt) {
        recovery_until = std::max(recovery_until, now + rtt * (again ? 2 : 1));
      }
      if (now < recovery_until) continue;
      recovery_start = now;
      recovery_until = now + rtt;
      look.recovery = look.sent;
      if (lost.spurious) continue;  // undone
      peak = cwnd;
      cwnd = std::max(cwnd * 0.7, 2.0);
      ssthresh = cwnd;
      after_cut = now;
    }
    for (; !reported_later.empty() && reported_later.front().when <= now;
         reported_later.pop_front())
      look.spurious += reported_later.front().segments;
  }
};

struct Case {
  Path path;
  int senders = 1;
  double apart = 0;      // seconds between their starts
  bool one_host = true;  // the minimum RTT is that of all senders
  double loss = 0;       // from `starts` on
  double starts = 0;     // seconds
  double reordered = 0;  // share of segments sent again needlessly
  int burst = 0;         // segments lost at `starts`, once
  double seconds = 30;
  double looks_every = 0.1;
};

// One run; the senders with what they saw.
std::vector<Sender> Simulate(const Case& c, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Sender> senders(c.senders);
  const double per_second = c.path.segments() / c.path.rtt;
  __u32 host_min_us = ~0U;
  double queued = 0, next_look = 0, burst = c.burst;
  for (int step = 1; step * kStep < c.seconds; step++) {
    const double now = step * kStep;
    const double rtt = c.path.rtt + queued / per_second;
    double arrived = 0;
    std::vector<int> sent(senders.size());
    for (size_t i = 0; i < senders.size(); i++) {
      if (now < static_cast<double>(i) * c.apart) continue;
      senders[i].sent_part += senders[i].cwnd * kStep / rtt;
      sent[i] = static_cast<int>(senders[i].sent_part);
      senders[i].sent_part -= sent[i];
      arrived += sent[i];
    }
    queued = std::max(0.0, queued + arrived - per_second * kStep);
    const double room = c.path.queue * c.path.segments();
    const double overflow = std::max(0.0, queued - room);
    queued -= overflow;
    for (size_t i = 0; i < senders.size(); i++) {
      Sender& s = senders[i];
      if (now < static_cast<double>(i) * c.apart) continue;
      s.look.sent += sent[i];
      int lost = 0;
      if (now >= c.starts) {
        lost = std::binomial_distribution<int>(sent[i], c.loss)(random);
        const int from_burst = std::min(static_cast<int>(burst), sent[i] - lost);
        lost += from_burst;
        burst -= from_burst;
      }
      if (overflow > 0 && arrived > 0)
        lost += std::binomial_distribution<int>(sent[i] - lost,
                                                std::min(1.0, overflow / arrived))(random);
      if (lost) s.NoticeAt({now + rtt, lost, false});
      const int late = std::binomial_distribution<int>(sent[i], c.reordered)(random);
      if (late) s.NoticeAt({now + rtt, late, true});
      s.Notice(now, rtt, random, now >= c.starts ? c.loss : 0);
      s.Grow(kStep, now, rtt);

      const double srtt = s.look.srtt_us ? s.look.srtt_us * 1e-6 : rtt;
      s.look.srtt_us =
          static_cast<__u32>((srtt + (rtt - srtt) * std::min(1.0, kStep / rtt * 4)) * 1e6);
      const auto rtt_us = static_cast<__u32>(rtt * 1e6);
      host_min_us = std::min(host_min_us, rtt_us);
      s.own_min_us = std::min(s.own_min_us, rtt_us);
      s.look.min_rtt_us = c.one_host ? host_min_us : s.own_min_us;
      s.best_in_flight =
          std::max(s.best_in_flight, static_cast<__u32>(std::min(s.cwnd, c.path.segments())));
      s.look.now_ns = static_cast<__u64>(now * 1e9);
      if (now >= next_look) {
        loss_update(&s.state, &s.look, s.best_in_flight, &kLimits);
        if (s.state.verdict == LOSS_NOISE && s.noise_at < 0) s.noise_at = now;
      }
    }
    if (now >= next_look) next_look += c.looks_every;
  }
  return senders;
}

constexpr int kSeeds = 20;

// Of so many runs: how many senders saw noise.
int SawNoise(const Case& c, unsigned seeds = kSeeds) {
  int saw = 0;
  for (unsigned seed = 1; seed <= seeds; seed++)
    for (const Sender& s : Simulate(c, seed)) saw += s.noise_at >= 0;
  return saw;
}

// Row b of the issue: 2 s in all are allowed, switching included.
TEST(LossSimulationTest, SeesLossThatStartsInMidConnectionInTime) {
  for (const double rtt : {0.04, 0.1}) {
    for (const double mbit : {100.0, 1000.0}) {
      for (const double loss : {0.01, 0.02, 0.05}) {
        std::vector<double> after;
        for (unsigned seed = 1; seed <= kSeeds; seed++) {
          const Case c = {.path = {rtt, mbit, 1}, .loss = loss, .starts = 12, .seconds = 20};
          const Sender s = Simulate(c, seed)[0];
          ASSERT_GE(s.noise_at, c.starts) << "not before there was any";
          after.push_back(s.noise_at - c.starts);
        }
        std::sort(after.begin(), after.end());
        std::printf("RTT %3.0f ms, %4.0f Mbit/s, %.0f %%: noise after %.1f s, at most %.1f s\n",
                    rtt * 1e3, mbit, loss * 100, after[kSeeds / 2], after.back());
        EXPECT_LE(after[kSeeds / 2], 1.5);
        EXPECT_LE(after.back(), 2.0);
      }
    }
  }
}

TEST(LossSimulationTest, SeesLossThatIsThereFromTheStart) {
  for (const double loss : {0.01, 0.02, 0.05})
    EXPECT_EQ(SawNoise({.path = {0.04, 100, 1}, .loss = loss, .seconds = 20}), kSeeds) << loss;
  // Where slow start ended early, less loss looks like all that the path holds: the bandit's turn.
  for (const double loss : {0.001, 0.005})
    EXPECT_GE(SawNoise({.path = {0.04, 100, 1}, .loss = loss, .seconds = 20}), kSeeds / 2) << loss;
}

// Row c, and shallow and deep queues besides.
TEST(LossSimulationTest, TakesNoQueueForNoise) {
  for (const double rtt : {0.04, 0.1}) {
    for (const double mbit : {100.0, 1000.0}) {
      for (const double queue : {0.5, 1.0, 10.0}) {
        for (const int senders : {1, 2, 4}) {
          const Case c = {.path = {rtt, mbit, queue}, .senders = senders, .apart = senders * 0.7};
          EXPECT_EQ(SawNoise(c, 6), 0) << rtt << " s, " << mbit << " Mbit/s, queue " << queue
                                       << " BDP, " << senders << " senders";
        }
      }
    }
  }
  int lost = 0;
  for (const Sender& s : Simulate({.path = {0.04, 100, 1}, .senders = 2}, 1))
    lost += static_cast<int>(s.look.retransmitted);
  EXPECT_GT(lost, 100) << "or there was nothing to judge";
}

TEST(LossSimulationTest, TakesNoBurstForNoise) {
  for (const double rtt : {0.01, 0.04, 0.1})
    EXPECT_EQ(SawNoise({.path = {rtt, 100, 1}, .starts = 9, .burst = 30}), 0) << rtt;
}

TEST(LossSimulationTest, TakesNoReorderingForNoise) {
  for (const double looks_every : {0.002, 0.02, 0.1})
    EXPECT_EQ(SawNoise({.path = {0.04, 100, 1}, .reordered = 0.01, .looks_every = looks_every}), 0)
        << "looks every " << looks_every << " s";
}

}  // namespace
