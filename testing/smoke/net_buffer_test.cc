// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Bursts that a CPU has time for, but no room or no budget: both grow until nothing is lost any
// more, and come back when nothing needs them. Changes what is the whole machine's, so it must be
// one of the test's own.

#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/netlink.h"
#include "testing/netns_harness/sockets.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/write_watch.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 300s;  // of the guest's time, which passes in an instant
constexpr char kMaxBacklog[] = "net.core.netdev_max_backlog";
constexpr char kBudget[] = "net.core.netdev_budget";
constexpr char kBudgetUsecs[] = "net.core.netdev_budget_usecs";
constexpr int kSegments = 64;  // UDP_MAX_SEGMENTS of the older kernels
constexpr int kSegmentBytes = 100;
constexpr char kPacketsDropped[] =
    "^Due to received packets being dropped before they were looked at change ";
constexpr char kBrokenOff[] = "^Due to receiving being broken off with packets waiting change ";

std::string PathOf(const std::string& sysctl) {
  std::string path = "/proc/sys/" + sysctl;
  std::replace(path.begin() + 10, path.end(), '.', '/');
  return path;
}

int64_t Get(const std::string& sysctl) {
  int64_t value = -1;
  std::ifstream(PathOf(sysctl)) >> value;
  return value;
}

void Set(const std::string& sysctl, int64_t value) {
  std::ofstream(PathOf(sysctl)) << value << '\n';
}

// Of all CPUs, since the machine started: the n-th number of /proc/net/softnet_stat.
uint64_t Softnet(size_t column) {
  uint64_t sum = 0;
  std::ifstream file("/proc/net/softnet_stat");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    for (size_t i = 0; i <= column; ++i) words >> word;
    sum += std::stoull(word, nullptr, 16);
  }
  return sum;
}
uint64_t Squeezes() { return Softnet(2); }

// Bursts of UDP over a veth pair. The kernel cuts one send into as many packets, which it puts into
// the backlog of this CPU one after the other before it receives the first.
class Bursts {
 public:
  static Result<std::unique_ptr<Bursts>> Create() {
    auto a = Host::Create("sender");
    if (!a) return a.error();
    auto b = Host::Create("receiver");
    if (!b) return b.error();
    auto pair = VethPair::Create(*a, *b);
    if (!pair) return pair.error();
    auto cut = a->Run([&] { return SetMostSegments(pair->a.device, 1); });
    if (!cut) return cut.error();
    auto out = std::unique_ptr<Bursts>(new Bursts(*pair));
    auto opened = out->Open();
    if (!opened) return opened.error();
    return out;
  }

  // How many packets of one burst arrive; negative, with errno, if it was not sent.
  int Send() {
    static const std::vector<char> kData(size_t{kSegments} * kSegmentBytes);
    if (send(from_.get(), kData.data(), kData.size(), 0) < 0) return -1;
    char packet[kSegmentBytes];
    int arrived = 0;
    while (recv(to_.get(), packet, sizeof packet, MSG_DONTWAIT) >= 0) ++arrived;
    return arrived;
  }

  // Sends a burst every 10 ms until `enough`.
  bool SendUntil(const std::function<bool()>& enough) {
    return EventuallyTrue(
        [&] {
          Send();
          return enough();
        },
        kPatience);
  }

  const Host& receiver() const { return pair_.b.host; }

