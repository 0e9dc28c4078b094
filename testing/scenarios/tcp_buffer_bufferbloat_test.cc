// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// A path whose bottleneck has a queue of sixteen times what it holds: with a large send buffer a
// cubic flow fills it, and everybody's round trips become many times longer, at no gain. The tuner
// must give the flow what the path holds, and no more.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>

#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/traffic.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

class Bufferbloat : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }

  // One flow of 12 s from that maximum, with pings from the third second on.
  void Run(int64_t cap) {
    const BulkCase c = {.side = Side::kSend,
                        .cap = cap,
                        .rtt_ms = 20,
                        .rate_mbit = 50,
                        .queue_bdp = 16,
                        .seconds = 12};
    ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
    ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
    ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
    flow.WaitUntil(3);
    ASSERT_OK_AND_ASSIGN(ping_,
                         Ping(path.link->a(), path.link->b(), {.count = 80, .interval_ms = 100}));
    flow.WaitUntil(c.seconds);
    mbit_ = flow.MbitPerSecond(3, c.seconds);
    ASSERT_OK_AND_ASSIGN(final_cap_, path.Cap(c.side));
    writes_ = CountChanges(daemon);
    std::printf("from %ld: %zu writes, final %ld, %.1f Mbit/s, ping mean %.1f ms\n",
                static_cast<long>(cap), writes_, static_cast<long>(final_cap_), mbit_,
                ping_.mean_ms);
    ASSERT_OK(daemon.Stop());
  }

  PingReport ping_;
  double mbit_ = 0;
  int64_t final_cap_ = 0;
  size_t writes_ = 0;
};

TEST_F(Bufferbloat, TooSmallABufferIsRaisedToWhatThePathHoldsAndNoFurther) {
  ASSERT_NO_FATAL_FAILURE(Run(131072));
  EXPECT_GE(writes_, 1u);
  EXPECT_LE(final_cap_, 524288);
  EXPECT_GE(mbit_, 43);
  EXPECT_LE(ping_.mean_ms, 60);
}

TEST_F(Bufferbloat, BufferThatFillsThePathIsLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(Run(262144));
  EXPECT_EQ(0u, writes_);
}

TEST_F(Bufferbloat, BufferThatRoundTripsFollowComesDown) {
  ASSERT_NO_FATAL_FAILURE(Run(8 << 20));
  EXPECT_GE(writes_, 1u);
  EXPECT_LT(final_cap_, 8 << 20);
  EXPECT_GE(final_cap_, 131072) << "never below what the path holds";
  EXPECT_GE(mbit_, 43);
}

}  // namespace
}  // namespace bpftune::testing
