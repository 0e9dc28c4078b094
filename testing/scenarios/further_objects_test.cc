// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// A tuner from outside is dropped into a directory while the daemon runs, and taken away again; and
// what must not be loaded is not.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/host.h"
#include "testing/objects/asker.h"
#include "testing/objects/held_objects.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kBefore = 1048576;
constexpr char kName[] = "ask.bpf.o";
constexpr auto kPatience = 20s;

class FurtherObjectsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    auto object = ReadObject(kAskObject);
    ASSERT_OK(object);
    ask_ = *object;
    auto host = Host::Create("tuned");
    ASSERT_OK(host);
    host_.emplace(std::move(*host));
    ASSERT_OK(host_->SetSysctl(kAskOutputName, std::to_string(kBefore)));
    for (const auto& [folder, objects, parent] :
         {std::tuple{&tuners_, std::vector<std::string>{kSysctlObject}, ::testing::TempDir()},
          // Not in /tmp, where everybody may write.
          {&dropped_, std::vector<std::string>{}, std::string("/run")}}) {
      auto created = TunerFolder::Create(objects, parent);
      ASSERT_OK(created);
      folder->emplace(std::move(*created));
    }
  }

  Result<Daemon> Run(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"-s", "-l", tuners_->path(), "-n", host_->netns_path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Daemon::Start(kDaemonPath, Apart(arguments));
  }
  void Start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--objects", dropped_->path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto daemon = Run(arguments);
    ASSERT_OK(daemon);
    daemon_.emplace(std::move(*daemon));
    ASSERT_TRUE(daemon_->WaitForLine("per-netns policy", kPatience));
  }
  std::string path(const std::string& name = kName) const { return dropped_->path() + "/" + name; }
  // As an installer does: written under another name, then renamed.
  void Drop() {
    ASSERT_OK(dropped_->Add(".being-written", ask_));
    ASSERT_EQ(rename(path(".being-written").c_str(), path().c_str()), 0);
  }
  std::optional<Line> Says(const std::string& pattern, size_t from = 0) const {
    return daemon_->WaitForLine(pattern, kPatience, from);
  }
  int64_t Value() const {
    auto text = host_->GetSysctl(kAskOutputName);
    return text ? std::stoll(*text) : -1;
  }
  size_t OpenDescriptors() const {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(daemon_->pid()) +
                                                  "/fd");
    return static_cast<size_t>(std::distance(begin(all), end(all)));
  }

  std::string ask_;
  std::optional<Host> host_;
  std::optional<TunerFolder> tuners_;
  std::optional<TunerFolder> dropped_;
  std::optional<Daemon> daemon_;
};

TEST_F(FurtherObjectsTest, ATunerThatIsDroppedInOnlyObserves) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_NO_FATAL_FAILURE(Drop());
  ASSERT_TRUE(Says("tuner 'ask' is loaded from '" + path() +
                   "'; it only observes until bpftune is started with --enable ask"));
  ASSERT_OK_AND_ASSIGN(Asker asker, Asker::Of(daemon_->pid()));

  for (int again = 0; again < 2; ++again) EXPECT_FALSE(asker.Raise(*host_));

  EXPECT_TRUE(
      Says("would change net.ipv4.tcp_limit_output_bytes\\(bytes\\) from \\(1048576\\) -> "
           "\\(1048577\\)"));
  EXPECT_EQ(daemon_->CountLines("would change"), 1U);
  EXPECT_EQ(Value(), kBefore);
}

TEST_F(FurtherObjectsTest, OneThatIsEnabledByItsNameTunes) {
  ASSERT_NO_FATAL_FAILURE(Drop());
  ASSERT_NO_FATAL_FAILURE(Start({"--enable", "ask"}));
  ASSERT_TRUE(Says("tuner 'ask' is loaded from '" + path() + "'$"));
  ASSERT_OK_AND_ASSIGN(Asker asker, Asker::Of(daemon_->pid()));

  EXPECT_TRUE(asker.Raise(*host_));
}

TEST_F(FurtherObjectsTest, OneThatHasNothingToDoHereStandsDownWithoutAFault) {
  ASSERT_OK_AND_ASSIGN(ask_, ReadObject(kSpareObject));
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_NO_FATAL_FAILURE(Drop());
  EXPECT_TRUE(Says("the tuner in '" + path() + "' stands down, bpftune -S says why$"));
  EXPECT_EQ(daemon_->CountLines("not loaded|nothing is seen"), 0U);

  ASSERT_OK_AND_ASSIGN(Daemon asked, Run({"-S", "--objects", dropped_->path()}));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, asked.WaitForExit(kPatience));
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(asked.CountLines("^spare +- +stands down: a test has\\?no use for it$"), 1U);
  EXPECT_EQ(asked.CountLines("^\\w+ +\\w+ +- "), 0U) << "nothing is missing";
}

