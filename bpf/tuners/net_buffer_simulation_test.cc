// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// The loop that net_buffer closes over netdev_max_backlog: a CPU that receives bursts, and the
// decisions of net_buffer_decide.bpf.h in the same order.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <utility>

#include "bpf/tuners/net_buffer_logic.h"

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMinute = 60;  // seconds, for Run()
constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kFound = 1000;
constexpr uint64_t kAvailable = 8ULL << 30;
constexpr uint64_t kPacketNs = 1000;  // to receive one

// A CPU with a backlog, in steps of a millisecond.
class Machine {
 public:
  // `arriving`: packets that come at once in that millisecond of the machine's time.
  explicit Machine(std::function<uint64_t(uint64_t ms)> arriving)
      : arriving_(std::move(arriving)) {}

  void Run(uint64_t seconds) {
    for (const uint64_t end = ms_ + seconds * 1000; ms_ < end;) {
      Receive();
      if (ms_ >= next_look_ms_) Look();
    }
  }

  // Drops packets whatever room there is, as some kernels count those for a device that is down.
  void DropAnyway(uint64_t one_in) { drop_one_in_ = one_in; }

  uint64_t backlog = kFound;
  uint64_t lost = 0;
  uint64_t last_loss_ms = 0;
  int changes = 0;
  uint64_t largest = kFound;

  uint64_t now_ms() const { return ms_; }

 private:
  void Receive() {
    const uint64_t come = arriving_(ms_);
    if (come == 0 && queue_ == 0) {
      ++ms_;
      return;
    }
    uint64_t dropped = drop_one_in_ ? come / drop_one_in_ : 0;
    const uint64_t room = backlog > queue_ ? backlog - queue_ : 0;
    const uint64_t taken = std::min(come - dropped, room);
    dropped = come - taken;
    queue_ += taken;
    const uint64_t done = std::min(queue_, kMs / kPacketNs);
    queue_ -= done;
    counts_.processed += static_cast<uint32_t>(done);
    counts_.dropped += static_cast<uint32_t>(dropped);
    lost += dropped;
    if (dropped != 0) last_loss_ms = ms_;
    busy_ns_ += done * kPacketNs;
    ++ms_;
  }

  void Look() {
    const uint64_t now = 1000 * kSecond + ms_ * kMs;
    const bool asked = watching_;
    counts_.now_ns = now;
    counts_.evidence = evidence_;
    counts_.total = asked ? 1 + ms_ / 10 : 0;
    counts_.softirq = asked ? busy_ns_ / (10 * kMs) : 0;
    counts_.idle = asked ? counts_.total - std::min(counts_.total, counts_.softirq) : 0;
    const cpu_window w = cpu_observe(&cpu_, &counts_);
    if (w.ns != 0 && cpu_is_losing(&cpu_)) {
      knob_.hurt_ns = now;
      if (now >= knob_.held_until_ns) watch_until_ns_ = now + 10 * kSecond;
      if (w.timed) Decide(now, w);
    }
    Settle(now);
    watching_ = now < watch_until_ns_;
    if (!watching_) ++evidence_;
    next_look_ms_ = ms_ + (watching_ ? 200 : 1000);
  }

  void Decide(uint64_t now, const cpu_window& w) {
    const uint64_t ppm = per_million(cpu_.lost, cpu_.arrived);
    const uint64_t ceiling = backlog_ceiling(&w, kAvailable, 2);
    const uint64_t target = knob_raised(backlog, cpu_.lost, ceiling);
    ++evidence_;
    if (now < knob_.held_until_ns) return;
    if (cpu_is_saturated(&w) || target == 0) {
      knob_.held_until_ns = now + 10 * kSecond;
      watch_until_ns_ = now;
    } else if (knob_is_in_vain(&knob_, backlog, ppm)) {
      Change(knob_.from);
      knob_note_harm(&knob_, now);
    } else {
      knob_note_raise(&knob_, now, backlog, ppm);
      Change(target);
    }
  }

  void Settle(uint64_t now) {
    if (knob_.hurt_ns == 0) knob_.hurt_ns = now;
    (void)knob_has_helped(&knob_, now);
    const uint64_t target = knob_lowered(&knob_, now, backlog, kFound);
    if (target == 0) return;
    Change(target);
    knob_.moved_ns = now;
    patience_note_lowered(&knob_.patience, now);
  }

  void Change(uint64_t value) {
    backlog = value;
    largest = std::max(largest, value);
    ++changes;
  }

