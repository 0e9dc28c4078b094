// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// The daemon under a service manager: it says when it is ready, what it is doing and that its loop
// still turns; and nothing of that while the loop does not.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/host.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
constexpr char kWatchdog[] = "WATCHDOG_USEC=200000";  // so it is told every 100 ms
constexpr auto kTenPeriods = 1s;
constexpr char kPing[] = "WATCHDOG=1";
constexpr char kFrozen[] = "STATUS=2 tuners only observe, while all is frozen by a file";

class ServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    std::string pattern = ::testing::TempDir() + "service-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    run_dir_ = pattern;
    auto folder = TunerFolder::Create({kSysctlObject, kAskObject});
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    auto host = Host::Create("tuned");
    ASSERT_OK(host);
    host_.emplace(std::move(*host));
    ASSERT_NO_FATAL_FAILURE(Bind());
  }
  void TearDown() override { std::filesystem::remove_all(run_dir_); }

  void Bind() {
    const std::string name = "bpftune-service-" + std::to_string(getpid());
    environment_ = "NOTIFY_SOCKET=@" + name;
    sockaddr_un at = {};
    at.sun_family = AF_UNIX;
    name.copy(at.sun_path + 1, name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    socket_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), length), 0);
  }

  std::vector<std::string> Arguments() const {
    return {"-s",        "-l",     folder_->path(), "-n", host_->netns_path(),
            "--run-dir", run_dir_, "--pin-dir",     ""};
  }
  Result<Daemon> Start(const std::vector<std::string>& environment = {}) const {
    std::vector<std::string> all = environment;
    all.push_back(environment_);
    return Daemon::Start(kDaemonPath, Arguments(), {.environment = all});
  }

  // The next that is said; empty: nothing in that time.
  std::string Heard(std::chrono::milliseconds timeout = kPatience) const {
    pollfd waiting = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, static_cast<int>(timeout.count())) != 1) return "";
    char text[256];
    const ssize_t length = recv(socket_.get(), text, sizeof(text), 0);
    return {text, static_cast<size_t>(length < 0 ? 0 : length)};
  }
  // There is a time of ten periods in which it says nothing, and that soon.
  bool FallsSilent() const {
    for (int said = 0; said < 20; ++said) {
      if (Heard(kTenPeriods).empty()) return true;
    }
    return false;
  }

  // The one of the daemon under test.
  std::filesystem::path InstanceFolder() const {
    return std::filesystem::directory_iterator(run_dir_)->path();
  }

  std::string run_dir_;
  std::optional<TunerFolder> folder_;
  std::optional<Host> host_;
  std::string environment_;
  UniqueFd socket_;
};

TEST_F(ServiceTest, ReadyAndWhatItDoesAndItsEndAreSaidAndNothingElse) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
  EXPECT_EQ(Heard(), "READY=1\nSTATUS=2 tuners at work");
  EXPECT_EQ(Heard(kTenPeriods), "");
  const auto freeze = InstanceFolder() / "freeze";
  std::ofstream(freeze).close();
  EXPECT_EQ(Heard(), kFrozen);
  std::filesystem::remove(freeze);
  EXPECT_EQ(Heard(), "STATUS=2 tuners at work");
  ASSERT_OK(daemon.Stop());
  EXPECT_EQ(Heard(), "STOPPING=1");
  EXPECT_EQ(Heard(0ms), "");
}

TEST_F(ServiceTest, OneThatOnlyObservesSaysWhy) {
  for (int death = 0; death < 3; ++death) {
    ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
    EXPECT_EQ(Heard(), "READY=1\nSTATUS=2 tuners at work");
    ASSERT_OK(daemon.Kill());
  }
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start());
  EXPECT_EQ(Heard(),
            "READY=1\nSTATUS=2 tuners only observe, since those before died; the log says more");
  std::vector<std::string> arguments = Arguments();
  arguments.emplace_back("--dry-run");
  ASSERT_OK_AND_ASSIGN(Daemon dry,
                       Daemon::Start(kDaemonPath, arguments, {.environment = {environment_}}));
  EXPECT_EQ(Heard(), "READY=1\nSTATUS=2 tuners only observe, in a dry run");
}

TEST_F(ServiceTest, OneThatCannotStartIsNeverReady) {
  ASSERT_OK_AND_ASSIGN(
      Daemon daemon,
      Daemon::Start(kDaemonPath, {"-s", "-l", folder_->path(), "--run-dir", "/proc/none"},
                    {.environment = {environment_}}));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(kPatience));
  EXPECT_EQ(exit.code, 1);
  EXPECT_EQ(Heard(0ms), "");
}

TEST_F(ServiceTest, AWatchdogHearsNothingOfADaemonThatIsStopped) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start({kWatchdog}));
  ASSERT_TRUE(Heard().starts_with("READY=1"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Heard(), kPing);
  daemon.Signal(SIGSTOP);
  EXPECT_TRUE(FallsSilent());
  daemon.Signal(SIGCONT);
  EXPECT_EQ(Heard(), kPing);
  ASSERT_OK(daemon.Stop());
}

// Whoever reads the log has stopped reading, so the loop waits in the middle of a line: all else of
// the process could go on.
TEST_F(ServiceTest, AWatchdogHearsNothingOfALoopThatIsHeld) {
  const std::string log = folder_->path() + "/log";
  ASSERT_EQ(mkfifo(log.c_str(), 0600), 0);
  const UniqueFd pipe(open(log.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(pipe);
  std::vector<std::string> words = {"-c", "WATCHDOG_PID=$$ exec \"$@\" >\"$0\"", log, kDaemonPath};
  for (std::string& argument : Arguments()) words.push_back(argument);
  ASSERT_OK_AND_ASSIGN(Daemon daemon,
                       Daemon::Start("/bin/sh", words, {.environment = {environment_, kWatchdog}}));
  ASSERT_TRUE(Heard().starts_with("READY=1"));
  EXPECT_EQ(Heard(), kPing);

  const std::vector<char> filling(4096, '\n');
  while (write(pipe.get(), filling.data(), filling.size()) > 0) {
  }
  while (write(pipe.get(), filling.data(), 1) > 0) {
  }
  std::ofstream(InstanceFolder() / "freeze").close();  // which it wants to say
  EXPECT_TRUE(FallsSilent());
  EXPECT_TRUE(daemon.IsRunning());

  std::vector<char> taken(1 << 20);
  ASSERT_GT(read(pipe.get(), taken.data(), taken.size()), 0);
  EXPECT_EQ(Heard(), kFrozen);
  EXPECT_EQ(Heard(), kPing);
  ASSERT_OK(daemon.Stop());
}

TEST_F(ServiceTest, AWatchdogOfAnotherProcessIsNotOurs) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start({kWatchdog, "WATCHDOG_PID=1"}));
  ASSERT_TRUE(Heard().starts_with("READY=1"));
  EXPECT_EQ(Heard(kTenPeriods), "");
  ASSERT_OK(daemon.Stop());
}

}  // namespace
}  // namespace bpftune::testing
