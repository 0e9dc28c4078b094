// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Applications that ask for larger socket buffers than net.core.rmem_max and wmem_max allow. These
// are the whole machine's, so it must be a machine of the test's own.

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "controller/cgroup.h"
#include "controller/unique_fd.h"
#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/datagram_case.h"
#include "testing/scenarios/write_watch.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 120s;  // of the guest's time, which passes in an instant
constexpr int kFound = 212'992;
constexpr int kAsked = 2'000'000;
constexpr char kRaised[] = "^Due to need to increase max socket buffer size change ";

class UdpBufferRequestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!IsMachineOfItsOwn()) GTEST_SKIP() << "NOT RUN, writes the machine's own";
    BPFTUNE_NEEDS_PRIVILEGE();
    for (const char* name : {kRmemMax, kWmemMax, kRmemDefault}) {
      ASSERT_OK(SetMachineSysctl(name, std::to_string(kFound)));
    }
    ASSERT_OK_AND_ASSIGN(Host host, Host::Create("server"));
    host_.push_back(std::move(host));
  }

  UniqueFd Asks(int option, int bytes) {
    auto socket = MakeDatagramSocket(host_.front());
    EXPECT_TRUE(socket.has_value());
    if (!socket) return {};
    EXPECT_EQ(SetBuffer(*socket, option, bytes), 0);
    return std::move(*socket);
  }

  const Host& host() { return host_.front(); }

  std::vector<Host> host_;  // one
};

struct SideRow {
  const char* tunable;
  int option;
};

TEST_F(UdpBufferRequestTest, ThatWasCutIsGrantedTheNextTimeAndSaysSo) {
  for (const auto& [tunable, option] :
       {SideRow{kRmemMax, SO_RCVBUF}, SideRow{kWmemMax, SO_SNDBUF}}) {
    const UniqueFd without = Asks(option, kAsked);
    EXPECT_EQ(BufferOf(without, option), kFound) << "cut, and no error";
  }
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  for (const auto& [tunable, option] :
       {SideRow{kRmemMax, SO_RCVBUF}, SideRow{kWmemMax, SO_SNDBUF}}) {
    const size_t from = daemon.Lines().size();
    const UniqueFd cut = Asks(option, kAsked);
    EXPECT_EQ(BufferOf(cut, option), kFound);

    EXPECT_TRUE(daemon.WaitForLine(
        kRaised + std::string(tunable) + "\\(max\\) from \\(212992\\) -> \\(2000000\\)", kPatience,
        from));
    EXPECT_TRUE(daemon.WaitForLine(
        "^'udp_buffer_requ' \\(process " + std::to_string(getpid()) +
            "\\) asked for a socket buffer of 2000000 bytes and was given 212992 without an "
            "error\\. .* gets the new size at its next request .* Open sockets that were cut: 1\\.",
        kPatience, from));

    EXPECT_EQ(BufferOf(cut, option), kFound) << "it keeps what it was given";
    EXPECT_EQ(SetBuffer(cut, option, kAsked), 0);
    EXPECT_EQ(BufferOf(cut, option), kAsked);
  }
  EXPECT_EQ(MachineSysctl(kRmemDefault), std::to_string(kFound));
  ASSERT_OK(daemon.Stop(kPatience));
}

TEST_F(UdpBufferRequestTest, OfASocketThatGaveUpAtOnceCountsToo) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  Asks(SO_RCVBUF, kAsked);  // and closes it
  EXPECT_TRUE(
      daemon.WaitForLine(kRaised + std::string(kRmemMax) + ".* -> \\(2000000\\)", kPatience));
  EXPECT_TRUE(daemon.WaitForLine("Open sockets that were cut: 0\\.", kPatience));
}

TEST_F(UdpBufferRequestTest, OfASocketThatAskedForLessWhenItWasCutCountsToo) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  ASSERT_OK_AND_ASSIGN(const UniqueFd socket, MakeDatagramSocket(host()));
  for (int bytes = kAsked; bytes > kFound / 2; bytes /= 2) {
    ASSERT_EQ(SetBuffer(socket, SO_RCVBUF, bytes), 0);
  }
  EXPECT_TRUE(
      daemon.WaitForLine(kRaised + std::string(kRmemMax) + ".* -> \\(2000000\\)", kPatience));
}

