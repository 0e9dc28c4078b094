// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// A shell script plays the daemon.
#include "testing/netns_harness/daemon.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "testing/netns_harness/expect.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

Result<Daemon> StartScript(const std::string& script, const DaemonOptions& options = {}) {
  return Daemon::Start("/bin/sh", {"-c", script}, options);
}

// Goes on until a signal comes; `trap` decides what then.
constexpr char kIdle[] = "while :; do sleep 0.05; done";

TEST(DaemonTest, FindsALineThatIsPrintedLater) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartScript("echo one; sleep 0.2; echo change 4 '->' 8"));

  ASSERT_OK_AND_ASSIGN(Line line, Found(daemon.WaitForLine("change ([0-9]+) -> ([0-9]+)", 10s)));

  EXPECT_EQ(line.number, 1U);
  EXPECT_EQ(line.text, "change 4 -> 8");
  EXPECT_EQ(line.captures, (std::vector<std::string>{"4", "8"}));
}

TEST(DaemonTest, FindsTheNextOfSeveralLines) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartScript("echo up 1; echo down; echo up 2"));

  ASSERT_OK_AND_ASSIGN(Line first, Found(daemon.WaitForLine("up", 10s)));
  ASSERT_OK_AND_ASSIGN(Line second, Found(daemon.WaitForLine("up", 10s, first.number + 1)));

  EXPECT_EQ(second.text, "up 2");
  EXPECT_EQ(daemon.CountLines("^up"), 2U);
}

TEST(DaemonTest, DoesNotWaitForALineThatCanNoLongerCome) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartScript("echo only this"));
  auto start = std::chrono::steady_clock::now();

  EXPECT_FALSE(daemon.WaitForLine("something else", 30s));

  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
}

TEST(DaemonTest, GivesUpWaitingAtTheDeadline) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartScript(kIdle));

  EXPECT_FALSE(daemon.WaitForLine("never", 50ms));
  EXPECT_TRUE(daemon.IsRunning());
}

TEST(DaemonTest, StopReturnsTheStatusAndTheLastWordsOfBothStreams) {
  ASSERT_OK_AND_ASSIGN(
      Daemon daemon,
      StartScript("trap 'echo summary; printf unfinished >&2; exit 3' TERM; echo ready; " +
                  std::string(kIdle)));
  ASSERT_TRUE(daemon.WaitForLine("ready", 10s));

  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());

  EXPECT_EQ(exit.code, 3);
  EXPECT_EQ(exit.signal, 0);
  EXPECT_EQ(exit.lines, (std::vector<std::string>{"ready", "summary", "unfinished"}));
}

TEST(DaemonTest, ADaemonThatIgnoresSigtermIsAnErrorAndIsKilled) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon,
                       StartScript("trap '' TERM; echo ready; while :; do sleep 0.05; done"));
  ASSERT_TRUE(daemon.WaitForLine("ready", 10s));

  EXPECT_FALSE(daemon.Stop(100ms));

  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(10s));
  EXPECT_EQ(exit.signal, SIGKILL);
}

TEST(DaemonTest, KillIsSigkill) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartScript("exec sleep 1000"));

  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Kill());

  EXPECT_EQ(exit.signal, SIGKILL);
  EXPECT_FALSE(daemon.IsRunning());
}

TEST(DaemonTest, DiesWithItsObject) {
  pid_t pid;
  {
    ASSERT_OK_AND_ASSIGN(Daemon daemon, StartScript("exec sleep 1000"));
    pid = daemon.pid();
  }
  EXPECT_NE(kill(pid, 0), 0);
}

TEST(DaemonTest, SeesItsArgumentsAndEnvironment) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon,
                       StartScript("echo $COLOUR", {.environment = {"COLOUR=blue"}}));
  EXPECT_TRUE(daemon.WaitForLine("^blue$", 10s));
}

TEST(DaemonTest, SaysWhatCouldNotBeStarted) {
  auto daemon = Daemon::Start("/no/such/daemon", {});
  ASSERT_FALSE(daemon);
  EXPECT_NE(daemon.error().message().find("/no/such/daemon"), std::string::npos);
  EXPECT_EQ(daemon.error().code(), ENOENT);
}

}  // namespace
}  // namespace bpftune::testing
