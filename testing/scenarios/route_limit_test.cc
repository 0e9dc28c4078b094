// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// More IPv6 routes in use than net.ipv6.route.max_size allows. The kernels that limit them have
// become rare: whether this one does is measured, and the tuner is to say the same of it. What it
// does where there is a limit is shown on any kernel, by not letting it find out.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/route_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 120s;
constexpr int64_t kLimit = 256;
// The kernel's count is behind by up to 32 for each of its (two) CPUs; so many are near the limit
// whichever CPU they are used on.
constexpr int kNearTheLimit = 270;

class RouteLimitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    ASSERT_OK_AND_ASSIGN(RouteCase made, RouteCase::Create(kLimit));
    routes_.emplace(std::move(made));
  }

  Result<Daemon> StartAsIfLimited(std::vector<std::string> more = {}) {
    more.insert(more.end(), kAsIfLimited.begin(), kAsIfLimited.end());
    return StartDaemon({&routes().host()}, more);
  }
  // How often the tuner has looked so far.
  static uint64_t Looks(Daemon& daemon) {
    const size_t from = daemon.Lines().size();
    daemon.Signal(SIGUSR1);
    const auto line = daemon.WaitForLine("'route': ([0-9]+) looks at the IPv6", 1s, from);
    return line ? std::stoull(line->captures[0]) : 0;
  }
  RouteCase& routes() { return *routes_; }
  int64_t ValueOf(const std::string& tunable) {
    const auto value = routes().ValueOf(tunable);
    EXPECT_OK(value);
    return value ? *value : 0;
  }

  std::optional<RouteCase> routes_;
};

TEST_F(RouteLimitTest, IsSaidToBeNoneWhereTheKernelHasNone) {
  ASSERT_OK_AND_ASSIGN(const int refused, routes().Use(3 * kLimit));
  std::printf("    not remembered by this kernel: %d of %d\n", refused,
              static_cast<int>(3 * kLimit));

  ASSERT_OK_AND_ASSIGN(Daemon daemon, Daemon::Start(kDaemonPath, {"-S", "-l", kTunersPath}));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(kPatience));
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(daemon.CountLines("^route +- +stands down: there is nothing to tune: this kernel has "
                              "no limit to IPv6 routes"),
            refused == 0 ? 1U : 0U);
  EXPECT_EQ(daemon.CountLines("^route +walk +walk__counts"), refused == 0 ? 0U : 1U);
  EXPECT_EQ(daemon.CountLines("not loaded: .*route"), 0U);
}

TEST_F(RouteLimitTest, GrowsBeforeItIsReached) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartAsIfLimited());
  int in_use = 0;
  // Each step is seen to be more than half.
  for (const int more : {150, 80, 90, 190}) {
    ASSERT_OK_AND_ASSIGN(const int refused, routes().Use(more));
    EXPECT_EQ(refused, 0) << "with " << in_use << " in use";
    in_use += more;
    ASSERT_TRUE(EventuallyTrue([&] { return ValueOf(kRouteMaxSize) >= in_use * 4 / 3; }, kPatience))
        << ValueOf(kRouteMaxSize) << " with " << in_use << " in use";
  }

  EXPECT_TRUE(daemon.WaitForLine(OccurredIn(routes().host(), kRouteMaxSize), kPatience));
  EXPECT_TRUE(daemon.WaitForLine(
      "^Due to IPv6 routes in use approaching the limit change net.ipv6.route.max_size\\(max\\) "
      "from \\(256\\) -> ",
      kPatience));
  EXPECT_TRUE(daemon.WaitForLine(
      "^[0-9]+ IPv6 routes were in use and 256 were allowed; .* Memory allows [0-9]+\\.",
      kPatience));
  EXPECT_TRUE(EventuallyTrue([&] { return ValueOf(kRouteGcThresh) == ValueOf(kRouteMaxSize) / 4; },
                             kPatience))
      << ValueOf(kRouteGcThresh) << " of " << ValueOf(kRouteMaxSize);
  EXPECT_LE(ValueOf(kRouteMaxSize), 4 * in_use);
  // A value is there before it is told of.
  EXPECT_TRUE(daemon.WaitForLine("change net.ipv6.route.gc_thresh\\(threshold\\) from .* -> \\(" +
                                     std::to_string(ValueOf(kRouteGcThresh)) + "\\)",
                                 kPatience));

  // What is enough stays.
  const size_t changes = CountChanges(daemon, "net.ipv6.route");
  const uint64_t looks = Looks(daemon);
  EXPECT_TRUE(EventuallyTrue([&] { return Looks(daemon) >= looks + 2; }, kPatience));
  EXPECT_EQ(CountChanges(daemon, "net.ipv6.route"), changes);
  ASSERT_OK(daemon.Stop(kPatience));
}

TEST_F(RouteLimitTest, OfTheAdministratorStands) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartAsIfLimited());
  ASSERT_OK_AND_ASSIGN(const AdministratorWrite write,
                       Administrate(routes().host(), kRouteMaxSize, "300"));
  ASSERT_EQ(write.error, 0);
  ASSERT_TRUE(daemon.WaitForLine(ModifiedIn(routes().host(), kRouteMaxSize), kPatience));

  ASSERT_OK(routes().Use(280));

  EXPECT_TRUE(WaitForSummary(daemon, "'route': .* because the value is yours", kPatience));
  EXPECT_EQ(ValueOf(kRouteMaxSize), 300);
  EXPECT_EQ(ValueOf(kRouteGcThresh), kLimit / 4) << "it belongs to the same set";
  EXPECT_EQ(CountChanges(daemon, "net.ipv6.route"), 0U);
}

TEST_F(RouteLimitTest, IsOnlySpokenOfInADryRun) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartAsIfLimited({"--dry-run"}));
  ASSERT_OK(routes().Use(kNearTheLimit));

  EXPECT_TRUE(daemon.WaitForLine(
      "would change net.ipv6.route.max_size\\(max\\) from \\(256\\) -> \\([0-9]+\\)", kPatience));
  EXPECT_EQ(ValueOf(kRouteMaxSize), kLimit);
  EXPECT_EQ(ValueOf(kRouteGcThresh), kLimit / 4);
}

TEST_F(RouteLimitTest, GoesBackAsTheDaemonEndsWhereThatIsWanted) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartAsIfLimited({"-R"}));
  ASSERT_OK(routes().Use(kNearTheLimit));
  ASSERT_TRUE(EventuallyTrue(
      [&] { return ValueOf(kRouteMaxSize) > kLimit && ValueOf(kRouteGcThresh) > kLimit / 4; },
      kPatience));

  ASSERT_OK(daemon.Stop(kPatience));

  EXPECT_EQ(ValueOf(kRouteMaxSize), kLimit);
  EXPECT_EQ(ValueOf(kRouteGcThresh), kLimit / 4);
}

}  // namespace
}  // namespace bpftune::testing
