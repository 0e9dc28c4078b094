// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Are the decisions of tcp_buffer stable? They run here, hours in milliseconds, against a model of
// a flow: bounded overshoot, and nothing that goes on swinging. The order of the decisions, in
// Tuner::End(), is that of tcp_buffer_decide.bpf.h; the arithmetic is the tuner's own.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <tuple>
#include <vector>

#include "bpf/common/pure/learning.h"
#include "bpf/tuners/tcp_buffer_logic.h"
#include "bpf/tuners/tcp_buffer_raise_logic.h"
#include "bpf/tuners/tcp_buffer_score_logic.h"
#include "testing/simulation/demand.h"

namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1000 * kMs;
constexpr uint64_t kLook = 100 * kMs;
constexpr uint64_t kUnneeded = 600 * kSecond;  // the cfg_ values of the tuner
constexpr uint64_t kHalfLife = 600 * kSecond;
constexpr uint64_t kHorizon = 3600 * kSecond;
constexpr uint64_t kLatencyHold = 10 * kSecond;
constexpr uint64_t kCeiling = uint64_t{1} << 30;
constexpr uint32_t kMss = 1448;

enum class By { kNeed, kSteps };

// A raise goes to 1.25 x 1.56 / 0.7 = 2.8 times what the path holds (receiving: 2.93), by steps to
// 16/9 x 1.56 / 0.7 = 4.0 (4.2), and a rate is measured to a sixteenth. This is the bound of any
// overshoot.
double MostOfPath(By by) { return by == By::kNeed ? 3.2 : 4.5; }

struct PathModel {
  double link = 125e6;  // bytes/s
  double rtt = 0.04;    // s, without a queue
  double queue = 0;     // bytes that the bottleneck holds back; more is lost
  double peer_window = 1e18;

  double Holds() const { return link * rtt; }
};

// One bulk connection. Its buffers double from look to look, up to the maximum, and never shrink.
class FlowModel {
 public:
  // For a step of time, with these maxima at its two ends.
  void Run(const PathModel& path, uint64_t send_cap, uint64_t receive_cap, double noise = 1) {
    const double most = path.Holds() + path.queue;
    sndbuf_ = std::max(sndbuf_, std::min(2 * sndbuf_, send_cap));
    rcvbuf_ = std::max(rcvbuf_, std::min(2 * rcvbuf_, receive_cap));
    const double window = std::min(static_cast<double>(rcvbuf_) * 0.64, path.peer_window);
    const double in_flight = std::min({static_cast<double>(sndbuf_) * 0.7, window, most});
    rate_ = std::min(in_flight / path.rtt, path.link) * noise;
    rtt_ = path.rtt + std::max(0.0, in_flight - path.Holds()) / path.link;
    cwnd_ = std::max(cwnd_, 1.5 * in_flight);
    if (in_flight >= most) cwnd_ = most;
    bytes_ += rate_ * 0.1;
  }

  look See(uint64_t now, side which, uint64_t cap, double base_rtt) const {
    look l = {};
    l.now_ns = now;
    l.cap = cap;
    l.mss = kMss;
    l.side = which;
    (which == SENDING ? l.acked_bytes : l.received_bytes) = static_cast<uint64_t>(bytes_);
    l.delivered_segments = static_cast<uint32_t>(static_cast<uint64_t>(bytes_ / kMss));
    l.srtt_us = l.receive_rtt_us = static_cast<uint32_t>(rtt_ * 1e6);
    l.min_rtt_us = static_cast<uint32_t>(base_rtt * 1e6);
    if (which == RECEIVING) l.receive_rtt_us = l.min_rtt_us;
    l.cwnd_segments = static_cast<uint32_t>(cwnd_ / kMss);
    l.sndbuf = l.send_queued = static_cast<uint32_t>(sndbuf_);
    l.rcvbuf = static_cast<uint32_t>(rcvbuf_);
    l.scaling_ratio = 164;
    l.window_scale = 14;
    return l;
  }

  flow state = {};

 private:
  uint64_t sndbuf_ = 65536, rcvbuf_ = 65536;
  double cwnd_ = 0, rate_ = 0, rtt_ = 0, bytes_ = 0;
};

// One tunable of one namespace.
class Tuner {
 public:
  Tuner(By strategy, side which, uint64_t maximum)
      : cap(maximum), by(strategy), side_(which), found_(maximum) {}

