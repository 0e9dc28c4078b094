// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// A tuner with several strategies: each is tried, then the best one stays.

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/host.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;

TEST(StrategiesTest, EachThatWorksIsTriedAndThenTheBestStays) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("host"));
  ASSERT_OK_AND_ASSIGN(TunerFolder folder, TunerFolder::Create({kSysctlObject, kContestObject}));
  ASSERT_OK_AND_ASSIGN(
      Daemon daemon,
      Daemon::Start(kDaemonPath, Apart({"-s", "-l", folder.path(), "-n", host.netns_path()})));

  EXPECT_TRUE(daemon.WaitForLine(
      "tuner 'contest': strategy 'broken' is left out: hook 'broken' does not work "
      "\\(broken__tp_btf: .*\\), continuing without it",
      kPatience));
  const std::string change = "tuner 'contest' changes its strategy from ";
  const auto second = daemon.WaitForLine(
      change + "'first' to 'second' \\(scores 30\\): it has not been tried yet", kPatience);
  ASSERT_TRUE(second);
  const auto third = daemon.WaitForLine(
      change + "'second' to 'third' \\(scores 20\\): it has not been tried yet", kPatience);
  ASSERT_TRUE(third);
  const auto best = daemon.WaitForLine(
      change + "'third' to 'second' \\(scores 30\\): its score is the highest, 30 against 20",
      kPatience);
  ASSERT_TRUE(best);
  EXPECT_LT(second->number, third->number);
  EXPECT_LT(third->number, best->number);
  // It has had at most ten beats when it was tried: so these take several judgements.
  EXPECT_TRUE(WaitForSummary(daemon, "[4-9][0-9] beats of the second", kPatience));
  EXPECT_EQ(daemon.CountLines(change), 3U);

  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(daemon.CountLines("beats of another than the one chosen"), 0U);
}

}  // namespace
}  // namespace bpftune::testing
