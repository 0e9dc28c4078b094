// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// More tuners than there is room for are dropped in, taken away and dropped in again; files are
// moved in and out of the directory, and some are none of ours.

#include <gtest/gtest.h>
#include <stdio.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "bpf/common/state_abi.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
constexpr int kMany = TUNERS_MAX + 6;
constexpr int kLoaded = TUNERS_MAX - 2;  // there are the two watchers
constexpr char kLoads[] = "^tuner 'con[0-9]+' is loaded from";
constexpr char kUnloads[] = "^tuner 'con[0-9]+' is unloaded";

// A tuner of that name: "con0017" instead of "contest".
std::string NameOf(int number) {
  std::string digits = std::to_string(number);
  return "con" + std::string(4 - digits.size(), '0') + digits;
}
std::string Renamed(std::string object, int number) {
  const std::string name = "contest";
  for (size_t at = 0; (at = object.find(name, at)) != std::string::npos; at += name.size()) {
    object.replace(at, name.size(), NameOf(number));
  }
  return object;
}

class ObjectsManyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    ASSERT_OK_AND_ASSIGN(object_, ReadObject(kContestObject));
    ASSERT_OK_AND_ASSIGN(TunerFolder tuners, TunerFolder::Create({kSysctlObject, kNetnsObject}));
    // Not in /tmp, where everybody may write.
    ASSERT_OK_AND_ASSIGN(TunerFolder dropped, TunerFolder::Create({}, "/run"));
    ASSERT_OK_AND_ASSIGN(TunerFolder outside, TunerFolder::Create({}, "/run"));
    ASSERT_OK_AND_ASSIGN(Host host, Host::Create("tuned"));
    ASSERT_OK_AND_ASSIGN(
        Daemon daemon,
        Daemon::Start(kDaemonPath, Apart({"-s", "-l", tuners.path(), "-n", host.netns_path(),
                                          "--objects", dropped.path()})));
    ASSERT_TRUE(daemon.WaitForLine("per-netns policy", kPatience));
    folders_.push_back(std::move(tuners));
    folders_.push_back(std::move(dropped));
    folders_.push_back(std::move(outside));
    host_.push_back(std::move(host));
    daemon_.push_back(std::move(daemon));
  }

  Daemon& daemon() { return daemon_.front(); }
  std::string Inside(int number) const {
    return folders_[1].path() + "/" + NameOf(number) + ".bpf.o";
  }
  std::string Outside(int number) const {
    return folders_[2].path() + "/" + NameOf(number) + ".bpf.o";
  }
  // Written outside, then moved in.
  void MoveIn(int number) {
    ASSERT_OK(folders_[2].Add(NameOf(number) + ".bpf.o", Renamed(object_, number)));
    ASSERT_EQ(rename(Outside(number).c_str(), Inside(number).c_str()), 0);
  }
  void MoveOut(int number) {
    ASSERT_EQ(rename(Inside(number).c_str(), Outside(number).c_str()), 0);
  }
  bool Says(const std::string& pattern, size_t times) {
    return EventuallyTrue([&] { return daemon().CountLines(pattern) >= times; }, kPatience);
  }
  // It is there, and tells.
  bool Answers() {
    const size_t from = daemon().Lines().size();
    daemon().Signal(SIGUSR1);
    return daemon().WaitForLine("network namespaces appeared", kPatience, from).has_value();
  }

  std::string object_;
  std::vector<TunerFolder> folders_;  // tuners, dropped in, outside
  std::vector<Host> host_;            // one
  std::vector<Daemon> daemon_;        // likewise
};

TEST_F(ObjectsManyTest, ThatFindNoRoomAreRefusedByNameAndTheOthersGoOn) {
  for (int number = 0; number < kMany; ++number) ASSERT_NO_FATAL_FAILURE(MoveIn(number));
  EXPECT_TRUE(Says(kLoads, kLoaded));
  EXPECT_TRUE(Says("^bpftune: not loaded: .*there have been 64 tuners already", kMany - kLoaded));
  EXPECT_EQ(daemon().CountLines(kLoads), size_t{kLoaded});

  for (int number = 0; number < kMany; ++number) ASSERT_NO_FATAL_FAILURE(MoveOut(number));
  EXPECT_TRUE(Says(kUnloads, kLoaded));
  EXPECT_TRUE(Answers()) << "though what it would have told of is gone";

  for (int number = 0; number < kLoaded; ++number) ASSERT_NO_FATAL_FAILURE(MoveIn(number));
  EXPECT_TRUE(Says(kLoads, size_t{2} * kLoaded));
  EXPECT_TRUE(Answers());
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon().Stop());
  EXPECT_EQ(exit.code, 0);
}

TEST_F(ObjectsManyTest, OneThatIsMovedInAndOutComesAndGoesAndWhatHasAnotherNameIsNoTuner) {
  ASSERT_OK(folders_[1].Add("contest.bpf.o.bak", object_));
  ASSERT_OK(folders_[1].Add("contest.bpf.o~", object_));
  ASSERT_OK(folders_[1].Add(".contest.bpf.o", object_));
  for (size_t round = 1; round <= 3; ++round) {
    ASSERT_NO_FATAL_FAILURE(MoveIn(7));
    EXPECT_TRUE(Says("^tuner 'con0007' is loaded from '" + Inside(7) + "'", round));
    ASSERT_NO_FATAL_FAILURE(MoveOut(7));
    EXPECT_TRUE(Says("^tuner 'con0007' is unloaded: '" + Inside(7) + "'", round));
    EXPECT_TRUE(Answers());
  }
  EXPECT_EQ(daemon().CountLines("is loaded from"), 3U);
  EXPECT_EQ(daemon().CountLines("not loaded"), 0U);
}

}  // namespace
}  // namespace bpftune::testing