  void Look(FlowModel* model, uint64_t now, double base_rtt) {
    const look l = model->See(now, side_, cap, base_rtt);
    if (!flow_moved(&model->state, now, l.received_bytes, l.acked_bytes)) return;
    const finding found = judge(&model->state, &l);
    if (!found.judged) return;
    note_latency(&latency_, &model->state, &found);
    demand_.need_of_any = std::max(demand_.need_of_any, found.need);
    if (is_witness(&trial_, &model->state.witness)) {
      testify(&demand_.testimony, &model->state.witness, found.rate,
              uses_more_than(&l, &found, trial_.cap_before));
    }
    if (found.bloated) demand_.bloated_rtt_us = std::max(demand_.bloated_rtt_us, found.rtt_us);
    if (!found.limited || !falls_short(cap, found.need)) return;
    if (!is_new_need(&in_vain_, found.need) &&
        now - in_vain_.since_ns < in_vain_hold_ns(in_vain_.in_row, 1)) {
      return;
    }
    if (!is_witness(&trial_, &model->state.witness)) {
      witness_ask(&model->state.witness, sweep_, found.rate, cap, SEND_PAYLOAD_256THS,
                  found.rtt_us);
    }
    ++demand_.limited;
    if (found.need <= demand_.need) return;
    demand_.need = found.need;
    demand_.rtt_us = found.rtt_us;
    demand_.queueing = found.queueing;
  }

  void End(uint64_t now) {
    peak_note(&need_, now, demand_.need_of_any, kHalfLife);
    if (demand_.need_of_any > cap / 2) needed_ns_ = now;
    if (!demand_.bloated_rtt_us) bloated_sweeps_ = 0;
    if (now >= hold_until_ns_ && !Judge(now)) {
      if (demand_.limited != 0) {
        Raise(now);
      } else if (demand_.bloated_rtt_us != 0) {
        LowerForLatency(now);
      }
    }
    if (now % (30 * kSecond) == 0) Decay(now);
    demand_ = {};
    ++sweep_;
  }

  uint64_t cap;
  By by;
  uint64_t highest = 0;
  standing score = {};
  std::vector<int> moves;  // 1 up, -1 down

  int Reversals() const {
    int out = 0;
    for (size_t i = 1; i < moves.size(); ++i) out += moves[i] != moves[i - 1];
    return out;
  }

 private:
  void Move(uint64_t to, int direction) {
    cap = to;
    highest = std::max(highest, cap);
    moves.push_back(direction);
  }

  void Raise(uint64_t now) {
    learning_step step = step_;
    learning_step_move(&step, now, 1, kHorizon);
    const uint64_t target = by == By::kNeed ? raised_to_need(cap, demand_.need, kCeiling)
                                            : raised_by_step(cap, demand_.need, &step, kCeiling);
    if (target == 0 || latency_forbids(&latency_, &demand_)) return;
    step_ = step;
    trial_raise(&trial_, now, sweep_, cap, demand_.need, demand_.rtt_us, /*strategy=*/0);
    hold_until_ns_ = now + demand_.rtt_us * NS_PER_US;
    Move(target, 1);
  }

  void LowerForLatency(uint64_t now) {
    if (++bloated_sweeps_ < 3 || !correlation_at_least(&latency_, 900)) return;
    learning_step step = step_;
    learning_step_move(&step, now, -1, kHorizon);
    const uint64_t needed = demand_.need_of_any + demand_.need_of_any / 4;
    const uint64_t floor =
        std::max({needed, uint64_t{peak_now(&need_, now, kHalfLife)}, uint64_t{16384}});
    if (floor >= cap) return;
    step_ = step;
    hold_until_ns_ = now + kLatencyHold;
    Move(learning_step_apply(&step_, cap, floor, cap), -1);
  }

  bool Judge(uint64_t now) {
    if (trial_.cap_before == 0) return false;
    const outcome result = trial_outcome(&trial_, &demand_.testimony, now, cap);
    if (result == TRIAL_RUNS) return false;
    if (result == RAISE_HELPED || result == RAISE_IN_VAIN) {
      const uint64_t need = peak_now(&need_, now, kHalfLife);
      note_mark(&score,
                series_mark(&trial_, &demand_.testimony, result == RAISE_HELPED, cap, need));
    }
    if (result == RAISE_HELPED) in_vain_forget(&in_vain_);
    if (result == RAISE_IN_VAIN) {
      in_vain_note(&in_vain_, &trial_, now);
      learning_step_move(&step_, now, -1, kHorizon);
      Move(trial_.cap_before, -1);
    }
    trial_.cap_before = 0;
    return result == RAISE_IN_VAIN;
  }