  // Makes each packet dear to receive: so many others want a copy of it, and have no room for it.
  Status AddListeners(int count) {
    return pair_.b.host.Run([&]() -> Status {
      const int least = 1;  // bytes, of which the kernel makes the least it can do with
      sockaddr_ll at = {};
      at.sll_family = AF_PACKET;
      at.sll_protocol = htons(ETH_P_ALL);
      at.sll_ifindex = static_cast<int>(if_nametoindex(pair_.b.device.c_str()));
      for (int i = 0; i < count; ++i) {
        UniqueFd one(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
        if (setsockopt(one.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof least) != 0 ||
            bind(one.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
          return Error::FromErrno("listening to a device");
        }
        listeners_.push_back(std::move(one));
      }
      return Ok();
    });
  }

 private:
  explicit Bursts(const VethPair& pair) : pair_(pair) {}

  Status Open() {
    auto any_port = MakeAddress(pair_.b.ipv4, 0);
    if (!any_port) return any_port.error();
    to_ = pair_.b.host.Run([] { return UniqueFd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
    if (bind(to_.get(), any_port->get(), any_port->length) != 0) {
      return Error::FromErrno("binding the receiver");
    }
    auto address = LocalAddress(to_.get());
    if (!address) return address.error();
    from_ =
        pair_.a.host.Run([] { return UniqueFd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
    const int size = kSegmentBytes;
    if (connect(from_.get(), address->get(), address->length) != 0 ||
        setsockopt(from_.get(), SOL_UDP, UDP_SEGMENT, &size, sizeof size) != 0) {
      return Error::FromErrno("preparing the sender");
    }
    // The first is for the neighbour's address.
    if (!EventuallyTrue([this] { return Send() > 0; }, 10s)) return Error("nothing arrives");
    return Ok();
  }

  VethPair pair_;
  UniqueFd from_;
  UniqueFd to_;
  std::vector<UniqueFd> listeners_;
};

class NetBufferTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!getenv("BPFTUNE_MACHINE_OF_ITS_OWN")) GTEST_SKIP() << "NOT RUN, changes the machine's";
    BPFTUNE_NEEDS_PRIVILEGE();
    for (const char* sysctl : {kMaxBacklog, kBudget, kBudgetUsecs}) found_[sysctl] = Get(sysctl);
    ASSERT_OK_AND_ASSIGN(bursts_, Bursts::Create());
  }
  void TearDown() override {
    for (const auto& [sysctl, value] : found_) Set(sysctl, value);
  }

  static void WaitUntilItIs(const Daemon& daemon, const char* sysctl, int64_t value) {
    EXPECT_TRUE(EventuallyTrue([&] { return Get(sysctl) == value; }, 60min))
        << sysctl << " stays at " << Get(sysctl);
    EXPECT_TRUE(daemon.WaitForLine(
        "^Due to nothing having needed it for a long time change " + std::string(sysctl),
        kPatience));
  }

  std::map<std::string, int64_t> found_;
  std::unique_ptr<Bursts> bursts_;
};

TEST_F(NetBufferTest, BacklogGrowsUntilABurstFitsAndComesBackWhenNothingNeedsIt) {
  Set(kMaxBacklog, 16);
  ASSERT_LT(bursts_->Send(), kSegments) << "without the daemon a burst is cut short";
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));

  int arrived = 0;
  EXPECT_TRUE(bursts_->SendUntil([&] {
    arrived = bursts_->Send();
    return arrived == kSegments;
  })) << arrived;
  EXPECT_GT(Get(kMaxBacklog), 32);
  EXPECT_LE(Get(kMaxBacklog), 128);
  EXPECT_TRUE(daemon.WaitForLine(
      std::string(kPacketsDropped) + kMaxBacklog + "\\(packets\\) from \\(16\\) -> \\(32\\)",
      kPatience));
  EXPECT_TRUE(
      daemon.WaitForLine("^CPU [0-9]+ dropped [0-9]+ of [0-9]+ packets because as many as "
                         "net.core.netdev_max_backlog admits were waiting",
                         kPatience));
  EXPECT_EQ(CountChanges(daemon, kBudget), 0U);

  WaitUntilItIs(daemon, kMaxBacklog, 16);
  EXPECT_TRUE(WaitForSummary(daemon, "1 series of raises that helped", kPatience));
  ASSERT_OK(daemon.Stop());
}

TEST_F(NetBufferTest, BudgetGrowsUntilABurstFitsAndComesBackWhenNothingNeedsIt) {
  Set(kBudget, 16);
  const uint64_t before = Squeezes();
  bursts_->Send();
  ASSERT_GT(Squeezes(), before) << "without the daemon a burst is broken off";
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));

  EXPECT_TRUE(bursts_->SendUntil([&] {
    const uint64_t squeezes = Squeezes();
    bursts_->Send();
    return Squeezes() == squeezes;
  }));
  EXPECT_GT(Get(kBudget), kSegments);
  EXPECT_LE(Get(kBudget), 4 * kSegments);
  EXPECT_TRUE(daemon.WaitForLine(
      std::string(kBrokenOff) + kBudget + "\\(packets\\) from \\(16\\) -> \\(32\\)", kPatience));
  EXPECT_TRUE(daemon.WaitForLine("^CPU [0-9]+ broke off receiving [0-9]+ times in", kPatience));
  EXPECT_EQ(Get(kMaxBacklog), found_[kMaxBacklog]);

  WaitUntilItIs(daemon, kBudget, 16);
  ASSERT_OK(daemon.Stop());
}

