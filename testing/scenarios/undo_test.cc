// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// What the daemon has changed goes back: after it was killed, as it ends, and by the next one; and
// what it has not changed stays, in a dry run and while it is frozen.

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "bpf/common/state_abi.h"
#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/asker.h"
#include "testing/objects/held_objects.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr char kOutput[] = "net.ipv4.tcp_limit_output_bytes";
constexpr char kPorts[] = "net.ipv4.ip_local_port_range";
constexpr char kBefore[] = "1048576";
constexpr char kAfter[] = "2097152";
constexpr char kTheirs[] = "777777";
constexpr char kPortsBefore[] = "20000 40000";
constexpr char kPortsAfter[] = "21000 41000";
constexpr char kPortsTheirs[] = "30000 50000";

class UndoTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    std::string pattern = ::testing::TempDir() + "undo-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    run_dir_ = pattern;
    auto folder = TunerFolder::Create({kSysctlObject, kAskObject});
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    for (auto [host, name] : {std::pair{&a_, "first"}, {&b_, "second"}}) {
      auto created = Host::Create(name);
      ASSERT_OK(created);
      host->emplace(std::move(*created));
      ASSERT_OK((*host)->SetSysctl(kOutput, kBefore));
      ASSERT_OK((*host)->SetSysctl(kPorts, kPortsBefore));
    }
  }
  void TearDown() override { std::filesystem::remove_all(run_dir_); }

  Result<Daemon> Start(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {
        "-s",        "-l",     folder_->path(), "-n", a_->netns_path(), "-n", b_->netns_path(),
        "--run-dir", run_dir_, "--pin-dir",     ""};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto daemon = Daemon::Start(kDaemonPath, arguments);
    if (daemon && !daemon->WaitForLine("per-netns policy", 30s)) return Error("it did not start");
    return daemon;
  }

  // Exit code and lines of `bpftune --undo`.
  Result<DaemonExit> Undo() const {
    auto undo = Daemon::Start(kDaemonPath, {"--undo", "--run-dir", run_dir_});
    if (!undo) return undo.error();
    return undo->WaitForExit(30s);
  }

  // Has the daemon decide that; until it has answered.
  static void Ask(const Daemon& daemon, const Host& host, uint16_t tunable,
                  const std::string& wanted) {
    ASSERT_OK_AND_ASSIGN(Asker asker, Asker::Of(daemon.pid()));
    const char* name = tunable == kAskOutput ? kOutput : kPorts;
    ASSERT_OK_AND_ASSIGN(const std::string seen, host.GetSysctl(name));
    const request record = asker.Set(host, tunable, ParseVector(seen), ParseVector(wanted));
    ASSERT_OK(asker.Ask(record));
    EXPECT_TRUE(EventuallyTrue([&] { return asker.IsAnswered(record); }, 5s));
  }
  static void Change(const Daemon& daemon, const Host& host, uint16_t tunable,
                     const std::string& wanted) {
    ASSERT_NO_FATAL_FAILURE(Ask(daemon, host, tunable, wanted));
    const char* name = tunable == kAskOutput ? kOutput : kPorts;
    EXPECT_TRUE(EventuallyTrue([&] { return ValueOf(host, name) == wanted; }, 5s)) << wanted;
  }

  static std::string ValueOf(const Host& host, const std::string& name) {
    auto text = host.GetSysctl(name);
    return text ? *text : text.error().message();
  }
  static size_t Count(const DaemonExit& exit, const std::string& part) {
    return static_cast<size_t>(
        std::count_if(exit.lines.begin(), exit.lines.end(),
                      [&](const std::string& line) { return line.find(part) != line.npos; }));
  }
  // The one of the daemon under test.
  std::filesystem::path InstanceFolder() const {
    return std::filesystem::directory_iterator(run_dir_)->path();
  }

  std::string run_dir_;
  std::optional<TunerFolder> folder_;
  std::optional<Host> a_;
  std::optional<Host> b_;
};

