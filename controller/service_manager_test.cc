// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/service_manager.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>

namespace bpftune {
namespace {

constexpr pid_t kSelf = 4711;

TEST(PingPeriodTest, IsHalfOfTheWatchdogsPatience) {
  EXPECT_EQ(PingPeriodNs("30000000", "4711", kSelf), 15 * kNsPerSecond);
  EXPECT_EQ(PingPeriodNs("30000000", nullptr, kSelf), 15 * kNsPerSecond);
}

TEST(PingPeriodTest, IsNoneWhereTheWatchdogWaitsForNobodyOrAnother) {
  EXPECT_EQ(PingPeriodNs(nullptr, "4711", kSelf), 0U);
  EXPECT_EQ(PingPeriodNs("30000000", "4712", kSelf), 0U);
  for (const char* usec : {"", "0", "-1", "30s", " 30", "18446744073709551615"}) {
    EXPECT_EQ(PingPeriodNs(usec, nullptr, kSelf), 0U) << usec;
  }
  for (const char* pid : {"", "x", "-4711", "4711 "}) {
    EXPECT_EQ(PingPeriodNs("30000000", pid, kSelf), 0U) << pid;
  }
}

// A service manager's socket, and the environment that names it.
class ServiceManagerTest : public ::testing::TestWithParam<bool> {
 protected:
  ServiceManagerTest() {
    const std::string unique = "bpftune-notify-" + std::to_string(getpid());
    name_ = GetParam() ? "@" + unique : "/tmp/" + unique;
    sockaddr_un at = {};
    at.sun_family = AF_UNIX;
    name_.copy(at.sun_path, name_.size());
    if (GetParam()) at.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    socket_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), length), 0);
    setenv("NOTIFY_SOCKET", name_.c_str(), /*replace=*/1);
  }
  ~ServiceManagerTest() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
    if (!GetParam()) unlink(name_.c_str());
  }

  std::string Heard() const {
    char text[256];
    const ssize_t length = recv(socket_.get(), text, sizeof(text), 0);
    return length < 0 ? "nothing" : std::string(text, static_cast<size_t>(length));
  }

  std::string name_;
  UniqueFd socket_;
};

TEST_P(ServiceManagerTest, HearsWhatIsGoingOn) {
  ServiceManager manager = ServiceManager::FromEnvironment();
  manager.Ready("at work", kNsPerSecond);
  EXPECT_EQ(Heard(), "READY=1\nSTATUS=at work");
  manager.Status("resting");
  EXPECT_EQ(Heard(), "STATUS=resting");
  manager.Stopping();
  EXPECT_EQ(Heard(), "STOPPING=1");
}

TEST_P(ServiceManagerTest, CausesNoWakeUpUnlessItWatches) {
  ServiceManager manager = ServiceManager::FromEnvironment();
  manager.Ready("", kNsPerSecond);
  (void)Heard();
  EXPECT_EQ(manager.due_ns(), kNever);
  manager.PingIfDue(kNever - 1);
  EXPECT_EQ(Heard(), "nothing");
}

TEST_P(ServiceManagerTest, ThatWatchesIsToldAtHalfOfItsPatienceOnceAllIsReady) {
  setenv("WATCHDOG_USEC", "2000000", /*replace=*/1);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), /*replace=*/1);
  ServiceManager manager = ServiceManager::FromEnvironment();
  EXPECT_EQ(manager.due_ns(), kNever);
  manager.Ready("", 10 * kNsPerSecond);
  (void)Heard();
  EXPECT_EQ(manager.due_ns(), 11 * kNsPerSecond);
  manager.PingIfDue(11 * kNsPerSecond - 1);
  EXPECT_EQ(Heard(), "nothing");
  manager.PingIfDue(11 * kNsPerSecond + 5);
  EXPECT_EQ(Heard(), "WATCHDOG=1");
  EXPECT_EQ(manager.due_ns(), 12 * kNsPerSecond + 5);
}

TEST_P(ServiceManagerTest, ThatIsGoneOrNamedWronglyIsNoHarm) {
  ServiceManager manager = ServiceManager::FromEnvironment();
  socket_.reset();
  manager.Stopping();
  setenv("WATCHDOG_USEC", "2000000", /*replace=*/1);
  for (const std::string& name :
       {std::string(), std::string("vsock:2:1234"), "/" + std::string(200, 'x')}) {
    setenv("NOTIFY_SOCKET", name.c_str(), /*replace=*/1);
    ServiceManager nobody = ServiceManager::FromEnvironment();
    nobody.Ready("", 0);
    EXPECT_EQ(nobody.due_ns(), kNever) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Sockets, ServiceManagerTest, ::testing::Bool(),
                         [](const auto& row) { return row.param ? "Abstract" : "Path"; });

}  // namespace
}  // namespace bpftune
