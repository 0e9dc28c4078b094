// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// TCP's memory runs short on the whole machine: tcp_mem grows while there is memory, and comes back
// when it is not needed. Where tcp_mem is the administrator's, the buffers of connections come down
// instead, initial sizes with them, and go back up when memory is back.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/traffic.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 300s;  // of the guest's time, which passes in an instant
constexpr char kTcpMem[] = "/proc/sys/net/ipv4/tcp_mem";
constexpr char kSmall[] = "1500 2000 3000";  // pages: 12 MB at most
constexpr char kBuffers[] = "4096 131072 4194304";
constexpr size_t kMostConnections = 300;

std::string TcpMem() {
  std::string low, pressure, high;
  std::ifstream(kTcpMem) >> low >> pressure >> high;
  return low + " " + pressure + " " + high;
}

void SetTcpMem(const std::string& value) { std::ofstream(kTcpMem) << value << '\n'; }

// A connection whose application has stopped reading: both its buffers are full of data.
class Hoarders {
 public:
  Hoarders(const Endpoint& from, const Endpoint& to) : from_(from), to_(to) {}

  // Adds connections, and keeps all of them full, until `enough`.
  bool AddUntil(const std::function<bool()>& enough) {
    return EventuallyTrue(
        [&] {
          if (connections_.size() < kMostConnections) AddOne();
          for (const TcpConnection& c : connections_) Fill(c);
          return enough();
        },
        kPatience);
  }
  void Close() { connections_.clear(); }

 private:
  void AddOne() {
    auto made = Connect(from_, to_);
    if (!made) return;
    // It has to have carried data to be worth looking at.
    for (int i = 0; i < 8; ++i) {
      Fill(*made);
      char buffer[65536];
      (void)EventuallyTrue([&] { return recv(made->to.get(), buffer, sizeof(buffer), 0) > 0; }, 1s);
    }
    connections_.push_back(std::move(*made));
  }

  static void Fill(const TcpConnection& c) {
    static const std::vector<char> kData(65536);
    while (send(c.from.get(), kData.data(), kData.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
  }

  Endpoint from_;
  Endpoint to_;
  std::vector<TcpConnection> connections_;
};

class TcpMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    SetTcpMem(kSmall);
    ASSERT_OK_AND_ASSIGN(Host a, Host::Create("sender"));
    ASSERT_OK_AND_ASSIGN(Host b, Host::Create("receiver"));
    ASSERT_OK_AND_ASSIGN(VethPair pair, VethPair::Create(a, b));
    pair_.push_back(pair);
    for (const Host& host : {a, b}) {
      ASSERT_OK(host.SetSysctl("net.ipv4.tcp_rmem", kBuffers));
      ASSERT_OK(host.SetSysctl("net.ipv4.tcp_wmem", kBuffers));
    }
  }

  const Endpoint& sender() const { return pair_.front().a; }
  const Endpoint& receiver() const { return pair_.front().b; }

  std::vector<VethPair> pair_;  // one, once it is made
};

TEST_F(TcpMemoryTest, GrowsWhileTheMachineHasMemoryAndComesBackWhenItIsNotNeeded) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  Hoarders hoarders(sender(), receiver());

  ASSERT_TRUE(hoarders.AddUntil([&] { return CountChanges(daemon, "net.ipv4.tcp_mem") > 0; }));
  const auto raised = ParseVector(TcpMem());
  ASSERT_EQ(3u, raised.size());
  EXPECT_GT(raised[0], 1500);
  EXPECT_GT(raised[1], 2000);
  EXPECT_GT(raised[2], 3000);
  EXPECT_EQ(0u, daemon.CountLines("^Due to TCP memory being short")) << "there was more to be had";

  hoarders.Close();
  EXPECT_TRUE(EventuallyTrue([] { return TcpMem() == kSmall; }, 30min)) << TcpMem();
  EXPECT_TRUE(
      daemon.WaitForLine("^Due to TCP not needing it, .* change net.ipv4.tcp_mem", kPatience));
  ASSERT_OK(daemon.Stop());
}

TEST_F(TcpMemoryTest, BuffersComeDownWhereItMayNotGrowAndGoBackUpWithMemory) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  SetTcpMem("1501 2000 3000");  // the administrator's from now on
  ASSERT_TRUE(daemon.WaitForLine("modified sysctl 'net.ipv4.tcp_mem'", kPatience));
  Hoarders hoarders(sender(), receiver());

  ASSERT_TRUE(hoarders.AddUntil([&] {
    return daemon.CountLines("^Due to TCP memory being short change net.ipv4.tcp_wmem") > 0 &&
           daemon.CountLines("^Due to TCP memory being short change net.ipv4.tcp_rmem") > 0;
  }));
  ASSERT_OK_AND_ASSIGN(const std::string squeezed, sender().host.GetSysctl("net.ipv4.tcp_wmem"));
  const auto values = ParseVector(squeezed);
  ASSERT_EQ(3u, values.size());
  EXPECT_EQ(4096, values[0]);
  EXPECT_LT(values[1], 131072);
  EXPECT_LT(values[2], 4194304);
  EXPECT_EQ("1501 2000 3000", TcpMem());

  hoarders.Close();
  const auto is_back = [&](const Host& host, const char* tunable) {
    auto value = host.GetSysctl(tunable);
    return value && *value == kBuffers;
  };
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        return is_back(sender().host, "net.ipv4.tcp_wmem") &&
               is_back(receiver().host, "net.ipv4.tcp_rmem");
      },
      30min));
  EXPECT_TRUE(
      daemon.WaitForLine("^Due to TCP memory being back change net.ipv4.tcp_wmem", kPatience));
  ASSERT_OK(daemon.Stop());
}

}  // namespace
}  // namespace bpftune::testing
