// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Applications that ask listen() for more than net.core.somaxconn. Runs on other kernels too, in
// emulation, so nothing here depends on how long something takes.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/listen_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;

class ListenBacklog : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    ASSERT_OK_AND_ASSIGN(Host host, Host::Create("server"));
    ASSERT_OK(host.SetSysctl(kSomaxconn, "128"));
    host_.push_back(std::move(host));
    ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&host_.front()}));
    daemon_.push_back(std::move(daemon));
  }

  const Host& host() { return host_.front(); }
  Daemon& daemon() { return daemon_.front(); }
  Result<Listener> Listen(int backlog) { return ListenFor(Loopback(host()), backlog); }

  std::vector<Host> host_;      // one
  std::vector<Daemon> daemon_;  // likewise
};

TEST_F(ListenBacklog, ThatWasCutIsRaisedToWhatWasAskedForAndSaysWhoProfits) {
  ASSERT_OK_AND_ASSIGN(Listener cut, Listen(1000));

  ASSERT_TRUE(daemon().WaitForLine(OccurredIn(host(), kSomaxconn), kPatience));
  EXPECT_TRUE(daemon().WaitForLine(
      "^Due to need to increase max listen backlog change net.core.somaxconn\\(max\\) from "
      "\\(128\\) -> \\(1000\\)",
      kPatience));
  EXPECT_TRUE(daemon().WaitForLine("^The application on port " +
                                       std::to_string(cut.address.port()) +
                                       " asked listen\\(\\) for a backlog of 1000 and was given "
                                       "128\\. .* must listen again",
                                   kPatience));

  EXPECT_EQ(BacklogOf(cut), 128U);
  ASSERT_EQ(listen(cut.socket.get(), 1000), 0);
  EXPECT_EQ(BacklogOf(cut), 1000U);
}

TEST_F(ListenBacklog, ThatFitsOrAsksForWhateverThereIsChangesNothing) {
  ASSERT_OK_AND_ASSIGN(Listener fits, Listen(128));
  ASSERT_OK_AND_ASSIGN(Listener most, Listen(kAsMuchAsThereIs));
  ASSERT_OK_AND_ASSIGN(Listener negative, Listen(-1));

  EXPECT_TRUE(WaitForSummary(daemon(), "'tcp_listen': 3 listeners seen", kPatience));
  ASSERT_OK(daemon().Stop(kPatience));

  EXPECT_EQ(CountChanges(daemon(), kSomaxconn), 0U);
  EXPECT_EQ(daemon().CountLines("whose backlog was not read"), 0U);
}

TEST_F(ListenBacklog, OfTheAdministratorStandsWhateverIsAskedFor) {
  ASSERT_OK_AND_ASSIGN(Listener cut, Listen(1000));
  ASSERT_TRUE(daemon().WaitForLine("change net.core.somaxconn.* -> \\(1000\\)", kPatience));
  ASSERT_OK_AND_ASSIGN(AdministratorWrite write, Administrate(host(), kSomaxconn, "500"));
  ASSERT_EQ(write.error, 0);
  ASSERT_TRUE(daemon().WaitForLine(ModifiedIn(host(), kSomaxconn), kPatience));

  ASSERT_OK_AND_ASSIGN(Listener another, Listen(20000));
  EXPECT_TRUE(WaitForSummary(daemon(), "'tcp_listen': .* because the value is yours", kPatience));

  ASSERT_OK_AND_ASSIGN(std::string stands, host().GetSysctl(kSomaxconn));
  EXPECT_EQ(stands, "500");
  EXPECT_EQ(CountChanges(daemon(), kSomaxconn), 1U);
}

// His first write there, in a namespace that is older than the daemon, before anything else.
TEST_F(ListenBacklog, OfTheAdministratorStandsWhereNothingHasHappenedYet) {
  ASSERT_OK_AND_ASSIGN(AdministratorWrite write, Administrate(host(), kSomaxconn, "500"));
  ASSERT_EQ(write.error, 0);

  ASSERT_OK_AND_ASSIGN(Listener cut, Listen(1000));
  EXPECT_TRUE(WaitForSummary(daemon(), "'tcp_listen': .* because the value is yours", kPatience));

  ASSERT_OK_AND_ASSIGN(std::string stands, host().GetSysctl(kSomaxconn));
  EXPECT_EQ(stands, "500");
  EXPECT_EQ(CountChanges(daemon(), kSomaxconn), 0U);
}

}  // namespace
}  // namespace bpftune::testing
