// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// The daemon with exactly the privileges that its service has: it does its work, and has no more
// than those. With one less it says what is lost, and goes on or leaves.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "controller/capabilities.h"
#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/client_case.h"
#include "testing/scenarios/listen_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 120s;
constexpr char kService[] = "bpf,+perfmon,+net_admin,+sys_admin,+sys_ptrace";

uint64_t OfProcess(pid_t pid, const std::string& name) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1), nullptr, 16);
  }
  ADD_FAILURE() << "process " << pid << " has no " << name;
  return 0;
}

constexpr uint64_t Bit(int capability) { return uint64_t{1} << capability; }

constexpr uint64_t kServiceBits =
    Bit(CAP_BPF) | Bit(CAP_PERFMON) | Bit(CAP_NET_ADMIN) | Bit(CAP_SYS_ADMIN) | Bit(CAP_SYS_PTRACE);

// A name for a namespace, as `ip netns` makes one.
class NamedNetns {
 public:
  explicit NamedNetns(const Host& host) : path_(::testing::TempDir() + "named-netns") {
    std::ofstream(path_).close();
    mounted_ = mount(host.netns_path().c_str(), path_.c_str(), nullptr, MS_BIND, nullptr) == 0;
  }
  ~NamedNetns() { umount2(path_.c_str(), MNT_DETACH); }
  NamedNetns(const NamedNetns&) = delete;
  NamedNetns& operator=(const NamedNetns&) = delete;

  bool mounted() const { return mounted_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

void InNetns(const std::string& path, const std::function<void()>& body) {
  std::thread([&] {
    const UniqueFd inside(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(setns(inside.get(), CLONE_NEWNET), 0);
    body();
  }).join();
}

class PrivilegesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    // As the service has it. Needed before Linux 5.11, and may fail where it is not.
    constexpr rlimit kAll = {RLIM_INFINITY, RLIM_INFINITY};
    (void)setrlimit(RLIMIT_MEMLOCK, &kAll);
    ASSERT_OK(Installed(kSetpriv));
    ASSERT_NO_FATAL_FAILURE(MakeHost());
    named_.emplace(*host_);
    ASSERT_TRUE(named_->mounted());
  }

  void MakeHost() {
    ASSERT_OK_AND_ASSIGN(Host host, Host::Create("server"));
    ASSERT_OK(host.SetSysctl(kSomaxconn, "128"));
    host_.emplace(std::move(host));
  }

  // With the capabilities that the service has, but for one, if one is named: "-sys_ptrace".
  Result<Daemon> Start(const std::string& netns, const std::string& without = "") const {
    const std::string set =
        std::string("-all,+") + kService + (without.empty() ? "" : ",") + without;
    return Daemon::Start(kSetpriv.path,
                         Apart({"--no-new-privs", "--bounding-set", set, "--inh-caps", "-all",
                                kDaemonPath, "-s", "-l", kTunersPath, "-n", netns}));
  }

  void ExpectTunes(const Daemon& daemon) const {
    ASSERT_TRUE(daemon.WaitForLine("^bpftune works", kPatience));
    ASSERT_OK_AND_ASSIGN(Listener cut, ListenFor(Loopback(*host_), 1000));
    EXPECT_TRUE(daemon.WaitForLine("change net.core.somaxconn.* -> \\(1000\\)", kPatience));
  }

  std::optional<Host> host_;
  std::optional<NamedNetns> named_;
};

TEST_F(PrivilegesTest, WithThoseOfTheServiceItTunesAndHasNoMore) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start(host_->netns_path()));
  ExpectTunes(daemon);
  EXPECT_EQ(daemon.CountLines("without CAP_"), 0U);
  EXPECT_EQ(OfProcess(daemon.pid(), "CapPrm"), kServiceBits);
  EXPECT_EQ(OfProcess(daemon.pid(), "CapEff"), Bit(CAP_BPF)) << "or it is not idle";
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
}

TEST_F(PrivilegesTest, StartedWithAllItGivesUpTheOthers) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&*host_}));
  ExpectTunes(daemon);
  EXPECT_EQ(OfProcess(daemon.pid(), "CapPrm"), kServiceBits);
  EXPECT_EQ(OfProcess(daemon.pid(), "CapBnd"), OfProcess(daemon.pid(), "CapPrm"));
  EXPECT_EQ(OfProcess(daemon.pid(), "NoNewPrivs"), 1U);
  EXPECT_EQ(OfProcess(daemon.pid(), "CapEff"), Bit(CAP_BPF)) << "or it is not idle";
}

TEST_F(PrivilegesTest, WithoutPtraceItTunesNamespacesThatHaveAName) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start(named_->path(), "-sys_ptrace"));
  ExpectTunes(daemon);
  EXPECT_EQ(daemon.CountLines("without CAP_SYS_PTRACE"), 1U);
}

// What CAP_SYS_ADMIN includes need not be there by name.
TEST_F(PrivilegesTest, WithoutOneThatAnotherIncludesItTunes) {
  for (const std::string missing : {"bpf", "perfmon", "net_admin"}) {
    ASSERT_NO_FATAL_FAILURE(MakeHost());
    ASSERT_OK_AND_ASSIGN(Daemon daemon, Start(host_->netns_path(), "-" + missing));
    ExpectTunes(daemon);
    EXPECT_EQ(daemon.CountLines("without CAP_"), missing == "net_admin" ? 1U : 0U) << missing;
    ASSERT_OK(daemon.Stop());
  }
}

TEST_F(PrivilegesTest, WithoutOneThatItCannotDoWithoutItSaysWhichAndLeaves) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start(named_->path(), "-sys_admin,-bpf"));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(kPatience));
  EXPECT_EQ(exit.code, 1);
  EXPECT_EQ(daemon.CountLines("without CAP_BPF nothing can be loaded"), 1U);
  EXPECT_EQ(daemon.CountLines("without CAP_SYS_ADMIN no network namespace but its own"), 1U);
  EXPECT_EQ(daemon.CountLines("cannot start: "), 1U);
}

// The namespace belongs to a user namespace that another user has made, as a container's does. Its
// sysctls are written by the right of root alone.
TEST_F(PrivilegesTest, TunesTheNamespaceOfAnotherUser) {
  ASSERT_OK(Installed(kUnshare));
  ASSERT_OK_AND_ASSIGN(
      Daemon keeper,
      Daemon::Start(kSetpriv.path, {"--reuid", "65534", "--regid", "65534", "--clear-groups",
                                    kUnshare.path, "--user", "--map-root-user", "--net", "/bin/sh",
                                    "-c", "echo inside; exec sleep 1000"}));
  if (!keeper.WaitForLine("^inside", 10s)) {
    GTEST_SKIP() << "NOT RUN, users may not make namespaces here";
  }
  const std::string netns = "/proc/" + std::to_string(keeper.pid()) + "/ns/net";
  bool is_there = false;
  InNetns(netns,
          [&] { is_there = bool(std::ofstream("/proc/sys/net/core/somaxconn") << "128\n"); });
  if (!is_there) GTEST_SKIP() << "NOT RUN, this kernel has no net.core in such a namespace";
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start(netns));
  ASSERT_TRUE(daemon.WaitForLine("^bpftune works", kPatience));
  UniqueFd cut;  // as long as somebody wants more, it is given
  InNetns(netns, [&] {
    cut.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(listen(cut.get(), 1000), 0);
  });
  EXPECT_TRUE(daemon.WaitForLine("change net.core.somaxconn.* -> \\(1000\\)", kPatience));
}

}  // namespace
}  // namespace bpftune::testing
