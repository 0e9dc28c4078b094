// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/route_logic.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kHalfLife = 600 * kSecond;
constexpr uint64_t kUnneeded = 600 * kSecond;
constexpr uint64_t kHorizon = 3600 * kSecond;
constexpr uint64_t kDefault = 4096;  // max_size of a namespace
constexpr uint64_t kAmple = 1 << 20;

route_look Look(uint64_t entries, uint64_t max_size = kDefault, uint64_t now_ns = kSecond) {
  return {.now_ns = now_ns, .entries = entries, .max_size = max_size, .gc_thresh = max_size / 4};
}

TEST(RouteCeilingTest, IsAShareOfTheMemoryThatIsAvailable) {
  EXPECT_EQ(route_ceiling(1 << 20), 32768U) << "1 GiB: 16 MiB of routes";
  EXPECT_EQ(route_ceiling(UINT64_MAX), 1U << 20) << "never more than the policy admits";
  EXPECT_EQ(route_ceiling(0), 0U) << "not known";
}

TEST(RouteRaisedTest, LeavesRoomForTwiceWhatIsInUse) {
  struct {
    uint64_t entries, max_size, ceiling, expected;
    const char* what;
  } const rows[] = {
      {0, kDefault, kAmple, 0, "idle"},
      {2048, kDefault, kAmple, 0, "half"},
      {2049, kDefault, kAmple, 5120, "a little over half: a quarter more"},
      {3000, kDefault, kAmple, 6000, "as needed"},
      {4096, kDefault, kAmple, 8192, "full: double"},
      {100'000, kDefault, kAmple, 8192, "never more than double at once"},
      {4096, kDefault, 5000, 5000, "what memory allows"},
      {4096, kDefault, 4000, 0, "memory allows no more than there is"},
      {4096, kDefault, 0, 0, "memory is not known"},
      {INT32_MAX, INT32_MAX, kAmple, 0, "nothing wraps"},
  };
  for (const auto& row : rows) {
    const route_look look = Look(row.entries, row.max_size);
    EXPECT_EQ(route_raised(&look, row.ceiling), row.expected) << row.what;
  }
}

TEST(RouteThreshTest, IsAQuarterAndNeverBelowWhatWasFound) {
  EXPECT_EQ(route_thresh(8192, 1024), 2048U);
  EXPECT_EQ(route_thresh(4096, 1024), 1024U);
  EXPECT_EQ(route_thresh(4096, 3000), 3000U);
}

TEST(RouteLookTest, ManyIsWhereTheKernelTidiesUp) {
  const route_look few = Look(1024);
  const route_look many = Look(1025);
  EXPECT_FALSE(route_is_many(&few));
  EXPECT_TRUE(route_is_many(&many));
}

TEST(RouteLookTest, GrowingIsWhatReachesTheLimitInFourSeconds) {
  struct {
    uint64_t before, elapsed_ms, now;
    bool expected;
    const char* what;
  } const rows[] = {
      {1000, 1000, 1600, false, "600 a second, and there is room for 2,496"},
      {1000, 1000, 1700, true, "700 a second, and there is room for 2,396"},
      {1000, 100, 1077, true, "770 a second"},
      {1000, 1000, 1000, false, "none"},
      {1000, 1000, 10, false, "fewer"},
      {1000, 30'000, 1100, true, "since when is not known"},
      {100, 30'000, 1000, false, "... but they are not many"},
      {4000, 0, 5000, true, "over the limit, at the same moment"},
  };
  for (const auto& row : rows) {
    route_room room = {};
    const route_look first = Look(row.before, kDefault, 100 * kSecond);
    route_note(&room, &first, kHalfLife);
    const route_look look = Look(row.now, kDefault, 100 * kSecond + row.elapsed_ms * 1'000'000);
    EXPECT_EQ(route_is_growing(&room, &look), row.expected) << row.what;
  }
}

// A namespace under the tuner: looked at as route.bpf.c does, what is asked for takes effect.
class Namespace {
 public:
  void Look(uint64_t entries, uint64_t ceiling = kAmple) {
    const route_look look = ::Look(entries, max_size_, now_ns_);
    learning_step step;
    const bool is_growing = route_is_growing(&room_, &look);
    route_note(&room_, &look, kHalfLife);
    if (const uint64_t raised = route_raised(&look, ceiling)) {
      learning_step_move(&room_.step, now_ns_, 1, kHorizon);
      max_size_ = raised;
    } else if (const uint64_t lowered =
                   route_lowered(&room_, &look, kDefault, kUnneeded, kHalfLife, kHorizon, &step);
               lowered && max_size_ > kDefault) {
      room_.step = step;
      max_size_ = lowered;
    }
    if (max_size_ != look.max_size) ++changes_;
    now_ns_ += is_growing ? kSecond / 10 : route_is_many(&look) ? kSecond : 30 * kSecond;
  }
  void LookFor(uint64_t seconds, uint64_t entries) {
    for (const uint64_t end = now_ns_ + seconds * kSecond; now_ns_ < end;) Look(entries);
  }

  uint64_t max_size() const { return max_size_; }
  uint64_t now_ns() const { return now_ns_; }
  int changes() const { return changes_; }

 private:
  route_room room_ = {};
  uint64_t max_size_ = kDefault;
  uint64_t now_ns_ = 1000 * kSecond;
  int changes_ = 0;
};

TEST(RouteSimulationTest, IsAheadOfTwentyThousandMoreEverySecond) {
  Namespace ns;
  const uint64_t begin = ns.now_ns();
  for (uint64_t entries = 1025; entries < 60'000;  // the kernel tidies up: the pulse is woken
       entries = 1025 + (ns.now_ns() - begin) * 20'000 / kSecond) {
    EXPECT_LE(entries, ns.max_size());
    ns.Look(entries);
  }
  EXPECT_LE(ns.max_size(), 240'000U) << "no more than four times what was in use";
  EXPECT_LE(ns.changes(), 16);
}

TEST(RouteSimulationTest, SettlesAndStaysWhileRoutesAreInUse) {
  Namespace ns;
  ns.LookFor(60, 3000);
  const uint64_t settled = ns.max_size();
  const int changes = ns.changes();
  EXPECT_GE(settled, 6000U);
  EXPECT_LE(settled, 12'000U);
  ns.LookFor(86400, 3000);
  EXPECT_EQ(ns.max_size(), settled);
  EXPECT_EQ(ns.changes(), changes);
}

TEST(RouteSimulationTest, ComesDownToWhereItWasFoundAndNotBelow) {
  Namespace ns;
  for (uint64_t entries = 1025; entries < 50'000; entries += entries / 2) ns.Look(entries);
  ns.LookFor(60, 50'000);
  ASSERT_GE(ns.max_size(), 100'000U);
  const int before = ns.changes();
  ns.LookFor(590, 100);
  EXPECT_GE(ns.max_size(), 100'000U) << "not before ten minutes";
  ns.LookFor(10800, 100);
  EXPECT_EQ(ns.max_size(), kDefault);
  EXPECT_LT(ns.changes() - before, 60);
}

TEST(RouteSimulationTest, AStrangersRoutesDoNotPassTheCeiling) {
  Namespace ns;
  constexpr uint64_t kCeiling = 32'768;
  for (int i = 0; i < 10'000; ++i) ns.Look(ns.max_size(), kCeiling);  // as many as it lets in
  EXPECT_EQ(ns.max_size(), kCeiling);
  EXPECT_LT(ns.changes(), 10);
}

}  // namespace
