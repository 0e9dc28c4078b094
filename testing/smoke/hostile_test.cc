// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// A tenant that drives what it shares with all others as far as it can: nobody's, in a user and a
// network namespace of its own, or root of a container. It reaches a ceiling and no further, others
// are answered, the log says who. The sysctls are the whole machine's, so it must be a machine of
// the test's own.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/child_process.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/traffic.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/datagram_case.h"
#include "testing/scenarios/listen_case.h"
#include "testing/scenarios/neigh_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 120s;  // of the guest's time, which passes in an instant
constexpr char kTcpMem[] = "net.ipv4.tcp_mem";
constexpr char kSmallTcpMemory[] = "1500 2000 3000";  // pages
constexpr char kSmallUdpMemory[] = "1024 1365 2048";
constexpr uid_t kNobody = 65534;

int64_t TotalKib() {
  std::ifstream meminfo("/proc/meminfo");
  std::string word;
  int64_t kib = 0;
  meminfo >> word >> kib;  // MemTotal is first
  return kib;
}

class HostileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!IsMachineOfItsOwn()) GTEST_SKIP() << "NOT RUN, writes the machine's own";
    BPFTUNE_NEEDS_PRIVILEGE();
    ASSERT_OK(SetMachineSysctl(kRmemMax, "212992"));
    ASSERT_OK_AND_ASSIGN(Host host, Host::Create("bystander"));
    ASSERT_OK(host.SetSysctl(kSomaxconn, "128"));
    host_.push_back(std::move(host));
  }

  const Host& bystander() const { return host_.front(); }
  // Over TCP and UDP; each request is answered before the next.
  void ExpectAnswers() const {
    EXPECT_OK(ShortConnections(Loopback(bystander()), Loopback(bystander()), 20));
    ASSERT_OK_AND_ASSIGN(DatagramPair pair, DatagramPair::Create(bystander()));
    for (int i = 0; i < 20; ++i) {
      pair.Send(1);
      EXPECT_TRUE(EventuallyTrue([&] { return pair.ReceiveAll() == 1; }, 1s)) << i;
    }
  }

  std::vector<Host> host_;  // one
};

// Async-signal-safe, as a child of a test has to be.
int RunAsNobodyInNamespacesOfItsOwn(int (*body)()) {
  if (setresgid(kNobody, kNobody, kNobody) != 0 || setresuid(kNobody, kNobody, kNobody) != 0 ||
      unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    return 100;
  }
  ifreq loopback = {};
  std::memcpy(loopback.ifr_name, "lo", 3);
  loopback.ifr_flags = IFF_UP;
  const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return ioctl(control, SIOCSIFFLAGS, &loopback) == 0 ? body() : 101;
}

// Datagrams that nobody reads, where none was ever received; fragments that are never completed,
// where nothing ever was.
int LoseAllThereIs() {
  sockaddr_in here = {};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof here;
  const int deaf = socket(AF_INET, SOCK_DGRAM, 0);
  const int udp = socket(AF_INET, SOCK_DGRAM, 0);
  const int raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  auto* address = reinterpret_cast<sockaddr*>(&here);
  if (bind(deaf, address, sizeof here) != 0 || getsockname(deaf, address, &length) != 0) return 102;
  std::array<char, 1400> packet = {};
  iphdr header = {};
  header.version = 4;
  header.ihl = sizeof header / 4;
  header.frag_off = htons(IP_MF);
  header.ttl = 64;
  header.protocol = IPPROTO_UDP;
  header.saddr = header.daddr = here.sin_addr.s_addr;
  for (uint16_t i = 1; i <= 5000; ++i) {
    (void)!sendto(udp, packet.data(), packet.size(), 0, address, length);
    header.id = htons(i);
    std::memcpy(packet.data(), &header, sizeof header);
    if (sendto(raw, packet.data(), packet.size(), 0, address, length) < 0) return 103;
  }
  return 0;
}

TEST_F(HostileTest, NobodyWhoLosesAllThereIsInNamespacesOfItsOwnDoesNotEndTheDaemon) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(ChildProcess nobody, ChildProcess::Start([] {
                           return RunAsNobodyInNamespacesOfItsOwn(LoseAllThereIs);
                         }));
    EXPECT_EQ(nobody.Wait(kPatience), 0);
  }
  EXPECT_TRUE(WaitForSummary(daemon, "'ip_frag': [0-9]+ fragments dropped", kPatience));

  ASSERT_OK_AND_ASSIGN(Listener cut, ListenFor(Loopback(bystander()), 1000));
  EXPECT_TRUE(daemon.WaitForLine(OccurredIn(bystander(), kSomaxconn), kPatience)) << "it goes on";
  ASSERT_NO_FATAL_FAILURE(ExpectAnswers());
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop(kPatience));
  EXPECT_EQ(exit.code, 0);
}

