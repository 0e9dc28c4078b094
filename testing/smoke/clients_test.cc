// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Programs that users have, whose business is the whole machine's; so it must be a machine of the
// test's own.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/client_case.h"
#include "testing/scenarios/datagram_case.h"
#include "testing/scenarios/listen_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 120s;  // of the guest's time, which passes in an instant
constexpr char kRaisedRmemMax[] =
    "^Due to need to increase max socket buffer size change net.core.rmem_max\\(max\\) from "
    "\\(212992\\) -> ";

class ClientsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!IsMachineOfItsOwn()) GTEST_SKIP() << "NOT RUN, writes the machine's own";
    BPFTUNE_NEEDS_PRIVILEGE();
    ASSERT_OK(SetMachineSysctl(kRmemMax, "212992"));
  }
};

// As a service that may not have more by privilege.
Result<Daemon> StartUnbound() {
  if (auto installed = Installed(kUnbound); !installed) return installed.error();
  const std::string file = ::testing::TempDir() + "unbound.conf";
  std::ofstream(file) << "server:\n"
                         "  so-rcvbuf: 4m\n"
                         "  interface: 127.0.0.1\n"
                         "  module-config: iterator\n"
                         "  directory: \"\"\n"
                         "  chroot: \"\"\n"
                         "  username: \"\"\n"
                         "  pidfile: \"\"\n"
                         "  use-syslog: no\n"
                         "remote-control:\n"
                         "  control-enable: no\n";
  auto unbound = StartClient(kSetpriv, {"--bounding-set", "-net_admin", "--inh-caps", "-net_admin",
                                        kUnbound.path, "-d", "-c", file});
  if (unbound && !unbound->WaitForLine("start of service", kPatience)) {
    return Error("unbound did not start");
  }
  return unbound;
}

TEST_F(ClientsTest, UnboundGetsTheReceiveBufferItAsksForWhenItIsStartedAgain) {
  constexpr char kComplaint[] = "so-rcvbuf 4194304 was not granted. Got 425984";
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  {
    ASSERT_OK_AND_ASSIGN(Daemon unbound, StartUnbound());
    EXPECT_EQ(unbound.CountLines(kComplaint), 1U);
    EXPECT_TRUE(daemon.WaitForLine(std::string(kRaisedRmemMax) + "\\(4194304\\)", kPatience));
    EXPECT_TRUE(daemon.WaitForLine("^'unbound' \\(process " + std::to_string(unbound.pid()) +
                                       "\\) asked for a socket buffer of 4194304 bytes",
                                   kPatience));
    ASSERT_OK(unbound.Stop(kPatience));
  }
  ASSERT_OK_AND_ASSIGN(Daemon unbound, StartUnbound());
  EXPECT_EQ(unbound.CountLines("so-rcvbuf"), 0U);
  ASSERT_OK(unbound.Stop(kPatience));
  ASSERT_OK(daemon.Stop(kPatience));
  EXPECT_EQ(CountChanges(daemon, kRmemMax), 1U);
}

TEST_F(ClientsTest, SysctlSystemMakesWhatItsFilesSayTheAdministrators) {
  ASSERT_OK_AND_ASSIGN(const Host host, Host::Create("application"));
  ASSERT_OK_AND_ASSIGN(const UniqueFd socket, MakeDatagramSocket(host));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({}));
  ASSERT_EQ(SetBuffer(socket, SO_RCVBUF, 2'000'000), 0);
  ASSERT_TRUE(daemon.WaitForLine(kRaisedRmemMax, kPatience));

  mkdir("/run/sysctl.d", 0755);
  std::ofstream("/run/sysctl.d/90-clients.conf") << "net.core.rmem_max = 300000\n"
                                                    "net.core.somaxconn = 500\n"
                                                    "net.core.wmem_max = 300000\n"
                                                    "net.ipv4.tcp_rmem = 4096 131072 3000000\n";
  ASSERT_OK(RunClient(kSysctl, {"--system"}));
  // One line for what is the machine's, one for what each namespace has for itself.
  EXPECT_TRUE(daemon.WaitForLine(
      "cmd 'sysctl' modified 2 sysctls in global ns: 'net.core.rmem_max' from \\(2000000\\) to "
      "\\(300000\\), 'net.core.wmem_max' .*; they are theirs",
      kPatience));
  EXPECT_TRUE(daemon.WaitForLine(
      "cmd 'sysctl' modified 2 sysctls in global ns: 'net.core.somaxconn' .* 'net.ipv4.tcp_rmem' "
      ".*; they are theirs",
      kPatience));

  ASSERT_EQ(SetBuffer(socket, SO_RCVBUF, 3'000'000), 0);
  EXPECT_TRUE(WaitForSummary(daemon, "'udp_buffer': .* because the value is yours", kPatience));
  ASSERT_OK(daemon.Stop(kPatience));
  EXPECT_EQ(MachineSysctl(kRmemMax), "300000");
  EXPECT_EQ(MachineSysctl(kSomaxconn), "500");
  EXPECT_EQ(MachineSysctl("net.ipv4.tcp_rmem"), "4096 131072 3000000");
}

}  // namespace
}  // namespace bpftune::testing
