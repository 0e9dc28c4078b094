// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// There is one daemon for a set of namespaces.

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/host.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

class OneInstanceTest : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

TEST_F(OneInstanceTest, ASecondDaemonForTheSameNamespacesIsRefusedAndTheFirstOneNamed) {
  ASSERT_OK_AND_ASSIGN(Host a, Host::Create("a"));
  ASSERT_OK_AND_ASSIGN(Host b, Host::Create("b"));
  ASSERT_OK_AND_ASSIGN(Daemon first, StartDaemon({&a, &b}));

  // In whatever order they are given.
  ASSERT_OK_AND_ASSIGN(Daemon second,
                       Daemon::Start(kDaemonPath, Apart({"-s", "-l", kTunersPath, "-n",
                                                         b.netns_path(), "-n", a.netns_path()})));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, second.WaitForExit(30s));

  EXPECT_EQ(exit.code, 1);
  EXPECT_EQ(
      second.CountLines("cannot start: another bpftune \\(pid " + std::to_string(first.pid()) +
                        "\\) tunes the same namespaces; stop it first"),
      1U);
  EXPECT_TRUE(first.IsRunning());
}

TEST_F(OneInstanceTest, DaemonsForOtherNamespacesRunSideBySide) {
  ASSERT_OK_AND_ASSIGN(Host a, Host::Create("a"));
  ASSERT_OK_AND_ASSIGN(Host b, Host::Create("b"));
  ASSERT_OK_AND_ASSIGN(Daemon first, StartDaemon({&a}));

  EXPECT_OK(StartDaemon({&b}));
}

TEST_F(OneInstanceTest, WhatWorksCanBeAskedBesideARunningDaemon) {
  ASSERT_OK_AND_ASSIGN(Host a, Host::Create("a"));
  ASSERT_OK_AND_ASSIGN(Daemon first, StartDaemon({&a}));

  ASSERT_OK_AND_ASSIGN(
      Daemon support,
      Daemon::Start(kDaemonPath, Apart({"-S", "-l", kTunersPath, "-n", a.netns_path()})));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, support.WaitForExit(30s));

  EXPECT_EQ(exit.code, 0);
}

TEST_F(OneInstanceTest, AKilledDaemonIsNotInTheWayOfTheNext) {
  ASSERT_OK_AND_ASSIGN(Host a, Host::Create("a"));
  ASSERT_OK_AND_ASSIGN(Daemon first, StartDaemon({&a}));
  ASSERT_OK(first.Kill());

  EXPECT_OK(StartDaemon({&a}));
}

TEST_F(OneInstanceTest, AnUnusableRunDirectoryIsNamed) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon,
                       Daemon::Start(kDaemonPath, {"-s", "-l", kTunersPath, "--run-dir",
                                                   "/proc/self/none", "--pin-dir", ""}));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(30s));

  EXPECT_EQ(exit.code, 1);
  EXPECT_EQ(daemon.CountLines("cannot start: making the folder '/proc/self/none'"), 1U);
}

}  // namespace
}  // namespace bpftune::testing
