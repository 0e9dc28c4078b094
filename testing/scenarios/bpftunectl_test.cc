// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// bpftunectl beside a daemon that runs, hangs and is gone: what it says, that its documents are as
// the schema has them, and that what it tells the daemon is done.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/objects/bpf_file_system.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/ask_case.h"
#include "testing/scenarios/bulk_case.h"
#include "tools/bpftunectl/exit_code.h"
#include "tools/bpftunectl/openmetrics.h"
#include "tools/bpftunectl/schema.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;
using ctl::Json;

constexpr char kToolPath[] = "tools/bpftunectl/bpftunectl";
constexpr char kBefore[] = "1048576";
constexpr char kOurs[] = "1048577";  // as Asker::Raise() leaves it
constexpr char kTheirs[] = "777777";

// The commands that only look.
const std::vector<std::string> kLooks = {"status",     "tunables", "tuners",  "history", "hosts",
                                         "namespaces", "export",   "metrics", "doctor"};

class BpftunectlTest : public AskCase {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    std::string pattern = ::testing::TempDir() + "bpftunectl-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    run_dir_ = pattern;
    ASSERT_OK_AND_ASSIGN(BpfFileSystem mounted, BpfFileSystem::Mount());
    bpffs_.emplace(std::move(mounted));
    ASSERT_OK_AND_ASSIGN(Host host, Host::Create("server"));
    host_.emplace(std::move(host));
    ASSERT_OK(host_->SetSysctl(kAskOutputName, kBefore));
  }
  void TearDown() override {
    AskCase::TearDown();
    if (!run_dir_.empty()) std::filesystem::remove_all(run_dir_);
  }

  void Start() {
    asker_.reset();
    daemon_.reset();
    StartAsked({kSysctlObject, kNetnsObject, kAskObject},
               {"-n", host_->netns_path(), "--run-dir", run_dir_, "--pin-dir", pin_dir()});
    // The loop runs, all it leaves at its start is there.
    ASSERT_TRUE(EventuallyTrue([&] { return Document({"doctor"})["hooks"].size() >= 3; }, 30s));
  }

  std::string pin_dir() const { return bpffs_->path() + "/bpftune"; }

  struct Said {
    int code;
    std::string text;
  };
  // The options that make it look where the daemon of the test is.
  std::vector<std::string> With(std::vector<std::string> arguments) const {
    const std::vector<std::string> common = {"--run-dir", run_dir_,   "--pin-dir",
                                             pin_dir(),   "--daemon", kDaemonPath};
    arguments.insert(arguments.end(), common.begin(), common.end());
    if (folder_) arguments.insert(arguments.end(), {"--tuners", folder_->path()});
    return arguments;
  }
  Said Ask(const std::vector<std::string>& arguments) const {
    return Run(kToolPath, With(arguments));
  }
  // In other surroundings; testing/objects/within.cc knows which.
  Said AskWithin(const std::string& surroundings, const std::vector<std::string>& arguments) const {
    std::vector<std::string> words = With(arguments);
    words.insert(words.begin(), {surroundings, kToolPath});
    return Run(kWithinPath, words);
  }
  static Said Run(const std::string& program, const std::vector<std::string>& arguments) {
    auto tool = Daemon::Start(program, arguments);
    auto exit = tool ? tool->WaitForExit(60s) : Result<DaemonExit>(tool.error());
    if (!exit) return {-1, exit.error().message()};
    Said out{exit->code, ""};
    for (const std::string& line : exit->lines) out.text += line + "\n";
    return out;
  }
  // As the schema has it, unless what was said is none.
  Json Document(std::vector<std::string> arguments, int code = -1) const {
    const std::string command = arguments.front();
    arguments.push_back("--json");
    const Said said = Ask(arguments);
    if (code >= 0) {
      EXPECT_EQ(said.code, code) << command << "\n" << said.text;
    }
    Json document = Json::parse(said.text, nullptr, /*allow_exceptions=*/false);
    EXPECT_FALSE(document.is_discarded()) << said.text;
    EXPECT_EQ(ctl::testing::WhyNot(ctl::testing::Schema(), document), "") << said.text;
    return document;
  }
  // What is said of kAskOutput.
  Json Row() const {
    const Json document = Document({"tunables"});
    for (const Json& row : document["tunables"]) {
      if (row["tunable"] == kAskOutputName) return row;
    }
    return {};
  }
  std::string Value() const { return std::to_string(ValueAt(*host_)); }
  bool Comes(const std::string& value) const {
    return EventuallyTrue([&] { return Value() == value; }, 10s);
  }

  std::string run_dir_;
  std::optional<BpfFileSystem> bpffs_;
  std::optional<Host> host_;
};

