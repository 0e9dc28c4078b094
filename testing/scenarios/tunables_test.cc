// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// What the tuners say of their tunables is what the kernel has; and tunables of different tuners
// have nothing in common, though each tuner counts its own from 0.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "controller/bpf_handles.h"
#include "controller/description.h"
#include "controller/sysctl_name.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/asker.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/listen_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

std::vector<Tunable> TunablesOfAll() {
  std::vector<Tunable> out;
  for (const auto& entry : std::filesystem::directory_iterator(kTunersPath)) {
    if (!entry.path().string().ends_with(".bpf.o")) continue;
    auto object = OpenObject(entry.path());
    EXPECT_OK(object);
    auto description = object ? ReadDescription(object->get()) : object.error();
    EXPECT_OK(description);
    if (description) {
      std::ranges::copy(description->tunables, std::back_inserter(out));
    }
  }
  return out;
}

// The kernel reads and prints them in decimal. A bitmap, of CPUs or ports, is printed and read in
// another way; a word is no number.
TEST(TunablesTest, AreDecimalNumbersAsManyAsTheirTunerSays) {
  size_t found = 0;
  for (const Tunable& tunable : TunablesOfAll()) {
    if (tunable.on_sockets || IsOfEachDevice(tunable.name)) continue;
    EXPECT_EQ(tunable.name.find("bitmap"), std::string::npos) << tunable.name;
    EXPECT_EQ(tunable.name.find("mask"), std::string::npos) << tunable.name;
    std::vector<int64_t> values;
    for (const std::string& file : FilesOf(tunable.name)) {
      std::ifstream in("/proc/sys/" + SysctlPath(file));
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      std::ranges::copy(ParseVector(text), std::back_inserter(values));
    }
    if (values.empty()) continue;  // not on this kernel, or not in this namespace
    ++found;
    EXPECT_EQ(values.size(), tunable.values) << tunable.name;
    EXPECT_LT(tunable.min, tunable.max) << tunable.name;
    EXPECT_GE(tunable.min, 0) << tunable.name << ": none of them may become negative";
  }
  EXPECT_GE(found, 10U);
}

TEST(TunablesTest, OfTheSameNumberHaveNothingInCommon) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("server"));
  ASSERT_OK(host.SetSysctl(kSomaxconn, "128"));
  ASSERT_OK_AND_ASSIGN(TunerFolder folder, TunerFolder::Create({kSysctlObject, kAskObject,
                                                                "bpf/tuners/tcp_listen.bpf.o"}));
  ASSERT_OK_AND_ASSIGN(
      Daemon daemon,
      Daemon::Start(kDaemonPath, Apart({"-s", "-l", folder.path(), "-n", host.netns_path()})));
  ASSERT_TRUE(daemon.WaitForLine("per-netns policy", 30s));
  ASSERT_OK_AND_ASSIGN(Asker asker, Asker::Of(daemon.pid()));
  ASSERT_TRUE(asker.Raise(host));

  // The first of one tuner becomes somebody else's; the first of the other goes on.
  ASSERT_OK(Administrate(host, kAskOutputName, "2000000"));
  ASSERT_OK_AND_ASSIGN(Listener cut, ListenFor(Loopback(host), 1000));
  EXPECT_TRUE(daemon.WaitForLine("change net.core.somaxconn.* -> \\([0-9]+\\)", 30s));
  EXPECT_FALSE(asker.Raise(host));

  // And the other way round.
  ASSERT_OK(asker.GiveBack(host, kAskOutput));
  ASSERT_OK(Administrate(host, kSomaxconn, "500"));
  EXPECT_TRUE(asker.Raise(host));
  ASSERT_OK_AND_ASSIGN(const std::string stands, host.GetSysctl(kSomaxconn));
  EXPECT_EQ(stands, "500");
}

}  // namespace
}  // namespace bpftune::testing
