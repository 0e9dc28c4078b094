// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The shapes of demand that a loop is tried with, and what it does to its value meanwhile.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

namespace bpftune::simulation {

inline constexpr uint64_t kSecond = 1'000'000'000;
inline constexpr uint64_t kHour = 3600;
inline constexpr uint64_t kDay = 24 * kHour;

// A clock that has been running for a while, in nanoseconds.
inline uint64_t NowAt(uint64_t second) { return (100'000 + second) * kSecond; }

// What is wanted in a second.
using Demand = std::function<uint64_t(uint64_t second)>;

inline Demand Steady(uint64_t wanted) {
  return [=](uint64_t) { return wanted; };
}

// From `low` to `high` and back, by the same factor each second.
inline Demand UpAndDown(uint64_t low, uint64_t high, uint64_t seconds) {
  const double factor = static_cast<double>(high) / static_cast<double>(low);
  return [=](uint64_t second) {
    const uint64_t way = second < seconds ? second : 2 * seconds - std::min(second, 2 * seconds);
    const double part = static_cast<double>(way) / static_cast<double>(seconds);
    return static_cast<uint64_t>(static_cast<double>(low) * std::pow(factor, part));
  };
}

// Around `mean`, by at most so many percent of it either way.
inline Demand Noise(uint64_t mean, unsigned percent) {
  std::mt19937 random(1);
  return [=](uint64_t) mutable {
    const uint64_t share = std::uniform_int_distribution<unsigned>(0, 2 * percent)(random);
    return mean * (100 - percent + share) / 100;
  };
}

// `high` for half of each period, `low` for the other.
inline Demand Square(uint64_t low, uint64_t high, uint64_t period) {
  return [=](uint64_t second) { return second % period < period / 2 ? high : low; };
}

// `high` for one second of each period.
inline Demand Bursts(uint64_t low, uint64_t high, uint64_t period) {
  return [=](uint64_t second) { return second % period == 0 ? high : low; };
}

// Periods so close together that the worst lies between two of them, or nearly.
inline std::vector<uint64_t> Periods(uint64_t shortest, uint64_t longest) {
  std::vector<uint64_t> out;
  for (uint64_t period = shortest; period <= longest; period += 1 + period / 8)
    out.push_back(period);
  return out;
}

// A value, and its moves.
class Trace {
 public:
  explicit Trace(uint64_t value) : value_(value), highest_(value) {}

  void Set(uint64_t value) {
    if (value == value_) return;
    const bool up = value > value_;
    reversals_ += moves_ != 0 && up != last_was_up_;
    last_was_up_ = up;
    ++moves_;
    value_ = value;
    highest_ = std::max(highest_, value);
  }

  uint64_t value() const { return value_; }
  uint64_t highest() const { return highest_; }
  int moves() const { return moves_; }
  int reversals() const { return reversals_; }

 private:
  uint64_t value_, highest_;
  int moves_ = 0, reversals_ = 0;
  bool last_was_up_ = false;
};

}  // namespace bpftune::simulation