TEST_F(BpftunectlTest, SaysWhatWasDoneWhileTheDaemonRunsHangsAndIsGone) {
  EXPECT_EQ(Document({"status"}, ctl::kNoDaemon)["daemon"]["state"], "gone");
  EXPECT_EQ(Ask({"explain", kAskOutputName}).code, ctl::kUsage) << "nobody has such a tunable";
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(asker_->Raise(*host_));
  ASSERT_TRUE(EventuallyTrue([&] { return Document({"history"})["decisions"].size() == 1; }, 10s));

  // While it runs.
  const Json status = Document({"status"}, ctl::kFine);
  EXPECT_EQ(status["daemon"]["state"], "runs");
  EXPECT_EQ(status["daemon"]["pid"], daemon_->pid());
  EXPECT_EQ(status["mode"], "acts");
  EXPECT_EQ(status["tunables"]["changed"], 1);
  const Json explained = Document({"explain", kAskOutputName}, ctl::kFine);
  const Json decision = Document({"history", kAskOutputName}, ctl::kFine)["decisions"].at(0);
  EXPECT_EQ(decision["old"], Json::array({1048576}));
  EXPECT_EQ(decision["new"], Json::array({1048577}));
  EXPECT_EQ(decision["outcome"], "changed");
  EXPECT_EQ(explained["decisions"].at(0), decision);
  EXPECT_EQ(Document({"metrics"}, ctl::kFine)["metrics"].at(0)["samples"].at(0)["value"], 1);
  const Said metrics = Ask({"metrics"});
  EXPECT_EQ(ctl::testing::WhyNotOpenMetrics(metrics.text), "") << metrics.text;
  EXPECT_NE(metrics.text.find("\nbpftune_tunable_writes_total{"), std::string::npos);
  const Said words = Ask({"explain", kAskOutputName});
  for (const char* part : {kBefore, kOurs, "bpftune's: written 1 times", "A test wants to see"}) {
    EXPECT_NE(words.text.find(part), std::string::npos) << part << "\n" << words.text;
  }
  const Said wrong = Ask({"explain", "net.ipv4.tcp_limit_output_bites"});
  EXPECT_EQ(wrong.code, ctl::kUsage);
  EXPECT_NE(wrong.text.find("did you mean 'net.ipv4.tcp_limit_output_bytes'?"), std::string::npos);

  const auto expect_same = [&] {
    for (const std::string& command : kLooks) {
      (void)Document({command});
      EXPECT_GE(Ask({command}).text.size(), 10U) << command;
    }
    const Json row = Row();
    EXPECT_EQ(row["owner"], "bpftune");
    EXPECT_EQ(row["now"], Json::array({1048577}));
    EXPECT_EQ(row["first"], Json::array({1048576}));
    EXPECT_EQ(Document({"explain", kAskOutputName}, ctl::kFine)["decisions"].at(0), decision);
  };
  expect_same();
  daemon_->Signal(SIGSTOP);
  ASSERT_TRUE(
      EventuallyTrue([&] { return Document({"status"})["daemon"]["state"] == "stopped"; }, 10s));
  EXPECT_EQ(Ask({"status"}).code, ctl::kProblem);
  expect_same();
  ASSERT_OK(daemon_->Kill());
  EXPECT_EQ(Document({"status"}, ctl::kNoDaemon)["daemon"]["state"], "gone");
  expect_same();

  // And back.
  const Json undone = Document({"rollback", kAskOutputName}, ctl::kFine);
  EXPECT_EQ(undone["done"].size(), 1U);
  EXPECT_EQ(Value(), kBefore);
  EXPECT_EQ(Row()["owner"], "nobody");
  EXPECT_EQ(Document({"rollback"}, ctl::kFine)["done"].size(), 0U);
}

