// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// iperf3 over a path that holds more than its buffers may.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/client_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kMostRuns = 3;

class ClientsIperf3 : public ::testing::TestWithParam<Side> {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }

  // What arrives in a second of one transfer.
  static void Transfer(const Path& path, double* mbit) {
    ASSERT_OK_AND_ASSIGN(Daemon server,
                         StartClient(kIperf3, {"--server", "--one-off", "--forceflush"}, *path.b));
    ASSERT_TRUE(server.WaitForLine("Server listening", 10s));
    ASSERT_OK_AND_ASSIGN(
        const std::string report,
        RunClient(kIperf3, {"--client", path.link->b().ipv4, "--time", "5", "--json"}, *path.a));
    const auto json = nlohmann::json::parse(report, nullptr, /*allow_exceptions=*/false);
    const nlohmann::json::json_pointer arrived("/end/sum_received/bits_per_second");
    ASSERT_TRUE(json.contains(arrived)) << report;
    *mbit = json[arrived].get<double>() / 1e6;
    EXPECT_OK(server.WaitForExit(10s));
  }
};

TEST_P(ClientsIperf3, IsHeldBackByItsBufferNoLonger) {
  const BulkCase c = {.side = GetParam(), .cap = 131072, .rtt_ms = 40, .rate_mbit = 100};
  const std::string tunable = TunableOf(c.side);
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
  double without = 0;
  double with = 0;
  ASSERT_NO_FATAL_FAILURE(Transfer(path, &without));

  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  // One is enough, unless this machine has been slow for an instant.
  for (int run = 0; run < kMostRuns && with <= 2 * without; ++run) {
    ASSERT_NO_FATAL_FAILURE(Transfer(path, &with));
    std::printf("%.0f Mbit/s without bpftune, %.0f with it\n", without, with);
  }
  EXPECT_GT(with, 2 * without);
  ASSERT_OK(daemon.Stop());

  EXPECT_TRUE(daemon.WaitForLine(OccurredIn(path.tuned(c.side), tunable), 0s));
  ASSERT_OK_AND_ASSIGN(
      const Line said,
      Found(daemon.WaitForLine("^sysctl '" + tunable + "' .* changed from .* -> \\((.*)\\)", 0s)));
  ASSERT_OK_AND_ASSIGN(const std::string stands, path.tuned(c.side).GetSysctl(tunable));
  EXPECT_EQ(stands, said.captures[0]);
}

INSTANTIATE_TEST_SUITE_P(Sides, ClientsIperf3, ::testing::Values(Side::kReceive, Side::kSend),
                         [](const auto& test) {
                           return test.param == Side::kReceive ? "Receive" : "Send";
                         });

}  // namespace
}  // namespace bpftune::testing