// Where most machines have all they have.
TEST_F(HostileTest, AdministratorsValueInTheFirstNamespaceStands) {
  ASSERT_OK(SetMachineSysctl(kSomaxconn, "128"));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  const auto ask = [](int backlog) {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(listen(fd.get(), backlog), 0);
    return fd;
  };
  const UniqueFd cut = ask(1000);
  ASSERT_TRUE(daemon.WaitForLine(
      "^Scenario '.*' occurred for tunable 'net.core.somaxconn' in global ns", kPatience));
  ASSERT_OK(SetMachineSysctl(kSomaxconn, "500"));
  ASSERT_TRUE(daemon.WaitForLine("modified sysctl 'net.core.somaxconn' in global ns", kPatience));

  const UniqueFd another = ask(20000);
  EXPECT_TRUE(WaitForSummary(daemon, "'tcp_listen': .* because the value is yours", kPatience));
  EXPECT_EQ(MachineSysctl(kSomaxconn), "500");
  EXPECT_EQ(CountChanges(daemon, kSomaxconn), 1U);
}

TEST_F(HostileTest, ConnectionsThatTakeAllTheyGetEndAtAQuarterOfWhereMemoryPressureBegins) {
  // Each way the path holds 2.5 MB.
  const BulkCase c = {.side = Side::kReceive, .cap = 131072, .rtt_ms = 200, .rate_mbit = 100};
  ASSERT_OK(SetMachineSysctl(kTcpMem, kSmallTcpMemory));
  const int64_t ceiling = int64_t{2000} * getpagesize() / 4;
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
  ASSERT_OK_AND_ASSIGN(const std::string others, bystander().GetSysctl(TunableOf(c.side)));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));

  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  ASSERT_TRUE(daemon.WaitForLine(OccurredIn(*path.b, TunableOf(c.side)), kPatience));
  ASSERT_OK_AND_ASSIGN(BulkFlow another, BulkFlow::Start(path.link->a(), path.link->b()));
  another.WaitUntil(20);
  ASSERT_NO_FATAL_FAILURE(ExpectAnswers());

  ASSERT_OK_AND_ASSIGN(const int64_t cap, path.Cap(c.side));
  EXPECT_GT(cap, c.cap);
  EXPECT_LE(cap, ceiling);
  ASSERT_OK_AND_ASSIGN(const std::string theirs, bystander().GetSysctl(TunableOf(c.side)));
  EXPECT_EQ(theirs, others);
}

TEST_F(HostileTest, SocketsThatNobodyReadsEndAtTheCeilingsOfUdp) {
  ASSERT_OK(SetMachineSysctl(kUdpMem, kSmallUdpMemory));
  ASSERT_OK_AND_ASSIGN(const Host container, Host::Create("container"));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  std::vector<DatagramPair> hoarders;
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        auto pair = DatagramPair::Create(container);
        if (pair && SetBuffer(pair->to, SO_RCVBUF, 64 << 20) == 0 && hoarders.size() < 400) {
          hoarders.push_back(std::move(*pair));
        }
        for (const DatagramPair& hoarder : hoarders) hoarder.Send(20);
        return CountChanges(daemon, kRmemMax) > 0 && CountChanges(daemon, kUdpMem) > 3;
      },
      kPatience));
  ExpectAnswers();

  EXPECT_TRUE(daemon.WaitForLine(
      "\\(process " + std::to_string(getpid()) + "\\) asked for a socket buffer", kPatience));
  const int64_t total_kib = TotalKib();
  const auto udp_mem = ParseVector(MachineSysctl(kUdpMem));
  ASSERT_EQ(udp_mem.size(), 3U);
  const int64_t page = getpagesize();
  EXPECT_LE(udp_mem[2] * page / 1024, total_kib * 3 / 4) << "what UDP holds, and half of the rest";
  EXPECT_LE(std::stoll(MachineSysctl(kRmemMax)), udp_mem[1] * page / 16);
}

TEST_F(HostileTest, ScanEndsAtTheCeilingAndKnownNeighboursOfOthersAreReached) {
  constexpr int kKnown = 50;
  SetThresholds(Family::kIpv4, {128, 512, 1024});
  ASSERT_OK_AND_ASSIGN(Neighbourhood others, Neighbourhood::Create(Family::kIpv4, kKnown));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  {
    // A device that comes and goes: what is tuned belongs to no device.
    ASSERT_OK_AND_ASSIGN(Neighbourhood first, Neighbourhood::Create(Family::kIpv4, 0));
    ASSERT_OK(first.SendToEach(600, 50us));
    EXPECT_TRUE(daemon.WaitForLine("^Due to need to increase neighbour table size", kPatience));
  }
  ASSERT_OK_AND_ASSIGN(Neighbourhood nobody, Neighbourhood::Create(Family::kIpv4, 0));
  ASSERT_OK(nobody.SendToEach(65000, 0ns));
  EXPECT_TRUE(
      WaitForSummary(daemon, "'neigh': .* raises not made because of the ceiling", kPatience));
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        EXPECT_OK(others.SendToEach(kKnown, 0ns));
        return others.Arrived() >= kKnown;
      },
      kPatience))
      << others.Arrived();

  EXPECT_TRUE(daemon.WaitForLine("last one was added in the network namespace net:\\[" +
                                     std::to_string(nobody.sender().inode()) + "\\]",
                                 kPatience));
  const int64_t total_kib = TotalKib();
  EXPECT_GT(Thresholds(Family::kIpv4)[2], 1024);
  EXPECT_LE(Thresholds(Family::kIpv4)[2], total_kib / 64);
}

}  // namespace
}  // namespace bpftune::testing