TEST_F(BpftunectlTest, PauseHoldsThroughARestartUntilResume) {
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(Document({"pause", "aks"}, ctl::kUsage).value("error", ""),
            "there is no tuner 'aks'; did you mean 'ask'?");
  (void)Document({"pause", "ask"}, ctl::kFine);
  EXPECT_FALSE(asker_->Raise(*host_));
  EXPECT_EQ(Value(), kBefore);
  ASSERT_OK(daemon_->Stop());
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(Document({"status"})["tuners"]["paused"], Json::array({"ask"}));
  EXPECT_TRUE(daemon_->WaitForLine("tuner 'ask' is paused, as it was", 10s));
  EXPECT_FALSE(asker_->Raise(*host_));
  (void)Document({"resume", "ask"}, ctl::kFine);
  EXPECT_TRUE(asker_->Raise(*host_));

  (void)Document({"pause"}, ctl::kFine);
  EXPECT_TRUE(daemon_->WaitForLine("/freeze' is there: nothing is changed", 10s));
  EXPECT_EQ(Document({"status"})["mode"], "paused");
  EXPECT_FALSE(asker_->Raise(*host_));
  (void)Document({"resume"}, ctl::kFine);
  EXPECT_TRUE(daemon_->WaitForLine("/freeze' was removed: tuning goes on", 10s));
  EXPECT_TRUE(asker_->Raise(*host_));
}

TEST_F(BpftunectlTest, ReclaimGivesBackWhatAnAdministratorTookAlsoWhileTheDaemonHangs) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(asker_->Raise(*host_));
  EXPECT_EQ(Ask({"reclaim", kAskOutputName}).code, ctl::kProblem) << "it is nobody else's";
  ASSERT_OK_AND_ASSIGN(const AdministratorWrite write,
                       Administrate(*host_, kAskOutputName, kTheirs));
  ASSERT_TRUE(daemon_->WaitForLine(ModifiedIn(*host_, kAskOutputName), 10s));
  const Json row = Row();
  EXPECT_EQ(row["owner"], "administrator");
  EXPECT_EQ(row["administrator"]["pid"], write.pid);
  EXPECT_EQ(row["administrator"]["value"], Json::array({777777}));
  EXPECT_FALSE(asker_->Raise(*host_));

  daemon_->Signal(SIGSTOP);
  EXPECT_EQ(Document({"reclaim", kAskOutputName}, ctl::kFine)["done"].size(), 1U);
  daemon_->Signal(SIGCONT);
  EXPECT_EQ(Row()["owner"], "nobody");
  EXPECT_TRUE(asker_->Raise(*host_));
  EXPECT_EQ(Value(), "777778");
}

TEST_F(BpftunectlTest, RollbackBesideADaemonIsAnAdministratorsWrite) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(asker_->Raise(*host_));
  EXPECT_EQ(Document({"rollback", kAskOutputName}, ctl::kFine)["done"].size(), 1U);
  EXPECT_EQ(Value(), kBefore);
  EXPECT_TRUE(daemon_->WaitForLine("cmd 'bpftunectl' modified sysctl", 10s));
  EXPECT_FALSE(asker_->Raise(*host_));
  EXPECT_EQ(Row()["owner"], "administrator");
  (void)Document({"reclaim", kAskOutputName}, ctl::kFine);
  EXPECT_TRUE(asker_->Raise(*host_));
}