TEST_F(FurtherObjectsTest, ItGoesWithItsFileAndComesAgainAsOftenAsOneLikes) {
  ASSERT_NO_FATAL_FAILURE(Start({"--enable", "ask"}));
  size_t descriptors = 0;  // after the first round: the file it has written stays open
  size_t from = 0;
  for (int round = 0; round < 5; ++round) {
    ASSERT_NO_FATAL_FAILURE(Drop());
    const auto loaded = Says("tuner 'ask' is loaded", from);
    ASSERT_TRUE(loaded) << round;
    {
      ASSERT_OK_AND_ASSIGN(Asker asker, Asker::Of(daemon_->pid()));
      EXPECT_TRUE(asker.Raise(*host_)) << round;
    }
    ASSERT_EQ(unlink(path().c_str()), 0);
    const auto unloaded =
        Says("tuner 'ask' is unloaded: '" + path() + "' is gone or has changed", loaded->number);
    ASSERT_TRUE(unloaded) << round;
    from = unloaded->number;
    EXPECT_TRUE(EventuallyTrue(
        [&] {
          const auto held = HeldObjects::Of(daemon_->pid());
          return held && !held->ProgramOf("ask");
        },
        5s));
    if (round == 0) descriptors = OpenDescriptors();
  }
  EXPECT_EQ(OpenDescriptors(), descriptors);
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon_->Stop());
  EXPECT_EQ(exit.code, 0);
}

TEST_F(FurtherObjectsTest, AnotherFileUnderTheSameNameTakesItsPlace) {
  ASSERT_NO_FATAL_FAILURE(Drop());
  ASSERT_NO_FATAL_FAILURE(Start({"--enable", "ask"}));
  ASSERT_NO_FATAL_FAILURE(Drop());

  const auto unloaded = Says("tuner 'ask' is unloaded");
  ASSERT_TRUE(unloaded);
  ASSERT_TRUE(Says("tuner 'ask' is loaded", unloaded->number));
  ASSERT_OK_AND_ASSIGN(Asker asker, Asker::Of(daemon_->pid()));
  EXPECT_TRUE(asker.Raise(*host_));
}

TEST_F(FurtherObjectsTest, OneThatIsMadeFitIsLoaded) {
  ASSERT_NO_FATAL_FAILURE(Drop());
  ASSERT_EQ(chmod(path().c_str(), 0666), 0);
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Says("not loaded: .*may be written by others"));

  ASSERT_EQ(chmod(path().c_str(), 0644), 0);

  EXPECT_TRUE(Says("tuner 'ask' is loaded"));
}

TEST_F(FurtherObjectsTest, AFolderThatOthersMayWriteFromNowOnIsNotTrustedAnyMore) {
  ASSERT_NO_FATAL_FAILURE(Drop());
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Says("tuner 'ask' is loaded"));

  ASSERT_EQ(chmod(dropped_->path().c_str(), 0777), 0);
  EXPECT_TRUE(Says("not loaded: " + dropped_->path() + ": .* may be written by others"));
  const auto unloaded = Says("tuner 'ask' is unloaded");
  ASSERT_TRUE(unloaded);

  ASSERT_EQ(chmod(dropped_->path().c_str(), 0700), 0);
  EXPECT_TRUE(Says("tuner 'ask' is loaded", unloaded->number));
}

