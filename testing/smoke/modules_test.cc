// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Congestion control that is in modules: the daemon has the kernel load it as it starts; where the
// kernel does not, the rest works and the log says what is missing. Unloads modules of the machine,
// so it must be one of the test's own.

#include "controller/modules.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>

#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/conn_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 120s;  // of an emulated machine

bool KernelHas(const std::string& algorithm) {
  std::ifstream file("/proc/sys/net/ipv4/tcp_available_congestion_control");
  using Words = std::istream_iterator<std::string>;
  return std::find(Words(file), Words(), algorithm) != Words();
}

// False: something still uses it.
bool Unload(const std::string& algorithm) {
  syscall(SYS_delete_module, ("tcp_" + algorithm).c_str(), O_NONBLOCK);  // or it is not there
  return !KernelHas(algorithm);
}

class ModulesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!getenv("BPFTUNE_MACHINE_OF_ITS_OWN")) GTEST_SKIP() << "NOT RUN, unloads modules";
    BPFTUNE_NEEDS_PRIVILEGE();
    // A program of the last daemon that calls into bbr is freed some time after it.
    for (const char* algorithm : {"bbr", "htcp"}) {
      ASSERT_TRUE(EventuallyTrue([&] { return Unload(algorithm); }, kPatience)) << algorithm;
    }
  }

  // What the kernel runs, with "-q -- NAME", to have a module loaded.
  static void SetModprobe(const std::string& path) {
    std::ofstream("/proc/sys/kernel/modprobe") << path << std::endl;
  }
  // One that finds the modules where tools/vm puts them.
  static void LetModulesBeLoaded() {
    const std::string path = ::testing::TempDir() + "modprobe";
    std::ofstream(path) << "#!/bin/sh\n"
                           "exec /bin/busybox insmod /usr/lib/vm/modules/$3.ko\n";
    ASSERT_EQ(chmod(path.c_str(), 0755), 0);
    SetModprobe(path);
  }
};

TEST_F(ModulesTest, AreLoadedWhenTheDaemonStarts) {
  LetModulesBeLoaded();
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("host"));

  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&host}));

  EXPECT_TRUE(KernelHas("bbr"));
  EXPECT_TRUE(KernelHas("htcp"));
}

// bbr allows itself to everybody when it is loaded.
TEST_F(ModulesTest, ThatTheAdministratorDoesNotListAreNotUsed) {
  LetModulesBeLoaded();
  ASSERT_OK_AND_ASSIGN(LossyPath path,
                       LossyPath::Create({.rate_mbit = 20, .delay_ms = 20, .loss_percent = 5}));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  std::ofstream("/proc/sys/net/ipv4/tcp_allowed_congestion_control") << "reno cubic" << std::endl;
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));

  EXPECT_TRUE(
      daemon.WaitForLine("^'bbr' would help the connection with .* does not list it", kPatience));
  EXPECT_EQ(AlgorithmOf(flow), path.algorithm);
}

TEST_F(ModulesTest, AreLoadedByNobodyWhoOnlyAsksWhatWorks) {
  LetModulesBeLoaded();

  ASSERT_OK_AND_ASSIGN(Daemon support, Daemon::Start(kDaemonPath, {"-S", "-l", kTunersPath}));
  ASSERT_OK(support.WaitForExit(kPatience));

  EXPECT_FALSE(KernelHas("bbr"));
  EXPECT_FALSE(KernelHas("htcp"));
  EXPECT_EQ(support.CountLines("^tcp_conn +module +- htcp is not among what is tried .*tcp_htcp: "
                               "the kernel has no 'htcp' yet"),
            1U);
}

TEST_F(ModulesTest, ThatCannotBeLoadedAreMissedWhereTheyAreNeededAndUsedOnceTheyAreThere) {
  SetModprobe("/bin/false");
  ASSERT_OK_AND_ASSIGN(LossyPath path,
                       LossyPath::Create({.rate_mbit = 20, .delay_ms = 20, .loss_percent = 5}));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get(), path.b.get()}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, StartFlow(path));

  EXPECT_TRUE(
      daemon.WaitForLine("^The kernel would not set 'bbr' for .*modprobe tcp_bbr", kPatience));
  EXPECT_EQ(AlgorithmOf(flow), path.algorithm);

  LetModulesBeLoaded();
  ASSERT_OK(LookForModule("tcp_bbr", ModuleUse::kLoad));
  EXPECT_TRUE(EventuallyTrue([&] { return HasBbr(flow); }, kPatience));
}

}  // namespace
}  // namespace bpftune::testing