  std::function<uint64_t(uint64_t)> arriving_;
  uint64_t drop_one_in_ = 0;
  uint64_t ms_ = 0;
  uint64_t next_look_ms_ = 0;
  uint64_t queue_ = 0;
  uint64_t busy_ns_ = 0;
  uint64_t evidence_ = 1;
  bool watching_ = false;
  uint64_t watch_until_ns_ = 0;
  cpu_reading counts_ = {};
  cpu cpu_ = {};
  knob knob_ = {};
};

// A burst every tenth of a second; the CPU is idle for the rest of it.
uint64_t Bursts(uint64_t ms, uint64_t packets) { return ms % 100 == 50 ? packets : 0; }

TEST(NetBufferSimulation, BurstThatTheCpuHasTimeForFitsWithinTwoSeconds) {
  Machine machine([](uint64_t ms) { return Bursts(ms, 3000); });
  machine.Run(60);
  EXPECT_LT(machine.last_loss_ms, 2000U);
  EXPECT_GE(machine.backlog, 3000U);
  EXPECT_LT(machine.backlog, 6000U);
}

TEST(NetBufferSimulation, ComesBackWithinTwentyMinutesOfTheLastBurst) {
  Machine machine([](uint64_t ms) { return ms < 60'000 ? Bursts(ms, 20'000) : 0; });
  machine.Run(60);
  EXPECT_GE(machine.backlog, 16'000U);
  machine.Run(9 * kMinute);
  EXPECT_GE(machine.backlog, 16'000U) << "kept for a while";
  machine.Run(11 * kMinute);
  EXPECT_EQ(machine.backlog, kFound);
}

TEST(NetBufferSimulation, FloodBeyondWhatTheCpuCanReceiveRaisesNothing) {
  Machine machine([](uint64_t) { return 2000; });  // of 1000 that it can
  machine.Run(600);
  EXPECT_GT(machine.lost, 1'000'000U);
  EXPECT_EQ(machine.changes, 0);
}

TEST(NetBufferSimulation, NoBurstRaisesItPastTheCeiling) {
  // 20 ms of this CPU are 20,000 packets. No queue admits such a burst as a whole.
  Machine machine([](uint64_t ms) { return Bursts(ms, 60'000); });
  machine.Run(3600);
  EXPECT_LE(machine.largest, 22'000U) << "its time is counted in ticks";
  EXPECT_LE(machine.changes, 40) << "it is not tried again and again";
}

TEST(NetBufferSimulation, WhatNoRoomHelpsIsTakenBackAndTriedMoreAndMoreRarely) {
  Machine machine([](uint64_t) { return 100; });
  machine.DropAnyway(10);
  machine.Run(1440 * kMinute);
  EXPECT_LE(machine.largest, 8 * kFound);
  EXPECT_LE(machine.changes, 4 * 8) << "three up and one back, eight times a day";
  EXPECT_GE(machine.changes, 4 * 3);
}

TEST(NetBufferSimulation, BurstsThatComeEveryHourLoseLessAndLessOften) {
  Machine machine([](uint64_t ms) { return ms % 3'600'000 < 10'000 ? Bursts(ms, 3000) : 0; });
  int losses = 0;
  for (int hour = 0; hour < 48; ++hour) {
    const uint64_t lost = machine.lost;
    machine.Run(3600);
    losses += machine.lost != lost;
  }
  EXPECT_GE(losses, 2) << "it comes down in between";
  EXPECT_LE(losses, 9);
}

// The worst period is searched for. Half of the periods have 20,000 packets in each burst.
TEST(NetBufferSimulation, BurstsThatComeAndGoAreFollowedLessAndLessAtAnyPeriod) {
  constexpr uint64_t kHour = 3600;
  int worst = 0, worst_later = 0;
  uint64_t worst_period = 0;
  for (uint64_t period = 2; period <= 4 * kHour; period += 1 + period / 3) {
    Machine machine(
        [=](uint64_t ms) { return ms / 1000 % period < period / 2 ? Bursts(ms, 20'000) : 0; });
    machine.Run(8 * kHour);
    const int first = machine.changes;
    machine.Run(8 * kHour);
    EXPECT_LE(machine.largest, 40'000U) << "period " << period << " s";
    worst_later = std::max(worst_later, machine.changes - first);
    if (first <= worst) continue;
    worst = first;
    worst_period = period;
  }
  std::printf("worst: %d changes in eight hours (period %llu s), %d in the next\n", worst,
              static_cast<unsigned long long>(worst_period), worst_later);
  EXPECT_GT(worst, 0);
  EXPECT_LE(worst, 60);
  EXPECT_LE(worst_later, 25);
}

}  // namespace
