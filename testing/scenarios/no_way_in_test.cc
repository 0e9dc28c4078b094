// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// What a daemon that does not have it cannot get wrong: nobody can talk to it, it loads no code of
// others into itself, starts no program, has one thread; and it asks for no privilege that it can
// do without.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/objects/held_objects.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/client_case.h"
#include "testing/scenarios/listen_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

// How many symbolic links of this folder lead to what begins so.
ptrdiff_t CountLinks(const std::string& folder, const std::string& start) {
  return std::ranges::count_if(std::filesystem::directory_iterator(folder), [&](const auto& entry) {
    std::error_code gone;
    return std::filesystem::read_symlink(entry, gone).string().starts_with(start);
  });
}

size_t CountIn(const std::string& folder) {
  const std::filesystem::directory_iterator all(folder);
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

class NoWayInTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    ASSERT_OK_AND_ASSIGN(Host host, Host::Create("server"));
    ASSERT_OK(host.SetSysctl(kSomaxconn, "128"));
    host_.push_back(std::move(host));
  }

  const Host& host() const { return host_.front(); }
  // It tunes.
  void ExpectTunes(const Daemon& daemon) const {
    ASSERT_OK_AND_ASSIGN(Listener cut, ListenFor(Loopback(host()), 1000));
    EXPECT_TRUE(daemon.WaitForLine("change net.core.somaxconn.* -> \\(1000\\)", 30s));
  }

  std::vector<Host> host_;  // one
};

TEST_F(NoWayInTest, ItHasNoSocketAndOneThread) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&host()}));
  ASSERT_NO_FATAL_FAILURE(ExpectTunes(daemon));

  const std::string process = "/proc/" + std::to_string(daemon.pid());
  EXPECT_GT(CountLinks(process + "/fd", "anon_inode:bpf"), 0) << "or nothing was read";
  EXPECT_EQ(CountLinks(process + "/fd", "socket:"), 0);
  EXPECT_EQ(CountIn(process + "/task"), 1U);
}

// What it loads is BPF, behind the verifier: none of it is in its own memory, so there is nothing
// to jump to when a file goes.
TEST_F(NoWayInTest, ItHasNoMeansToLoadCodeOrToStartAnything) {
  ASSERT_OK_AND_ASSIGN(const std::string program, ReadObject(kDaemonPath));
  const auto imports = [&](const std::string& function) {
    return program.find('\0' + function + '\0') != std::string::npos;
  };
  EXPECT_TRUE(imports("socket")) << "that is how a name is found";
  for (const char* function :
       {"dlopen", "execve", "execv", "posix_spawn", "popen", "system", "fork", "vfork", "clone",
        "pthread_create", "listen", "accept", "accept4", "bind"}) {
    EXPECT_FALSE(imports(function)) << function;
  }
}

TEST_F(NoWayInTest, ItLeavesNothingBehindThatOneMistakesForALivingDaemon) {
  const std::string run_dir = ::testing::TempDir() + "no-way-in";
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&host()}, {"--run-dir", run_dir}));
  ASSERT_NO_FATAL_FAILURE(ExpectTunes(daemon));
  ASSERT_OK(daemon.Stop());

  std::set<std::string> left;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(run_dir)) {
    if (!entry.is_directory()) left.insert(entry.path().filename());
  }
  EXPECT_EQ(left,
            (std::set<std::string>{"history.jsonl", "lock", "starts", "support", "undo.journal"}));
  EXPECT_OK(StartDaemon({&host()}, {"--run-dir", run_dir}));
}

TEST_F(NoWayInTest, ItRunsWithoutPrivilegesThatItHasNoUseFor) {
  ASSERT_OK(Installed(kSetpriv));
  ASSERT_OK_AND_ASSIGN(
      Daemon daemon,
      Daemon::Start(kSetpriv.path,
                    Apart({"--bounding-set", "-sys_resource,-sys_module,-sys_chroot,-syslog",
                           "--inh-caps", "-sys_resource,-sys_module,-sys_chroot,-syslog",
                           kDaemonPath, "-s", "-l", kTunersPath, "-n", host().netns_path()})));
  ASSERT_TRUE(daemon.WaitForLine("^bpftune works", 60s));
  ExpectTunes(daemon);
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
}

// At moments of its start: as soon as it has one program, one link, several.
TEST_F(NoWayInTest, EndedWhileItStartsItLeavesNothingInTheKernel) {
  for (const int signal : {SIGTERM, SIGKILL}) {
    for (const size_t links : {0, 1, 5}) {
      ASSERT_OK_AND_ASSIGN(
          Daemon daemon,
          Daemon::Start(kDaemonPath, Apart({"-s", "-l", kTunersPath, "-n", host().netns_path()})));
      HeldObjects held;
      ASSERT_TRUE(EventuallyTrue(
          [&] {
            auto now = HeldObjects::Of(daemon.pid());
            if (now) held = *now;
            return !held.programs.empty() && held.links.size() >= links;
          },
          60s));
      daemon.Signal(signal);
      ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(60s));
      EXPECT_EQ(signal == SIGTERM ? exit.code : exit.signal, signal == SIGTERM ? 0 : SIGKILL);
      EXPECT_TRUE(EventuallyTrue([&] { return held.StillThere().empty(); }, 5s))
          << ::testing::PrintToString(held.StillThere());
    }
  }
}

}  // namespace
}  // namespace bpftune::testing
