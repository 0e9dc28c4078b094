// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Daemons that are killed as soon as they have started, one after the other: the next one only
// observes. What is no such death, and what ends it.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "controller/kept/boot_id.h"
#include "controller/kept/starts.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/asker.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
constexpr int64_t kBefore = 1048576;
constexpr char kObserves[] =
    "3 daemons have died within 60 s of their start and none has lived longer since";

class CrashLoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    std::string pattern = ::testing::TempDir() + "crash-loop-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    run_dir_ = pattern;
    auto folder = TunerFolder::Create({kSysctlObject, kAskObject});
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    auto host = Host::Create("tuned");
    ASSERT_OK(host);
    host_.emplace(std::move(*host));
    ASSERT_OK(host_->SetSysctl(kAskOutputName, std::to_string(kBefore)));
  }
  void TearDown() override { std::filesystem::remove_all(run_dir_); }

  // Not necessarily ready.
  Result<Daemon> Begin(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {
        "-s",        "-l",     folder_->path(), "-n", host_->netns_path(),
        "--run-dir", run_dir_, "--pin-dir",     ""};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Daemon::Start(kDaemonPath, arguments);
  }
  Result<Daemon> Start(const std::vector<std::string>& more = {}) const {
    auto daemon = Begin(more);
    if (daemon && !daemon->WaitForLine("per-netns policy", kPatience)) {
      return Error("it did not start");
    }
    return daemon;
  }
  void Die(int times, const std::vector<std::string>& more = {}) const {
    for (int i = 0; i < times; ++i) {
      ASSERT_OK_AND_ASSIGN(Daemon daemon, Start(more));
      ASSERT_OK(daemon.Kill());
    }
  }

  bool Raises(const Daemon& daemon) const {
    auto asker = Asker::Of(daemon.pid());
    EXPECT_OK(asker);
    return asker && asker->Raise(*host_);
  }
  // Has what the daemon decides been done? Fails if it does not say the right thing.
  bool Acts() const {
    auto daemon = Start();
    EXPECT_OK(daemon);
    if (!daemon) return false;
    const bool acts = Raises(*daemon);
    const auto said = daemon->Stop();
    EXPECT_OK(said);
    EXPECT_EQ(daemon->CountLines(kObserves), acts ? 0U : 1U);
    EXPECT_EQ(daemon->CountLines("would change net.ipv4.tcp_limit_output_bytes"), acts ? 0U : 1U);
    return acts;
  }
  int64_t Value() const {
    auto text = host_->GetSysctl(kAskOutputName);
    return text ? std::stoll(*text) : -1;
  }
  std::string StartsFile() const {
    return std::filesystem::directory_iterator(run_dir_)->path() / Starts::kFileName;
  }
  std::optional<uint32_t> Deaths() const {
    std::string line;
    std::getline(std::ifstream(StartsFile()), line);
    const auto boot = BootId();
    return boot ? QuickDeathsIn(line + "\n", *boot) : std::nullopt;
  }

  std::string run_dir_;
  std::optional<TunerFolder> folder_;
  std::optional<Host> host_;
};

TEST_F(CrashLoopTest, AfterThreeKilledDaemonsTheNextOnlyObservesAndSaysWhyAndHowToEndThat) {
  ASSERT_NO_FATAL_FAILURE(Die(2));
  ASSERT_TRUE(Acts()) << "two are no loop";
  ASSERT_NO_FATAL_FAILURE(Die(1));
  EXPECT_FALSE(Acts());
  EXPECT_FALSE(Acts()) << "a restart does not end it";

  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
  EXPECT_TRUE(daemon.WaitForLine(kObserves, 5s));
  EXPECT_TRUE(daemon.WaitForLine(
      "so this one only observes: .*, nothing written\\. The next one acts again when this one has "
      "lived for 60 s, or when '" +
          StartsFile() + "' is removed",
      5s));
  ASSERT_OK(daemon.Stop());
  std::filesystem::remove(StartsFile());
  EXPECT_TRUE(Acts());
}

