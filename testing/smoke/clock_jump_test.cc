// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// The wall clock is set to another time, forth and back: nothing notices. For virtual machines
// only, since it is the machine's clock; run by the matrix.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string>

#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/host.h"
#include "testing/objects/asker.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

TEST(ClockJumpTest, ItGoesOnAsBefore) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_TRUE(std::getenv("BPFTUNE_MAY_SET_CLOCK")) << "this test sets the clock of its machine";
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("tuned"));
  ASSERT_OK(host.SetSysctl(kAskOutputName, "1048576"));
  ASSERT_OK_AND_ASSIGN(TunerFolder folder, TunerFolder::Create({kSysctlObject, kAskObject}));
  ASSERT_OK_AND_ASSIGN(
      Daemon daemon,
      Daemon::Start(kDaemonPath, Apart({"-s", "-l", folder.path(), "-n", host.netns_path()})));
  ASSERT_TRUE(daemon.WaitForLine("per-netns policy", 60s));
  ASSERT_OK_AND_ASSIGN(Asker asker, Asker::Of(daemon.pid()));
  EXPECT_TRUE(asker.Raise(host));

  for (const time_t jump : {86400, -2 * 86400, 86400}) {
    timespec now = {};
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += jump;
    ASSERT_EQ(clock_settime(CLOCK_REALTIME, &now), 0);
    EXPECT_TRUE(asker.Raise(host)) << jump;
  }

  ASSERT_OK_AND_ASSIGN(AdministratorWrite write, Administrate(host, kAskOutputName, "2000000"));
  EXPECT_TRUE(daemon.WaitForLine("pid " + std::to_string(write.pid) + ".* it is theirs", 60s));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop(60s));
  EXPECT_EQ(exit.code, 0);
}

}  // namespace
}  // namespace bpftune::testing
