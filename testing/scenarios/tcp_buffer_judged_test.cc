// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Every raise is judged by what the connections that asked for it deliver afterwards: one that
// helped is said to have helped, one that could not is taken back and not tried again at once.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

// A gain is known after two seconds or more, that there is none after twenty.
constexpr auto kPatience = 60s;

class RaiseJudged : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

TEST_F(RaiseJudged, OneThatHelpedIsSaidToHaveHelpedAndStays) {
  const BulkCase c = {.side = Side::kSend, .rtt_ms = 40};
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));

  ASSERT_OK_AND_ASSIGN(
      Line line, Found(daemon.WaitForLine("^Raise judged: towards .* ([0-9]+) -> ([0-9]+) kbit/s, "
                                          "with net.ipv4.tcp_wmem raised from 1310720",
                                          kPatience)));
  EXPECT_GT(std::stol(line.captures[1]), std::stol(line.captures[0]));
  ASSERT_OK_AND_ASSIGN(const int64_t cap, path.Cap(c.side));
  EXPECT_GT(cap, c.cap);
  ASSERT_OK(daemon.Stop());
  EXPECT_EQ(1u, daemon.CountLines("tcp_buffer': 1 series of raises that helped"));
  EXPECT_EQ(1u, daemon.CountLines("kbit/s more after raises that helped"));
}

// The receiver's buffer is its application's, so the window never gets larger. A send buffer of
// less than twice the window looks as if it were the limit: it is full, the congestion window would
// take more, and the path holds nearly as much. The round trip is short against the time between
// looks, so that a window a round trip looks like the steady rate that it is.
TEST_F(RaiseJudged, OneThatCouldNotHelpIsTakenBackAndNotTriedAgain) {
  const BulkCase c = {.side = Side::kSend, .cap = kAmpleCap, .rtt_ms = 10};
  const BulkFlowOptions fixed_window = {.receive_buffer_bytes = 600'000};
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
  ASSERT_OK_AND_ASSIGN(BulkFlow first,
                       BulkFlow::Start(path.link->a(), path.link->b(), fixed_window));
  first.WaitUntil(4);
  const double window = first.MbitPerSecond(2, 4) * 1e6 / 8 * c.rtt_ms / 1e3;
  first.Stop();
  const auto cap = static_cast<int64_t>(1.6 * window);
  ASSERT_OK(path.a->SetSysctl("net.ipv4.tcp_wmem", "4096 16384 " + std::to_string(cap)));

  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow,
                       BulkFlow::Start(path.link->a(), path.link->b(), fixed_window));
  ASSERT_TRUE(daemon.WaitForLine("^Due to need to increase .* change net.ipv4.tcp_wmem", 20s));
  ASSERT_OK_AND_ASSIGN(Line line, Found(daemon.WaitForLine(
                                      "^Due to the last raise having helped nobody change "
                                      "net.ipv4.tcp_wmem.* from .* -> \\(4096 16384 ([0-9]+)\\)",
                                      kPatience)));
  // To where that raise began. (An earlier one may have helped: the window is not known so well.)
  ASSERT_OK_AND_ASSIGN(const int64_t back, path.Cap(c.side));
  EXPECT_EQ(std::to_string(back), line.captures[0]);
  EXPECT_EQ(1u, daemon.CountLines("^Due to need to increase .* from \\(4096 16384 " +
                                  line.captures[0] + "\\)"));

  // It goes on as it did, and so does another to the same host.
  ASSERT_OK_AND_ASSIGN(BulkFlow another,
                       BulkFlow::Start(path.link->a(), path.link->b(), fixed_window));
  another.WaitUntil(4);
  ASSERT_TRUE(WaitForLooks(daemon));
  EXPECT_FALSE(daemon.WaitForLine("^Due to need to increase", 0s, line.number));
  ASSERT_OK(daemon.Stop());
  // The summary was printed twice: for the looks, and at the end.
  EXPECT_EQ(2u, daemon.CountLines("tcp_buffer': 1 series of raises that did not help"));
  EXPECT_EQ(2u, daemon.CountLines("tcp_buffer': [0-9]+ connections that the last raise did not"));
}

TEST_F(RaiseJudged, ConnectionOlderThanTheDaemonIsTuned) {
  const BulkCase c = {.side = Side::kSend, .rtt_ms = 40};
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  ASSERT_TRUE(EventuallyTrue([&] { return flow.bytes_received() > (1 << 20); }, 10s));

  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));

  EXPECT_TRUE(daemon.WaitForLine("^Due to need to increase .* change net.ipv4.tcp_wmem", 20s));
  ASSERT_OK(daemon.Stop());
  // Both ends, unless one has grown at that moment, and so was seen already.
  EXPECT_EQ(1u, daemon.CountLines("tcp_buffer': [12] connections found that are older"));
}

}  // namespace
}  // namespace bpftune::testing