struct Refusal {
  std::string name;
  std::string says;  // an expression
  std::function<bool(const std::string& path)> spoil;
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

class RefusedObjectTest : public FurtherObjectsTest,
                          public ::testing::WithParamInterface<Refusal> {};

TEST_P(RefusedObjectTest, IsNamedOnceAndNotLoaded) {
  ASSERT_NO_FATAL_FAILURE(Drop());
  ASSERT_TRUE(GetParam().spoil(path()));
  ASSERT_NO_FATAL_FAILURE(Start({"--enable", "ask"}));

  EXPECT_TRUE(Says("not loaded: " + path() + ": .*" + GetParam().says + ".*continuing without it"));
  // Another change in the folder does not repeat it.
  const size_t lines = daemon_->CountLines("not loaded");
  ASSERT_OK(dropped_->Add("z_damaged.bpf.o", "nothing"));
  EXPECT_TRUE(Says("not loaded: " + path("z_damaged.bpf.o")));
  EXPECT_EQ(daemon_->CountLines("not loaded: " + path()), lines);
  ASSERT_OK_AND_ASSIGN(HeldObjects held, HeldObjects::Of(daemon_->pid()));
  EXPECT_FALSE(held.ProgramOf("ask"));
}

INSTANTIATE_TEST_SUITE_P(
    Objects, RefusedObjectTest,
    ::testing::Values(Refusal{"AnotherUsers", "belongs to user 1; it has to be root's",
                              [](const auto& path) { return chown(path.c_str(), 1, 0) == 0; }},
                      Refusal{"WritableByAGroup", "may be written by others than root",
                              [](const auto& path) { return chmod(path.c_str(), 0664) == 0; }},
                      Refusal{"WritableByAll", "may be written by others than root",
                              [](const auto& path) { return chmod(path.c_str(), 0646) == 0; }},
                      Refusal{"ALink", "is a symbolic link",
                              [](const auto& path) {
                                return rename(path.c_str(), (path + ".real").c_str()) == 0 &&
                                       symlink((path + ".real").c_str(), path.c_str()) == 0;
                              }},
                      Refusal{"APipe", "is not a regular file",
                              [](const auto& path) {
                                return unlink(path.c_str()) == 0 && mkfifo(path.c_str(), 0600) == 0;
                              }},
                      Refusal{"AFolder", "is not a regular file",
                              [](const auto& path) {
                                return unlink(path.c_str()) == 0 && mkdir(path.c_str(), 0700) == 0;
                              }},
                      Refusal{
                          "TooLarge", "at most 16777216 are read",
                          [](const auto& path) { return truncate(path.c_str(), 17 << 20) == 0; }},
                      Refusal{"HalfOfIt", "",
                              [](const auto& path) { return truncate(path.c_str(), 3000) == 0; }}),
    [](const auto& refusal) { return refusal.param.name; });

TEST_F(FurtherObjectsTest, ItsProgramsCanBeSwitchedOff) {
  ASSERT_NO_FATAL_FAILURE(Drop());
  ASSERT_NO_FATAL_FAILURE(
      Start({"--without-hook", "ask__asked", "--without-hook", "ask__each__asked"}));

  EXPECT_TRUE(
      Says("not loaded: " + path() +
           ": .*ask__each__asked: switched off with --without-hook.*continuing without it"));
}

TEST_F(FurtherObjectsTest, AProgramThatNobodyHasCannotBeSwitchedOff) {
  ASSERT_NO_FATAL_FAILURE(Drop());
  ASSERT_OK_AND_ASSIGN(Daemon daemon,
                       Run({"--objects", dropped_->path(), "--without-hook", "ask__no_such"}));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(kPatience));

  EXPECT_EQ(exit.code, 1);
  EXPECT_EQ(daemon.CountLines("cannot start: --without-hook 'ask__no_such': there is no such "
                              "program; there are .*ask__asked"),
            1U);
}

TEST_F(FurtherObjectsTest, ANameOfATunerThatIsThereIsRefused) {
  ASSERT_OK_AND_ASSIGN(std::string sysctl, ReadObject(kSysctlObject));
  ASSERT_OK(dropped_->Add("other.bpf.o", sysctl));
  ASSERT_NO_FATAL_FAILURE(Start());

  EXPECT_TRUE(Says("not loaded: " + path("other.bpf.o") + ": there is a tuner 'sysctl' already"));
}

struct Place {
  std::string name;
  std::string says;
  // Makes the folder unfit; the path to give.
  std::function<std::string(const std::string& path)> spoil;
};
void PrintTo(const Place& place, std::ostream* out) { *out << place.name; }

class RefusedDirectoryTest : public FurtherObjectsTest,
                             public ::testing::WithParamInterface<Place> {};

TEST_P(RefusedDirectoryTest, IsNamedAndTheDaemonDoesNotStart) {
  const std::string given = GetParam().spoil(dropped_->path());
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Run({"--objects", given}));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(kPatience));

  EXPECT_EQ(exit.code, 1);
  EXPECT_EQ(daemon.CountLines("cannot start: --objects: .*" + GetParam().says), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Directories, RefusedDirectoryTest,
    ::testing::Values(
        Place{"WritableByAll", "may be written by others than root",
              [](const auto& path) {
                chmod(path.c_str(), 0777);
                return path;
              }},
        Place{"AnotherUsers", "belongs to user 1",
              [](const auto& path) {
                (void)chmod(path.c_str(), 0755);  // or it could not even be looked at
                (void)!chown(path.c_str(), 1, 0);
                return path;
              }},
        Place{"BelowOneThatAllMayWrite", "'/tmp' may be written by others",
              [](const auto&) { return "/tmp/objects"; }},
        Place{"ALink", "is not a directory, or a link to one",
              [](const auto& path) {
                (void)!symlink("/usr", (path + "/link").c_str());
                return path + "/link/lib";
              }},
        Place{"AFile", "is not a directory", [](const auto&) { return "/etc/passwd"; }},
        Place{"Missing", "opening '/run/no-such-folder': No such file",
              [](const auto&) { return "/run/no-such-folder"; }},
        Place{"Relative", "'objects' is no absolute path", [](const auto&) { return "objects"; }}),
    [](const auto& place) { return place.param.name; });

}  // namespace
}  // namespace bpftune::testing