// No daemon runs, so the program finds out: in the test's surroundings, and in some where the
// kernel attaches and does not run.
TEST_F(BpftunectlTest, DoctorTellsWhatAttachesFromWhatFires) {
  ASSERT_OK_AND_ASSIGN(TunerFolder folder, TunerFolder::Create({kSysctlObject}));
  folder_.emplace(std::move(folder));
  const auto watch = [](const Json& document) {
    for (const Json& hook : document["hooks"]) {
      if (hook["name"] == "watch") return hook;
    }
    return Json();
  };
  const Json doctor = Document({"doctor"}, ctl::kNoDaemon);
  EXPECT_EQ(watch(doctor)["fires"], "fires");
  for (const Json& check : doctor["checks"]) {
    if (check["name"] != "sysctls") continue;
    EXPECT_EQ(check["state"], "ok") << check;
  }

  const Said said = AskWithin("outside-of-cgroup", {"doctor", "--json"});
  const Json silent = watch(Json::parse(said.text, nullptr, /*allow_exceptions=*/false));
  EXPECT_EQ(silent["fires"], "silent") << said.text;
  EXPECT_NE(silent["advice"].get<std::string>().find("control-group namespace"), std::string::npos);
}

TEST_F(BpftunectlTest, OfTwoInARunDirectoryEachIsAskedByItsInstance) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string first = Document({"status"}, ctl::kFine)["instance"];
  EXPECT_TRUE(std::filesystem::exists(run_dir_ + "/" + first));
  ASSERT_OK(daemon_->Stop());
  ASSERT_OK_AND_ASSIGN(Host other, Host::Create("other"));
  ASSERT_NO_FATAL_FAILURE(
      StartAsked({kSysctlObject, kNetnsObject, kAskObject},
                 {"-n", other.netns_path(), "--run-dir", run_dir_, "--pin-dir", pin_dir()}));

  const Said several = Ask({"status"});
  EXPECT_EQ(several.code, ctl::kUsage);
  EXPECT_NE(several.text.find("choose one with --instance: "), std::string::npos);
  EXPECT_NE(several.text.find(first), std::string::npos) << several.text;
  EXPECT_EQ(Document({"status", "--instance", first}, ctl::kNoDaemon)["instance"], first);
  const Json runs = Document({"status", "-n", other.netns_path()}, ctl::kFine);
  EXPECT_NE(runs["instance"], first);
  EXPECT_EQ(Document({"status", "--instance", runs["instance"]}, ctl::kFine)["daemon"]["pid"],
            daemon_->pid());
}

TEST_F(BpftunectlTest, AnotherUserIsToldThatItIsNotAllowed) {
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const char* command : {"status", "tunables", "metrics", "pause", "rollback", "doctor"}) {
    const Said said = AskWithin("another-user", {command});
    EXPECT_EQ(said.code, ctl::kNotAllowed) << command << "\n" << said.text;
    EXPECT_NE(said.text.find("; try it as root\n"), std::string::npos) << said.text;
  }
}

TEST_F(BpftunectlTest, ChecksObjectsAndCompletesNames) {
  EXPECT_EQ(Document({"check", kAskObject}, ctl::kFine)["name"], "ask");
  EXPECT_NE(Document({"check", kToolPath}, ctl::kProblem).value("error", ""), "");
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_NE(Ask({"completion", "tunables"}).text.find(kAskOutputName), std::string::npos);
  EXPECT_NE(Ask({"completion", "tuners"}).text.find("ask\n"), std::string::npos);
  EXPECT_NE(
      Document({"completion", "bash"}, ctl::kFine)["text"].get<std::string>().find("complete -F"),
      std::string::npos);
}

}  // namespace
}  // namespace bpftune::testing
