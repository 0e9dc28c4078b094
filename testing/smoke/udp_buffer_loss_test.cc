// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// UDP sockets that lose datagrams: for lack of a buffer of their own, for lack of a reader, for
// lack of what all of them share. The sysctls are the whole machine's, so it must be a machine of
// the test's own.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/datagram_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 300s;  // of the guest's time, which passes in an instant
constexpr char kFound[] = "212992";
// Pages. The kernel counts them only when a CPU has gathered 256 (SK_MEMORY_PCPU_RESERVE).
constexpr char kSmallMemory[] = "1024 1365 2048";
constexpr char kRaised[] = "^Due to need to increase default receive buffer size change ";
constexpr size_t kMostSockets = 400;

class UdpBufferLossTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!IsMachineOfItsOwn()) GTEST_SKIP() << "NOT RUN, writes the machine's own";
    BPFTUNE_NEEDS_PRIVILEGE();
    ASSERT_OK(SetMachineSysctl(kRmemMax, kFound));
    ASSERT_OK(SetMachineSysctl(kRmemDefault, kFound));
    ASSERT_OK_AND_ASSIGN(Host host, Host::Create("server"));
    host_.push_back(std::move(host));
  }

  // How much of a burst a socket made now receives.
  int Receives(int count) {
    auto pair = DatagramPair::Create(host_.front());
    EXPECT_TRUE(pair.has_value());
    if (!pair) return 0;
    pair->Send(count);
    return pair->ReceiveAll();
  }

  const Host& host() { return host_.front(); }

  std::vector<Host> host_;  // one
};

TEST_F(UdpBufferLossTest, OfABurstAtTheDefaultSizeStopsForNewSockets) {
  const int holds = Receives(2000);
  ASSERT_LT(holds, 2000);
  const int burst = holds + holds / 2;
  ASSERT_LT(Receives(burst), burst) << "without the daemon a third of it is lost";
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));

  // An application that is started anew each time.
  EXPECT_TRUE(EventuallyTrue([&] { return Receives(burst) == burst; }, kPatience));

  EXPECT_TRUE(daemon.WaitForLine(kRaised + std::string(kRmemDefault) + "\\(default\\)", kPatience));
  EXPECT_TRUE(
      daemon.WaitForLine("in the network namespace net:\\[" + std::to_string(host().inode()) +
                             "\\] has a receive buffer of 212992 bytes, the default, and lost "
                             "[0-9]+ datagrams of a burst\\. .* at its next socket",
                         kPatience));
  EXPECT_LE(std::stoi(MachineSysctl(kRmemDefault)), 2 * std::stoi(kFound));
  EXPECT_EQ(MachineSysctl(kRmemMax), kFound);

  const std::string lowered = "^Due to nothing needing the upper half of the socket buffer size";
  EXPECT_TRUE(EventuallyTrue([] { return MachineSysctl(kRmemDefault) == kFound; }, 60min));
  EXPECT_TRUE(daemon.WaitForLine(lowered, kPatience));
}

TEST_F(UdpBufferLossTest, ForLackOfAReaderIsNoReasonForMoreDelay) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  ASSERT_OK_AND_ASSIGN(const DatagramPair pair, DatagramPair::Create(host()));
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (std::chrono::steady_clock::now() < end) pair.Send(100);  // nobody reads
  EXPECT_TRUE(WaitForSummary(
      daemon, "'udp_buffer': 1 losses that went on, for lack of a prompt reader", kPatience));
  EXPECT_EQ(MachineSysctl(kRmemDefault), kFound);
  EXPECT_EQ(CountChanges(daemon, "net\\.core"), 0U);
}

TEST_F(UdpBufferLossTest, AtASizeThatTheApplicationChoseIsItsOwn) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  ASSERT_OK_AND_ASSIGN(const DatagramPair pair, DatagramPair::Create(host()));
  ASSERT_EQ(SetBuffer(pair.to, SO_RCVBUF, 50'000), 0);
  pair.Send(500);
  EXPECT_TRUE(WaitForSummary(
      daemon, "'udp_buffer': 1 bursts lost at sockets with a size of their own", kPatience));
  EXPECT_EQ(MachineSysctl(kRmemDefault), kFound);
}

TEST_F(UdpBufferLossTest, OfLargerAndLargerBurstsStopsAtTheCeiling) {
  const auto udp_mem = ParseVector(MachineSysctl(kUdpMem));
  ASSERT_EQ(udp_mem.size(), 3U);
  const int64_t ceiling = udp_mem[1] * getpagesize() / 256;  // DEFAULT_PART
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        Receives(1000);
        return WaitForSummary(daemon, "'udp_buffer': .* raises not made because of the ceiling",
                              1s);
      },
      kPatience));
  EXPECT_GE(CountChanges(daemon, kRmemDefault), 1U);
  EXPECT_LE(std::stoll(MachineSysctl(kRmemDefault)), ceiling);
}

// Sockets that nobody reads from hold what they are sent.
class UdpMemoryTest : public UdpBufferLossTest {
 protected:
  void SetUp() override {
    UdpBufferLossTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_OK(SetMachineSysctl(kUdpMem, kSmallMemory));
  }

  bool FillUntil(const std::function<bool()>& enough) {
    return EventuallyTrue(
        [&] {
          if (hoarders_.size() < kMostSockets) {
            auto pair = DatagramPair::Create(host());
            if (pair) hoarders_.push_back(std::move(*pair));
          }
          for (const DatagramPair& pair : hoarders_) pair.Send(20);
          return enough();
        },
        kPatience);
  }

  std::vector<DatagramPair> hoarders_;
};

TEST_F(UdpMemoryTest, GrowsWhileTheMachineHasMoreAndComesBackToWhatItWas) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  ASSERT_TRUE(FillUntil([&] { return CountChanges(daemon, kUdpMem) >= 3; }));
  const auto raised = ParseVector(MachineSysctl(kUdpMem));
  ASSERT_EQ(raised.size(), 3U);
  EXPECT_GT(raised[0], 1024);
  EXPECT_GT(raised[1], 1365);
  EXPECT_GT(raised[2], 2048);
  EXPECT_TRUE(daemon.WaitForLine("^UDP holds [0-9]+ KiB, and from [0-9]+ KiB on", kPatience));

  hoarders_.clear();
  EXPECT_TRUE(EventuallyTrue([] { return MachineSysctl(kUdpMem) == kSmallMemory; }, 60min))
      << MachineSysctl(kUdpMem);
  EXPECT_TRUE(daemon.WaitForLine("^Due to UDP not needing it, .* change net.ipv4.udp_mem", 1s));
}

TEST_F(UdpMemoryTest, OfTheAdministratorStands) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  ASSERT_TRUE(FillUntil([&] { return CountChanges(daemon, kUdpMem) >= 1; }));
  ASSERT_OK(SetMachineSysctl(kUdpMem, "1025 1366 2049"));
  ASSERT_TRUE(daemon.WaitForLine("modified sysctl 'net.ipv4.udp_mem'", kPatience));
  EXPECT_TRUE(FillUntil(
      [&] { return WaitForSummary(daemon, "'udp_buffer': .* because the value is yours", 1s); }));
  EXPECT_EQ(MachineSysctl(kUdpMem), "1025 1366 2049");
}

}  // namespace
}  // namespace bpftune::testing