TEST_F(UdpBufferRequestTest, ThatFitsOrIsNoNumberOrWasGrantedByPrivilegeChangesNothing) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  const UniqueFd fits = Asks(SO_RCVBUF, kFound);
  const UniqueFd most = Asks(SO_RCVBUF, 0x7fffffff);
  const UniqueFd negative = Asks(SO_RCVBUF, -1);
  const UniqueFd forced = Asks(SO_RCVBUF, kAsked);
  ASSERT_EQ(SetBuffer(forced, SO_RCVBUFFORCE, kAsked), 0);
  ASSERT_EQ(BufferOf(forced, SO_RCVBUF), kAsked);

  EXPECT_TRUE(WaitForSummary(daemon, "'udp_buffer': 1 sockets that took more by SO_RCVBUFFORCE",
                             kPatience));
  EXPECT_TRUE(
      WaitForSummary(daemon, "'udp_buffer': 2 requests for as much as there is", kPatience));
  ASSERT_TRUE(WaitForDatagramLook(daemon));
  EXPECT_EQ(CountChanges(daemon, "net\\.core"), 0U);
  EXPECT_EQ(MachineSysctl(kRmemMax), std::to_string(kFound));
}

TEST_F(UdpBufferRequestTest, GetsNoMoreThanMemoryAllowsHoweverOftenItIsMade) {
  const auto udp_mem = ParseVector(MachineSysctl(kUdpMem));
  ASSERT_EQ(udp_mem.size(), 3U);
  const int64_t ceiling = udp_mem[1] * getpagesize() / 16;  // MAXIMUM_PART
  ASSERT_LT(ceiling, 64 << 20) << "too large a machine for this test";
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));

  std::vector<UniqueFd> sockets;
  for (int i = 1; i <= 500; ++i) sockets.push_back(Asks(SO_RCVBUF, 64 << 20));

  ASSERT_TRUE(daemon.WaitForLine(kRaised + std::string(kRmemMax), kPatience));
  EXPECT_TRUE(
      WaitForSummary(daemon, "'udp_buffer': .* raises not made because of the ceiling", kPatience));
  ASSERT_TRUE(WaitForDatagramLook(daemon));
  EXPECT_LE(std::stoll(MachineSysctl(kRmemMax)), ceiling);
  EXPECT_EQ(CountChanges(daemon, kRmemMax), 1U);
}

TEST_F(UdpBufferRequestTest, KeepsTheMaximumUpWhileItsSocketIsOpenAndNoLonger) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  const std::string lowered = "^Due to nothing needing the upper half of the socket buffer size";
  {
    const UniqueFd cut = Asks(SO_RCVBUF, kAsked);
    ASSERT_TRUE(daemon.WaitForLine(kRaised, kPatience));
    EXPECT_FALSE(daemon.WaitForLine(lowered, 15min)) << "it may ask again";
  }
  size_t from = 0;
  for (std::string value = std::to_string(kAsked); value != std::to_string(kFound);) {
    auto lower = daemon.WaitForLine(lowered, 20min, from);
    ASSERT_TRUE(lower) << "stays at " << value;
    from = lower->number + 1;
    ASSERT_TRUE(daemon.WaitForLine("asked for or lacked the upper half", 5s, from));
    const std::string next = MachineSysctl(kRmemMax);
    ASSERT_LT(std::stoi(next), std::stoi(value));
    ASSERT_GE(std::stoi(next), kFound) << "where it was found, and not below";
    value = next;
  }
  EXPECT_FALSE(daemon.WaitForLine("^Due to", 3min, from));
}