  void Decay(uint64_t now) {
    if (cap <= found_ || now - needed_ns_ < kUnneeded) return;
    const uint64_t need = peak_now(&need_, now, kHalfLife);
    const uint64_t floor = std::max(need + need / 4, found_);
    if (floor >= cap) return;
    learning_step_move(&step_, now, -1, kHorizon);
    Move(learning_step_apply(&step_, cap, floor, cap), -1);
  }

  side side_;
  uint64_t found_;
  demand demand_ = {};
  learning_step step_ = {};
  correlation latency_ = {};
  peak need_ = {};
  trial trial_ = {};
  in_vain in_vain_ = {};
  uint64_t needed_ns_ = 0;
  uint64_t hold_until_ns_ = 0;
  uint32_t bloated_sweeps_ = 0;
  uint32_t sweep_ = 1;
};

constexpr uint64_t kStart = 10'000 * kSecond;
constexpr uint64_t kAmple = 256 << 20;
constexpr uint64_t kSmall = 131072;

// One sender over a path that changes with time; a new connection every so often.
template <typename PathAt>
void Simulate(Tuner* tuner, double seconds, PathAt path_at, double noise = 0,
              double connection_s = 1e9) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> jitter(1 - noise, 1);
  FlowModel model;
  double born = 0;
  for (uint64_t t = 0; t < static_cast<uint64_t>(seconds * 1e9); t += kLook) {
    const double s = static_cast<double>(t) / 1e9;
    if (s - born > connection_s) {
      model = FlowModel();
      born = s;
    }
    const PathModel path = path_at(s);
    model.Run(path, tuner->cap, kAmple, jitter(random));
    tuner->Look(&model, kStart + t, path.rtt);
    tuner->End(kStart + t);
  }
}

void ExpectWithin(const Tuner& tuner, double path_holds) {
  EXPECT_LE(static_cast<double>(tuner.highest), MostOfPath(tuner.by) * path_holds);
}

auto Both() { return ::testing::Values(By::kNeed, By::kSteps); }

class EachStrategy : public ::testing::TestWithParam<By> {};
INSTANTIATE_TEST_SUITE_P(, EachStrategy, Both());

class StepTable : public ::testing::TestWithParam<std::tuple<By, double>> {};

TEST_P(StepTable, ReachesWhatThePathHoldsAndStaysThere) {
  const PathModel path = {.rtt = std::get<double>(GetParam())};
  Tuner tuner(std::get<By>(GetParam()), SENDING, kSmall);
  Simulate(&tuner, 3600, [&](double) { return path; });
  EXPECT_GE(0.7 * static_cast<double>(tuner.cap), path.Holds());
  ExpectWithin(tuner, path.Holds());
  EXPECT_EQ(0, tuner.Reversals());
  EXPECT_LE(tuner.moves.size(), 12u);
}

INSTANTIATE_TEST_SUITE_P(RoundTrips, StepTable,
                         ::testing::Combine(Both(), ::testing::Values(0.005, 0.02, 0.1, 0.3)));

// While the path grows, a raise may be judged as not needed yet, and be taken back, once in a
// while.
TEST_P(EachStrategy, FollowsARampWithoutPassingIt) {
  const auto path_at = [](double s) {
    return PathModel{.link = 1.25e6 + 123.75e6 * std::min(1.0, s / 60)};
  };
  Tuner tuner(GetParam(), SENDING, kSmall);
  Simulate(&tuner, 3600, path_at, 0, 300);
  EXPECT_GE(0.7 * static_cast<double>(tuner.cap), path_at(60).Holds());
  ExpectWithin(tuner, path_at(60).Holds());
  EXPECT_LE(tuner.Reversals(), 4);
}

TEST_P(EachStrategy, IsNotMovedByNoiseOfAThirdOfTheRateOnceThePathIsFull) {
  const PathModel path;
  Tuner tuner(GetParam(), SENDING, kSmall);
  Simulate(
      &tuner, 60, [&](double) { return path; }, 0.33);
  const size_t settled = tuner.moves.size();
  Tuner longer(GetParam(), SENDING, kSmall);
  Simulate(
      &longer, 7200, [&](double) { return path; }, 0.33);
  EXPECT_EQ(settled, longer.moves.size());
  ExpectWithin(longer, path.Holds());
}

