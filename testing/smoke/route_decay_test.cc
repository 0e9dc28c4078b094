// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// What IPv6 routes needed goes back when they are gone: after ten minutes, step by step, to where
// it was found.

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/route_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

TEST(RouteDecayTest, LimitAndThresholdComeDownToWhereTheyWere) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(RouteCase routes, RouteCase::Create(256));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&routes.host()}, kAsIfLimited));
  const auto are = [&](auto holds) {
    const auto max_size = routes.ValueOf(kRouteMaxSize);
    const auto gc_thresh = routes.ValueOf(kRouteGcThresh);
    return max_size && gc_thresh && holds(*max_size, *gc_thresh);
  };
  ASSERT_OK(routes.Use(250));
  ASSERT_TRUE(EventuallyTrue(
      [&] {
        return are([](int64_t max_size, int64_t gc_thresh) {
          return max_size >= 350 && gc_thresh == max_size / 4;
        });
      },
      5min));
  EXPECT_FALSE(daemon.WaitForLine("^Due to nothing needing", 15min)) << "they are in use";
  ASSERT_OK(routes.DropRoutes());
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        return are(
            [](int64_t max_size, int64_t gc_thresh) { return max_size == 256 && gc_thresh == 64; });
      },
      2h));
  EXPECT_TRUE(
      daemon.WaitForLine("^Due to nothing needing the upper half of the IPv6 route limit change "
                         "net.ipv6.route.max_size",
                         1min));
  EXPECT_TRUE(daemon.WaitForLine(
      "^For [0-9]+ s fewer than a quarter as many IPv6 routes were in use as are allowed", 1min));
  ASSERT_OK(daemon.Stop());
}

}  // namespace
}  // namespace bpftune::testing
