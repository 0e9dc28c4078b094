// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// The examples of the manual pages, run as they are printed: installed below a prefix, with the
// folders that bpftune has of itself, which are this test's own in its mount namespace.

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kPatience = 120s;  // of an emulated machine
constexpr char kReady[] = "per-netns policy";

const std::map<std::string, std::string> kNotRun = {
    {"journalctl -b OUTCOME=changed", "it needs systemd's journal"}};

// The lines that are indented in the section EXAMPLES of a page.
std::vector<std::string> ExamplesOf(const std::string& page) {
  std::vector<std::string> out;
  std::ifstream file("docs/man/" + page + ".8.rst");
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "SEE ALSO") break;
    inside |= line == "EXAMPLES";
    if (inside && line.starts_with("    ")) out.push_back(line.substr(4));
  }
  return out;
}

class ExamplesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    ASSERT_EQ(unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"), 0);
    ASSERT_EQ(mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700"), 0);
    ASSERT_OK_AND_ASSIGN(Host host, Host::Create("blue"));
    host_.emplace(std::move(host));
    fs::create_directory("/run/netns");
    std::ofstream("/run/netns/blue").close();
    ASSERT_EQ(mount(host_->netns_path().c_str(), "/run/netns/blue", nullptr, MS_BIND, nullptr), 0);
    prefix_ = ::testing::TempDir() + "prefix";
    for (const char* folder : {"/bin", "/sbin", "/lib/bpftune"}) {
      fs::create_directories(prefix_ + folder);
    }
    fs::copy(kDaemonPath, prefix_ + "/sbin/bpftune");
    fs::copy("tools/bpftunectl/bpftunectl", prefix_ + "/bin/bpftunectl");
    for (const auto& entry : fs::directory_iterator(kTunersPath)) {
      if (entry.path().extension() == ".o") fs::copy(entry, prefix_ + "/lib/bpftune");
    }
  }
  void TearDown() override {
    if (!prefix_.empty()) fs::remove_all(prefix_);
    (void)umount2("/sys/fs/bpf", MNT_DETACH);
    (void)umount2("/run", MNT_DETACH);
  }

  Result<Daemon> Start(const std::string& line) const {
    return Daemon::Start("/usr/bin/env",
                         {"PATH=" + prefix_ + "/sbin:" + prefix_ + "/bin:/usr/sbin:/usr/bin",
                          "/bin/sh", "-c", "exec " + line});
  }

  // What goes on until Ctrl-C has its Ctrl-C as soon as it has begun.
  void RunAll(const std::string& page) const {
    const std::vector<std::string> examples = ExamplesOf(page);
    ASSERT_GE(examples.size(), 4U);
    for (const std::string& line : examples) {
      SCOPED_TRACE(line);
      if (const auto not_run = kNotRun.find(line); not_run != kNotRun.end()) {
        std::printf("not run: %s: %s\n", line.c_str(), not_run->second.c_str());
        continue;
      }
      ASSERT_OK_AND_ASSIGN(Daemon example, Start(line));
      const bool is_daemon = line.starts_with("bpftune -s ");
      if (is_daemon || line.find("--watch") != line.npos) {
        ASSERT_TRUE(example.WaitForLine(is_daemon ? kReady : "tcp_buffer", kPatience));
        example.Signal(SIGINT);
      }
      ASSERT_OK_AND_ASSIGN(const DaemonExit exit, example.WaitForExit(kPatience));
      EXPECT_EQ(exit.code, 0) << ::testing::PrintToString(exit.lines);
      EXPECT_FALSE(exit.lines.empty());
    }
  }

  std::optional<Host> host_;
  std::string prefix_;
};

TEST_F(ExamplesTest, OfBpftunectlWorkBesideADaemonAndAnAdministrator) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start("bpftune -s -n /run/netns/blue"));
  ASSERT_TRUE(daemon.WaitForLine(kReady, kPatience));
  ASSERT_OK(Administrate(*host_, "net.ipv4.tcp_rmem", "4096 131072 7000000"));
  ASSERT_TRUE(daemon.WaitForLine("it is theirs", kPatience));
  RunAll("bpftunectl");
}

TEST_F(ExamplesTest, OfBpftuneWorkWhereNoneRuns) { RunAll("bpftune"); }

}  // namespace
}  // namespace bpftune::testing