TEST_F(UndoTest, KilledDaemonsChangesGoBackInEachNamespaceButNotTheAdministrators) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
  Change(daemon, *a_, kAskOutput, "1500000");
  Change(daemon, *a_, kAskOutput, kAfter);
  Change(daemon, *b_, kAskOutput, kAfter);
  Change(daemon, *a_, kAskPorts, kPortsAfter);
  Change(daemon, *b_, kAskPorts, kPortsAfter);
  ASSERT_OK(Administrate(*a_, kPorts, kPortsTheirs));
  ASSERT_TRUE(daemon.WaitForLine(ModifiedIn(*a_, kPorts), 10s));
  ASSERT_OK(daemon.Kill());
  ASSERT_OK(Administrate(*b_, kOutput, kTheirs));  // nobody sees it

  ASSERT_OK_AND_ASSIGN(DaemonExit exit, Undo());

  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(ValueOf(*a_, kOutput), kBefore);
  EXPECT_EQ(ValueOf(*b_, kOutput), kTheirs);
  EXPECT_EQ(ValueOf(*a_, kPorts), kPortsTheirs);
  EXPECT_EQ(ValueOf(*b_, kPorts), kPortsBefore);
  EXPECT_EQ(Count(exit, "went back from (2097152) to (1048576)"), 1U);
  EXPECT_EQ(Count(exit, "went back from (21000 41000) to (20000 40000)"), 1U);
  EXPECT_EQ(Count(exit,
                  "is (777777) where bpftune had written (2097152): somebody else changed "
                  "it; left alone"),
            1U);
  // There is nothing more to undo: not even what now holds the same number again.
  ASSERT_OK(a_->SetSysctl(kOutput, kAfter));
  ASSERT_OK_AND_ASSIGN(DaemonExit again, Undo());
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(ValueOf(*a_, kOutput), kAfter);
}

TEST_F(UndoTest, DaemonThatRunsIsNotUndoneBehindItsBack) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
  Change(daemon, *a_, kAskOutput, kAfter);
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, Undo());
  EXPECT_EQ(exit.code, 1);
  EXPECT_EQ(Count(exit, "tunes the same namespaces; stop it first"), 1U);
  EXPECT_EQ(ValueOf(*a_, kOutput), kAfter);
}

TEST_F(UndoTest, NamespaceThatIsGoneIsNoFailure) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
  Change(daemon, *a_, kAskOutput, kAfter);
  Change(daemon, *b_, kAskOutput, kAfter);
  ASSERT_OK(daemon.Kill());
  b_.reset();
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, Undo());
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(ValueOf(*a_, kOutput), kBefore);
}

TEST_F(UndoTest, DaemonStartedWithRollbackTakesItsChangesBackAsItEnds) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start({"--rollback"}));
  Change(daemon, *a_, kAskOutput, kAfter);
  Change(daemon, *b_, kAskOutput, kAfter);
  ASSERT_OK(Administrate(*b_, kOutput, kTheirs));
  ASSERT_TRUE(daemon.WaitForLine(ModifiedIn(*b_, kOutput), 10s));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(Count(exit, "went back from (2097152) to (1048576)"), 1U);
  EXPECT_EQ(ValueOf(*a_, kOutput), kBefore);
  EXPECT_EQ(ValueOf(*b_, kOutput), kTheirs);
  EXPECT_FALSE(std::filesystem::exists(InstanceFolder() / "undo.journal"));
}

TEST_F(UndoTest, DaemonStoppedWithoutItLeavesItsValuesAndTheMeansToUndoThem) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
  Change(daemon, *a_, kAskOutput, kAfter);
  ASSERT_OK(daemon.Stop());
  EXPECT_EQ(ValueOf(*a_, kOutput), kAfter);
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, Undo());
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(ValueOf(*a_, kOutput), kBefore);
}

