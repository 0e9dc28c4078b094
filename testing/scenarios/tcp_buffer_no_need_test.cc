// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Connections that are slow for another reason than the size of TCP's buffers, or not slow at all:
// nothing must be written for them, and the summary must show that they were seen.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/traffic.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr double kSeconds = 8;

class NoNeed : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    // Room for more than the path holds on neither side.
    const BulkCase c = {.side = Side::kReceive, .cap = 1310720, .rtt_ms = 40};
    ASSERT_OK_AND_ASSIGN(path_, Path::Create(c));
    ASSERT_OK(path_.a->SetSysctl("net.ipv4.tcp_wmem", "4096 16384 1310720"));
    ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path_.a.get(), path_.b.get()}));
    daemon_.push_back(std::move(daemon));
  }

  Daemon& daemon() { return daemon_.front(); }

  void RunFlow(const BulkFlowOptions& options) {
    ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path_.link->a(), path_.link->b(), options));
    flow.WaitUntil(kSeconds);
  }

  void ExpectNoWriteBut(const std::string& seen) {
    ASSERT_OK(daemon().Stop());
    EXPECT_EQ(0u, CountChanges(daemon()));
    EXPECT_GE(daemon().CountLines("tuner 'tcp_buffer': [0-9]+ " + seen), 1u) << seen;
  }

  Path path_;
  std::vector<Daemon> daemon_;  // one, once it is started
};

TEST_F(NoNeed, SlowReaderIsNotHelpedByAWindow) {
  ASSERT_NO_FATAL_FAILURE(RunFlow({.reader_mbit = 20}));
  ExpectNoWriteBut("connections whose application reads slowly");
}

TEST_F(NoNeed, ReceiveBufferOfTheApplicationIsItsOwn) {
  ASSERT_NO_FATAL_FAILURE(RunFlow({.receive_buffer_bytes = 200'000}));
  ExpectNoWriteBut("connections with a buffer set by the application");
}

TEST_F(NoNeed, SendBufferOfTheApplicationIsItsOwn) {
  ASSERT_NO_FATAL_FAILURE(RunFlow({.send_buffer_bytes = 200'000}));
  ExpectNoWriteBut("connections with a buffer set by the application");
}

TEST_F(NoNeed, ApplicationThatSendsLittleNeedsNoBuffer) {
  ASSERT_NO_FATAL_FAILURE(RunFlow({.write_bytes = 60'000, .write_interval_ms = 20}));
  ExpectNoWriteBut("connections limited by their sending application");
}

TEST_F(NoNeed, BurstsSmallerThanTheBufferNeedNoMore) {
  ASSERT_NO_FATAL_FAILURE(RunFlow({.write_bytes = 400'000, .write_interval_ms = 200}));
  ExpectNoWriteBut("connections seen carrying data");
}

TEST_F(NoNeed, IdleConnectionsAreSeenAndNothingMore) {
  ASSERT_OK_AND_ASSIGN(auto idle, IdleConnections::Open(path_.link->a(), path_.link->b(), 200));
  ExpectNoWriteBut("ends of connections established");
}

TEST_F(NoNeed, LoopbackIsFastEnough) {
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(Loopback(*path_.a), Loopback(*path_.a), {}));
  flow.WaitUntil(kSeconds);
  EXPECT_GT(flow.MbitPerSecond(1, kSeconds), 1000);
  ExpectNoWriteBut("connections seen carrying data");
}

}  // namespace
}  // namespace bpftune::testing