TEST_F(NetBufferTest, WhatTheAdministratorWritesStays) {
  Set(kMaxBacklog, 16);
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  ASSERT_TRUE(bursts_->SendUntil([&] { return CountChanges(daemon, kMaxBacklog) > 0; }));

  Set(kMaxBacklog, 20);
  ASSERT_TRUE(daemon.WaitForLine("modified sysctl 'net.core.netdev_max_backlog'", kPatience));
  int sent = 0;
  EXPECT_TRUE(bursts_->SendUntil([&] {
    return ++sent % 100 == 0 &&
           WaitForSummary(daemon, "raises not made because the value is yours", 1s);
  }));
  EXPECT_EQ(Get(kMaxBacklog), 20);
  ASSERT_OK(daemon.Stop());
}

TEST_F(NetBufferTest, DryRunSaysWhatItWouldDo) {
  Set(kMaxBacklog, 16);
  ASSERT_OK_AND_ASSIGN(WriteWatch watch, WriteWatch::Create());
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}, {"--dry-run"}));
  EXPECT_TRUE(bursts_->SendUntil([&] {
    return daemon.CountLines(".* would change net.core.netdev_max_backlog.* -> \\(32\\)") > 0;
  }));
  EXPECT_EQ(Get(kMaxBacklog), 16);
  ASSERT_OK(daemon.Stop());
  ASSERT_OK_AND_ASSIGN(const auto opened, watch.ClosedBy(daemon.pid()));
  EXPECT_EQ(opened, std::vector<std::string>());
}

TEST_F(NetBufferTest, ValueGoesBackWithTheDaemonWhereThatIsAskedFor) {
  Set(kMaxBacklog, 16);
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}, {"--rollback"}));
  ASSERT_TRUE(bursts_->SendUntil([&] { return Get(kMaxBacklog) > 16; }));
  ASSERT_OK(daemon.Stop(kPatience));
  EXPECT_EQ(Get(kMaxBacklog), 16);
}

TEST_F(NetBufferTest, DaemonOfOneNamespaceLeavesTheMachineAlone) {
  Set(kMaxBacklog, 16);
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&bursts_->receiver()}));
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  EXPECT_TRUE(bursts_->SendUntil([&] { return std::chrono::steady_clock::now() > deadline; }));
  EXPECT_EQ(CountChanges(daemon, ""), 0U);
  EXPECT_EQ(Get(kMaxBacklog), 16);
  ASSERT_OK(daemon.Stop());
}

TEST_F(NetBufferTest, FloodThatACpuHasNoTimeForRaisesNothing) {
  Set(kMaxBacklog, 16);
  ASSERT_OK(bursts_->AddListeners(400));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  const auto deadline = std::chrono::steady_clock::now() + 15s;
  while (std::chrono::steady_clock::now() < deadline) bursts_->Send();
  EXPECT_TRUE(
      WaitForSummary(daemon, "raises not made because the CPU does nothing else", kPatience));
  EXPECT_EQ(Get(kMaxBacklog), 16);
  ASSERT_OK(daemon.Stop());
}

}  // namespace
}  // namespace bpftune::testing