TEST_F(UndoTest, TheNextDaemonKnowsWhichValuesAreOursAndWhatWasThereBeforeTheFirst) {
  {
    ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
    Change(daemon, *a_, kAskOutput, kAfter);
    Change(daemon, *b_, kAskOutput, kAfter);
    ASSERT_OK(daemon.Kill());
  }
  ASSERT_OK(Administrate(*b_, kOutput, kTheirs));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
  EXPECT_TRUE(daemon.WaitForLine(
      "is \\(777777\\) where bpftune had written \\(2097152\\): somebody else changed it", 10s));
  Change(daemon, *a_, kAskOutput, "3000000");
  Ask(daemon, *b_, kAskOutput, "3000000");
  EXPECT_EQ(ValueOf(*b_, kOutput), kTheirs);
  EXPECT_EQ(daemon.CountLines("somebody else changed it"), 1U);
  ASSERT_OK(daemon.Kill());
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, Undo());
  EXPECT_EQ(ValueOf(*a_, kOutput), kBefore);
  EXPECT_EQ(ValueOf(*b_, kOutput), kTheirs);
}

TEST_F(UndoTest, DryRunSaysWhatItWouldDoAndLeavesNoTrace) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start({"--dry-run"}));
  ASSERT_TRUE(daemon.WaitForLine("this is a dry run", 10s));
  Ask(daemon, *a_, kAskOutput, kAfter);
  EXPECT_TRUE(daemon.WaitForLine(
      "would change net.ipv4.tcp_limit_output_bytes\\(bytes\\) from \\(1048576\\) -> "
      "\\(2097152\\)",
      10s));
  EXPECT_EQ(ValueOf(*a_, kOutput), kBefore);
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(Count(exit, "changed from"), 0U);
}

TEST_F(UndoTest, NothingIsChangedWhileTheFreezeFileIsThere) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
  const auto freeze = InstanceFolder() / "freeze";
  std::ofstream(freeze).close();
  ASSERT_TRUE(daemon.WaitForLine("/freeze' is there: nothing is changed", 10s));
  Ask(daemon, *a_, kAskOutput, kAfter);
  EXPECT_EQ(ValueOf(*a_, kOutput), kBefore);
  std::filesystem::remove(freeze);
  ASSERT_TRUE(daemon.WaitForLine("/freeze' was removed: tuning goes on", 10s));
  Change(daemon, *a_, kAskOutput, kAfter);
}

TEST_F(UndoTest, PausedTunerChangesNothing) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
  ASSERT_OK_AND_ASSIGN(HeldObjects held, HeldObjects::Of(daemon.pid()));
  ASSERT_OK_AND_ASSIGN(UniqueFd control, held.Map(MAP_CONTROL));
  const auto pause_all = [&](uint32_t paused) {
    const tuner_control value = {.paused = paused, .observe = 0};
    for (uint32_t tuner = 0; tuner < TUNERS_MAX; ++tuner) {
      ASSERT_EQ(bpf_map_update_elem(control.get(), &tuner, &value, BPF_ANY), 0);
    }
  };
  pause_all(1);
  Ask(daemon, *a_, kAskOutput, kAfter);
  EXPECT_TRUE(daemon.WaitForLine("was not changed to \\(2097152\\): tuner 'ask' is paused", 10s));
  EXPECT_EQ(ValueOf(*a_, kOutput), kBefore);
  pause_all(0);
  Change(daemon, *a_, kAskOutput, kAfter);
}

TEST_F(UndoTest, TooManyChangesWithinAMinuteAreRefused) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start({"--changes-per-minute", "2"}));
  Change(daemon, *a_, kAskOutput, "1500000");
  Change(daemon, *a_, kAskOutput, kAfter);
  Ask(daemon, *a_, kAskOutput, "2500000");
  EXPECT_TRUE(daemon.WaitForLine("it was changed 2 times within a minute already", 10s));
  EXPECT_EQ(ValueOf(*a_, kOutput), kAfter);
  Change(daemon, *b_, kAskOutput, kAfter);  // another place
}

TEST_F(UndoTest, WithoutAPlaceForTheJournalItDoesNotStart) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Daemon::Start(kDaemonPath, {"-s", "-l", folder_->path(),
                                                                  "--run-dir", "/proc/none"}));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(30s));
  EXPECT_EQ(exit.code, 1);
  EXPECT_EQ(Count(exit, "cannot start: "), 1U);
  EXPECT_EQ(Count(exit, "/proc/none"), 1U);
}

}  // namespace
}  // namespace bpftune::testing