TEST_F(UdpBufferRequestTest, LeavesTheAdministratorsValueAlone) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  const UniqueFd cut = Asks(SO_RCVBUF, kAsked);
  ASSERT_TRUE(daemon.WaitForLine(kRaised, kPatience));
  ASSERT_OK(SetMachineSysctl(kRmemMax, "300000"));
  ASSERT_TRUE(daemon.WaitForLine("modified sysctl 'net.core.rmem_max'", kPatience));

  const UniqueFd another = Asks(SO_RCVBUF, 2 * kAsked);
  EXPECT_TRUE(WaitForSummary(daemon, "'udp_buffer': .* because the value is yours", kPatience));
  EXPECT_EQ(MachineSysctl(kRmemMax), "300000");
  const UniqueFd send = Asks(SO_SNDBUF, kAsked);  // the other one is not the administrator's
  EXPECT_TRUE(daemon.WaitForLine(kRaised + std::string(kWmemMax), kPatience));
}

TEST_F(UdpBufferRequestTest, IsSaidButNotGrantedInADryRun) {
  ASSERT_OK_AND_ASSIGN(WriteWatch watch, WriteWatch::Create());
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}, {"--dry-run"}));
  const UniqueFd cut = Asks(SO_RCVBUF, kAsked);
  EXPECT_TRUE(daemon.WaitForLine("would change net.core.rmem_max.* -> \\(2000000\\)", kPatience));
  EXPECT_EQ(MachineSysctl(kRmemMax), std::to_string(kFound));
  ASSERT_OK(daemon.Stop(kPatience));
  ASSERT_OK_AND_ASSIGN(const auto opened, watch.ClosedBy(daemon.pid()));
  EXPECT_EQ(opened, std::vector<std::string>());
}

TEST_F(UdpBufferRequestTest, MaximumGoesBackAtTheEndWhereSoAsked) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}, {"-R"}));
  const UniqueFd cut = Asks(SO_RCVBUF, kAsked);
  ASSERT_TRUE(daemon.WaitForLine(kRaised, kPatience));
  ASSERT_EQ(MachineSysctl(kRmemMax), std::to_string(kAsked));
  ASSERT_OK(daemon.Stop(kPatience));
  EXPECT_EQ(MachineSysctl(kRmemMax), std::to_string(kFound));
}

// The program at setsockopt is shown no more than a page of what is passed; nobody is to notice.
TEST_F(UdpBufferRequestTest, WithMoreThanAPageBehindItIsAsItAlwaysWas) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  ASSERT_OK_AND_ASSIGN(UniqueFd socket, MakeDatagramSocket(host()));
  std::vector<int> value(10'000, kAsked);
  const auto length = static_cast<socklen_t>(value.size() * sizeof(int));
  EXPECT_EQ(setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, value.data(), length), 0);
  EXPECT_EQ(setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, value.data(), 3), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, nullptr, sizeof(int)), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_TRUE(daemon.WaitForLine(kRaised + std::string(kRmemMax), kPatience));
}

// A program that refuses every setsockopt(), while the link is there.
Result<UniqueFd> RefuseAll() {
  const bpf_insn refuse[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_CGROUP_SETSOCKOPT);
  const UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCKOPT, "refuse", "GPL", refuse,
                                       std::size(refuse), &options));
  auto cgroup = OpenCgroupRoot();
  if (!cgroup) return cgroup.error();
  UniqueFd link(bpf_link_create(program.get(), cgroup->get(), BPF_CGROUP_SETSOCKOPT, nullptr));
  if (!link) return Error::FromErrno("attaching a program at setsockopt");
  return link;
}

TEST_F(UdpBufferRequestTest, ThatAnotherProgramRefusesStaysRefused) {
  ASSERT_OK_AND_ASSIGN(UniqueFd socket, MakeDatagramSocket(host()));
  ASSERT_OK_AND_ASSIGN(UniqueFd before, RefuseAll());
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  EXPECT_EQ(SetBuffer(socket, SO_RCVBUF, 100'000), EPERM);
  before.reset();
  EXPECT_EQ(SetBuffer(socket, SO_RCVBUF, 100'000), 0);
  ASSERT_OK_AND_ASSIGN(const UniqueFd after, RefuseAll());
  EXPECT_EQ(SetBuffer(socket, SO_RCVBUF, 100'000), EPERM);
}

}  // namespace
}  // namespace bpftune::testing