// Demand that comes and goes. Faster than it is forgotten (ten minutes), nothing may swing with it,
// but for one raise that is taken back; slower, a swing of ours for one of its own is what coming
// down means. The worst period is searched for.
TEST_P(EachStrategy, DemandThatComesAndGoesIsFollowedAtMostOnceInEachPeriodWhateverThat) {
  const PathModel busy, quiet = {.link = 125e3};
  for (const uint64_t tenths : bpftune::simulation::Periods(4, 72'000)) {
    const double period = static_cast<double>(tenths) / 10;
    const double seconds = period <= 1200 ? 3600 : 5 * period;
    Tuner tuner(GetParam(), SENDING, kSmall);
    Simulate(&tuner, seconds,
             [&](double s) { return std::fmod(s, period) < period / 2 ? busy : quiet; });
    ExpectWithin(tuner, busy.Holds());
    const double most = period <= 1200 ? 1 : 2 * seconds / period + 1;
    EXPECT_LE(tuner.Reversals(), most) << "period " << period << " s";
  }
}

// A deep queue, and a maximum that lets every new connection fill it.
TEST_P(EachStrategy, ComesDownForLatencyToWhatThePathNeedsAndDoesNotSwing) {
  const PathModel path = {.link = 6.25e6, .rtt = 0.02, .queue = 2e6};
  Tuner tuner(GetParam(), SENDING, 8 << 20);
  // Connections that grow show that latency follows the buffer.
  Simulate(
      &tuner, 1800, [&](double) { return path; }, 0, 30);
  EXPECT_GE(0.7 * static_cast<double>(tuner.cap), path.Holds());
  EXPECT_LE(tuner.cap, 1u << 20);
  EXPECT_EQ(0, tuner.Reversals());
}

// Sender and receiver are tuned by two hosts that know nothing of each other: each sees its own
// limit only when the other's is out of the way.
TEST_P(EachStrategy, OfTwoHostsRaisesEachTheirOwnAndBothStop) {
  const PathModel path = {.rtt = 0.1};
  Tuner sender(GetParam(), SENDING, 262144), receiver(GetParam(), RECEIVING, kSmall);
  FlowModel at_sender, at_receiver;  // the same connection, seen from its two ends
  for (uint64_t t = 0; t < 3600 * kSecond; t += kLook) {
    const uint64_t send_cap = sender.cap, receive_cap = receiver.cap;
    at_sender.Run(path, send_cap, receive_cap);
    at_receiver.Run(path, send_cap, receive_cap);
    sender.Look(&at_sender, kStart + t, path.rtt);
    receiver.Look(&at_receiver, kStart + t + kLook / 2, path.rtt);
    sender.End(kStart + t);
    receiver.End(kStart + t + kLook / 2);
  }
  EXPECT_GE(0.7 * static_cast<double>(sender.cap), path.Holds());
  EXPECT_GE(0.64 * static_cast<double>(receiver.cap), path.Holds());
  ExpectWithin(sender, path.Holds());
  ExpectWithin(receiver, path.Holds());
  EXPECT_EQ(0, sender.Reversals() + receiver.Reversals());
}

// A peer whose window is the limit makes a send buffer look too small. Each raise is taken back,
// and tried twice as rarely each time: ten times in four hours, not once in twenty seconds.
TEST_P(EachStrategy, TriesWhatIsInVainMoreAndMoreRarely) {
  const double window = 700e3;
  const PathModel path = {.peer_window = window};
  Tuner tuner(GetParam(), SENDING, static_cast<uint64_t>(1.6 * window));
  Simulate(
      &tuner, 4 * 3600, [&](double) { return path; }, 0, 60);
  EXPECT_GE(tuner.Reversals(), 2) << "it is tried again";
  EXPECT_LE(tuner.Reversals(), 20);
  EXPECT_LE(static_cast<double>(tuner.highest), 3 * window);
}

// Each strategy has its own ground: the score tells them apart.
int64_t ScoreOf(By by, const PathModel& path, uint64_t cap, double connection_s = 1e9) {
  Tuner tuner(by, SENDING, cap);
  Simulate(
      &tuner, 3600, [&](double) { return path; }, 0, connection_s);
  EXPECT_GE(tuner.score.series, 1u);
  return tuner.score.score;
}

TEST(ScoreTest, FarFromTheNeedMeasuringItIsBetter) {
  for (const double rtt : {0.01, 0.04, 0.1, 0.2}) {
    const PathModel path = {.rtt = rtt};
    EXPECT_GT(ScoreOf(By::kNeed, path, kSmall), ScoreOf(By::kSteps, path, kSmall)) << rtt;
  }
}

TEST(ScoreTest, WhereItMeasuresTooMuchStepsAreBetter) {
  const double window = 700e3;
  const PathModel path = {.peer_window = window};
  const auto cap = static_cast<uint64_t>(1.6 * window);
  EXPECT_GT(ScoreOf(By::kSteps, path, cap, 60), ScoreOf(By::kNeed, path, cap, 60));
}

}  // namespace
