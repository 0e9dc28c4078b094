// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// A buffer that fills the queue of its path, and the correlation that is to notice, as one loop: a
// value steps down when latency follows it strongly (r >= 0.9) and round trips are over two and a
// half times the shortest, not below a quarter over what the path holds; it goes up when it is too
// small and latency does not follow (r < 0.7). What these tests show:
//   - it ends where round trips are below two and a half times the shortest, and jitter, in few
//     steps;
//   - it never goes below what the path holds, and comes back up no more;
//   - latency of other causes, however large, moves nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>

#include "bpf/common/pure/correlation.h"
#include "bpf/common/pure/learning.h"

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kHold = 10 * kSecond;  // new connections must show what a step has done
constexpr uint64_t kHorizon = 3600 * kSecond;
constexpr double kFirstBuffer = 64'000;  // what a connection begins with

__s32 Log2Q8(double ratio) { return static_cast<__s32>(std::lround(256 * std::log2(ratio))); }

struct Loop {
  double path = 1e6;          // bytes it holds at the shortest round trip
  double jitter = 0;          // of the round trips, as a factor's spread
  bool shares_queue = false;  // somebody else fills the queue, whatever we do
  uint64_t value = 16'000'000;
  correlation latency = {};
  learning_step step = {};
  uint64_t hold_until = 0;
  int ups = 0, downs = 0;
  std::mt19937 random{7};

  double RoundTrips(double buffer) {
    std::uniform_real_distribution<double> noise(1, 1 + jitter);
    const double own = std::max(1.0, buffer / path);
    return (shares_queue ? std::uniform_real_distribution<double>(1, 8)(random) : own) *
           noise(random);
  }

  // A sweep over some connections, each somewhere on its way from the first buffer to the value.
  void Sweep(uint64_t now) {
    std::uniform_real_distribution<double> age(0, 1.2);
    double worst = 1;
    for (int i = 0; i < 4; ++i) {
      const double grown =
          std::pow(static_cast<double>(value) / kFirstBuffer, std::min(1.0, age(random)));
      const double buffer = kFirstBuffer * grown;
      const double rtt = RoundTrips(buffer);
      worst = std::max(worst, rtt);
      correlation_add(&latency, Log2Q8(grown), Log2Q8(rtt));
    }
    if (now < hold_until) return;
    const auto need = static_cast<uint64_t>(path * 5 / 4);
    if (value < need && !correlation_at_least(&latency, 700)) {
      Move(now, 1, value, need);
    } else if (worst > 2.5 && correlation_at_least(&latency, 900) && value > need) {
      Move(now, -1, need, value);
      hold_until = now + kHold;
    }
  }

  void Move(uint64_t now, int direction, uint64_t lowest, uint64_t highest) {
    learning_step_move(&step, now, direction, kHorizon);
    value = learning_step_apply(&step, value, lowest, highest);
    (direction > 0 ? ups : downs)++;
  }

  void Run(int seconds) {
    for (int tenth = 1; tenth <= 10 * seconds; ++tenth) {
      Sweep(static_cast<uint64_t>(tenth) * kSecond / 10);
      ASSERT_GE(static_cast<double>(value), std::min(path, 16e6));
    }
  }
};

TEST(CorrelationSimulationTest, BufferThatFillsTheQueueComesDownAndStays) {
  for (const double jitter : {0.0, 0.1, 0.3}) {
    Loop loop;
    loop.jitter = jitter;
    ASSERT_NO_FATAL_FAILURE(loop.Run(1200));
    EXPECT_LE(static_cast<double>(loop.value), 2.5 * (1 + jitter) * loop.path)
        << "jitter " << jitter;
    const int downs = loop.downs;
    EXPECT_LE(downs, 12) << "jitter " << jitter;
    ASSERT_NO_FATAL_FAILURE(loop.Run(3600));
    EXPECT_EQ(loop.ups, 0) << "jitter " << jitter;
    EXPECT_LE(loop.downs, downs + 3) << "jitter " << jitter;
  }
}

TEST(CorrelationSimulationTest, LatencyThatOthersCauseMovesNothing) {
  Loop loop;
  loop.shares_queue = true;
  loop.jitter = 0.3;
  ASSERT_NO_FATAL_FAILURE(loop.Run(24 * 3600));
  EXPECT_EQ(loop.downs, 0);
  EXPECT_EQ(loop.value, 16'000'000U);
}

TEST(CorrelationSimulationTest, SmallBufferGrowsToWhatThePathHoldsAndRests) {
  Loop loop;
  loop.path = 20e6;
  loop.value = 16'000'000;
  ASSERT_NO_FATAL_FAILURE(loop.Run(600));
  const int moves = loop.ups + loop.downs;
  EXPECT_EQ(loop.value, 25'000'000U);
  ASSERT_NO_FATAL_FAILURE(loop.Run(3600));
  EXPECT_EQ(loop.ups + loop.downs, moves);
}

// The path gets slower and faster; what was learned of one is forgotten in the other.
TEST(CorrelationSimulationTest, PathThatChangesIsFollowedWithoutSwinging) {
  Loop loop;
  int moves = 0;
  for (int turn = 0; turn < 20; ++turn) {
    loop.path = turn % 2 == 0 ? 1e6 : 8e6;
    for (int tenth = 1; tenth <= 10 * 600; ++tenth) {
      loop.Sweep((static_cast<uint64_t>(turn) * 6000 + static_cast<uint64_t>(tenth)) * kSecond /
                 10);
    }
    ASSERT_LE(static_cast<double>(loop.value), 2.5 * 8e6);
    moves = std::max(moves, loop.ups + loop.downs);
    EXPECT_LE(loop.ups + loop.downs, 16 * (turn + 1)) << "a bounded number of moves a change";
  }
  EXPECT_GT(moves, 0);
}

}  // namespace