TEST_F(CrashLoopTest, WhatOnlyObservesKeepsWhatItHasAndYieldsAndPutsBack) {
  {
    ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
    ASSERT_TRUE(Raises(daemon));
    ASSERT_OK(daemon.Kill());
  }
  ASSERT_NO_FATAL_FAILURE(Die(2));
  EXPECT_EQ(Value(), kBefore + 1) << "what was written stays";

  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start({"-R"}));
  EXPECT_FALSE(Raises(daemon));
  ASSERT_OK_AND_ASSIGN(Daemon second, Begin());
  EXPECT_TRUE(second.WaitForLine("another bpftune \\(pid [0-9]+\\) tunes the same", kPatience));
  ASSERT_OK(Administrate(*host_, kAskPortsName, "20000 50000"));
  EXPECT_TRUE(daemon.WaitForLine(ModifiedIn(*host_, kAskPortsName), kPatience));
  ASSERT_OK(daemon.Stop());
  EXPECT_EQ(Value(), kBefore);
}

TEST_F(CrashLoopTest, ADaemonThatIsKilledBeforeItIsReadyCountsToo) {
  for (uint32_t death = 1; death <= 3; ++death) {
    ASSERT_OK_AND_ASSIGN(Daemon daemon, Begin());
    ASSERT_TRUE(EventuallyTrue(
        [&] { return !std::filesystem::is_empty(run_dir_) && Deaths() == death; }, kPatience));
    ASSERT_OK(daemon.Kill());
  }
  EXPECT_FALSE(Acts());
}

TEST_F(CrashLoopTest, OwnDecisionsAndDryRunsAreNoDeaths) {
  ASSERT_NO_FATAL_FAILURE(Die(2));
  for (const int signal : {SIGTERM, SIGINT}) {
    ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
    daemon.Signal(signal);
    ASSERT_OK(daemon.WaitForExit(kPatience));
  }
  // Refused on the command line, and with all tuners loaded.
  for (const char* program : {"--no-such-option", "--without-hook=no_such_program"}) {
    ASSERT_OK_AND_ASSIGN(Daemon daemon, Begin({program}));
    ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(kPatience));
    EXPECT_NE(exit.code, 0) << program;
  }
  ASSERT_NO_FATAL_FAILURE(Die(2, {"--dry-run"}));
  EXPECT_EQ(Deaths(), 2U);
  EXPECT_TRUE(Acts());
}

TEST_F(CrashLoopTest, DeathsOfAnotherBootAreForgotten) {
  ASSERT_NO_FATAL_FAILURE(Die(3));
  ASSERT_EQ(Deaths(), 3U);
  std::ofstream(StartsFile()) << StartsLine("7c5f4d31-0d5d-4a1f-8c39-5b1c7f3b0a11", 3);
  EXPECT_TRUE(Acts());
}

TEST_F(CrashLoopTest, ADamagedFileIsSaidAndCountsForNothing) {
  ASSERT_NO_FATAL_FAILURE(Die(3));
  std::ofstream(StartsFile()) << std::string(1 << 20, '3');
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
  EXPECT_TRUE(daemon.WaitForLine("/starts' is damaged, so earlier deaths are forgotten", 5s));
  EXPECT_TRUE(Raises(daemon));
}

// Takes that minute.
TEST_F(CrashLoopTest, ADaemonThatLivesForAMinuteEndsIt) {
  ASSERT_NO_FATAL_FAILURE(Die(3));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
  EXPECT_TRUE(EventuallyTrue([&] { return Deaths() == 0U; }, 3 * kPatience));
  EXPECT_FALSE(Raises(daemon)) << "this one goes on as it began";
  ASSERT_OK(daemon.Kill());
  EXPECT_EQ(Deaths(), 0U) << "it has lived";
  EXPECT_TRUE(Acts());
}

}  // namespace
}  // namespace bpftune::testing
