// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// In namespaces of the test's own: the machine's values are read, never written.
#include "controller/sysctl_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "controller/fakes/sample_tuner.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/host.h"
#include "testing/privilege.h"

namespace bpftune {
namespace {

using testing::Host;
using namespace std::chrono_literals;

const Values kSome = Three(8192, 65536, 3'000'000);

SysctlPlace In(const Host& host, const std::string& name) {
  const bool by_cookie = ProbeNetnsIdKind() == NetnsIdKind::kCookie;
  return {NetnsId{by_cookie ? host.cookie() : host.inode()}, name};
}

std::string MachinesOwn() {
  std::ifstream in("/proc/sys/net/ipv4/tcp_rmem");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

size_t OpenDescriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

class SysctlFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    machines_own_ = MachinesOwn();
    files_.Allow("net.ipv4.tcp_rmem");
  }
  void TearDown() override { EXPECT_EQ(machines_own_, MachinesOwn()); }

  NetnsFinder finder_;
  SysctlFiles files_{&finder_, NetnsId{UINT64_MAX}};  // no namespace of a test is its home

 private:
  std::string machines_own_;
};

TEST_F(SysctlFilesTest, ReadsAndWritesInAnotherNamespaceOnly) {
  ASSERT_OK_AND_ASSIGN(const Host blue, Host::Create("blue"));
  ASSERT_OK_AND_ASSIGN(const Host red, Host::Create("red"));
  ASSERT_OK_AND_ASSIGN(const std::string red_before, red.GetSysctl("net.ipv4.tcp_rmem"));
  const SysctlPlace place = In(blue, "net.ipv4.tcp_rmem");
  EXPECT_OK(files_.Write(place, blue.inode(), kSome));
  ASSERT_OK_AND_ASSIGN(const Values read, files_.Read(place, blue.inode()));
  EXPECT_EQ(kSome, read);
  ASSERT_OK_AND_ASSIGN(const std::string there, blue.GetSysctl("net.ipv4.tcp_rmem"));
  EXPECT_EQ("8192 65536 3000000", there);
  ASSERT_OK_AND_ASSIGN(const std::string red_after, red.GetSysctl("net.ipv4.tcp_rmem"));
  EXPECT_EQ(red_before, red_after);
}

// O_ACCMODE of those that this process has open on files of that name.
std::vector<int> AccessModes(const std::string& file) {
  std::vector<int> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (gone || target.filename() != file) continue;
    out.push_back(fcntl(std::stoi(entry.path().filename()), F_GETFL) & O_ACCMODE);
  }
  return out;
}

TEST_F(SysctlFilesTest, OpensForWritingOnlyWhatItMayWrite) {
  ASSERT_OK_AND_ASSIGN(const Host blue, Host::Create("blue"));
  const SysctlPlace place = In(blue, "net.ipv4.tcp_wmem");
  ASSERT_OK(files_.Read(place, blue.inode()));
  EXPECT_EQ(AccessModes("tcp_wmem"), std::vector<int>{O_RDONLY});
  EXPECT_FALSE(files_.Write(place, blue.inode(), kSome));
  EXPECT_EQ(AccessModes("tcp_wmem"), std::vector<int>{O_RDONLY});

  files_.Allow("net.ipv4.tcp_wmem");
  EXPECT_OK(files_.Write(place, blue.inode(), kSome));
  EXPECT_EQ(AccessModes("tcp_wmem"), std::vector<int>{O_RDWR});
  ASSERT_OK(files_.Read(In(blue, "net.ipv4.tcp_rmem"), blue.inode()));
  EXPECT_EQ(AccessModes("tcp_rmem"), std::vector<int>{O_RDWR}) << "a write is not to wait";
}

TEST_F(SysctlFilesTest, SeesWhatOthersWriteThroughItsOpenFile) {
  ASSERT_OK_AND_ASSIGN(const Host blue, Host::Create("blue"));
  const SysctlPlace place = In(blue, "net.ipv4.tcp_rmem");
  ASSERT_OK(files_.Write(place, blue.inode(), kSome));
  ASSERT_OK(blue.SetSysctl("net.ipv4.tcp_rmem", "4096 4096 4096"));
  ASSERT_OK_AND_ASSIGN(const Values read, files_.Read(place, blue.inode()));
  EXPECT_EQ(Three(4096, 4096, 4096), read);
}

TEST_F(SysctlFilesTest, TellsWhatTheKernelRefusesAndLeavesTheValue) {
  ASSERT_OK_AND_ASSIGN(const Host blue, Host::Create("blue"));
  const SysctlPlace place = In(blue, "net.ipv4.tcp_rmem");
  ASSERT_OK(files_.Write(place, blue.inode(), kSome));
  auto written = files_.Write(place, blue.inode(), Three(0, 65536, 3'000'000));
  ASSERT_FALSE(written);
  EXPECT_EQ(EINVAL, written.error().code());
  EXPECT_EQ("writing 'net.ipv4.tcp_rmem': Invalid argument", written.error().message());
  ASSERT_OK_AND_ASSIGN(const Values read, files_.Read(place, blue.inode()));
  EXPECT_EQ(kSome, read);
}

TEST_F(SysctlFilesTest, WritesNothingThatWasNotAllowed) {
  ASSERT_OK_AND_ASSIGN(const Host blue, Host::Create("blue"));
  const SysctlPlace place = In(blue, "net.ipv4.tcp_wmem");
  ASSERT_OK_AND_ASSIGN(const Values before, files_.Read(place, blue.inode()));
  auto written = files_.Write(place, blue.inode(), kSome);
  ASSERT_FALSE(written);
  EXPECT_EQ(EACCES, written.error().code());
  EXPECT_NE(std::string::npos, written.error().message().find("net.ipv4.tcp_wmem"));
  ASSERT_OK_AND_ASSIGN(const Values after, files_.Read(place, blue.inode()));
  EXPECT_EQ(before, after);
}

constexpr char kRetries[] = "net.ipv4.tcp_retries{1,2}";

TEST_F(SysctlFilesTest, NumbersInSeveralFilesAreReadAndWrittenTogether) {
  ASSERT_OK_AND_ASSIGN(const Host blue, Host::Create("blue"));
  files_.Allow(kRetries);
  const SysctlPlace place = In(blue, kRetries);
  for (const Values& wanted : {Two(5, 20), Two(7, 9), Two(3, 15)}) {
    ASSERT_OK(files_.Write(place, blue.inode(), wanted));
    ASSERT_OK_AND_ASSIGN(const Values read, files_.Read(place, blue.inode()));
    EXPECT_EQ(wanted, read);
  }
  ASSERT_OK_AND_ASSIGN(const std::string second, blue.GetSysctl("net.ipv4.tcp_retries2"));
  EXPECT_EQ("15", second);
  ASSERT_OK(files_.Write(place, blue.inode(), Two(VALUE_UNSAID, 16)));
  ASSERT_OK_AND_ASSIGN(const Values one, files_.Read(place, blue.inode()));
  EXPECT_EQ(Two(3, 16), one) << "what is not said stays";
}

TEST_F(SysctlFilesTest, OneThatTheKernelRefusesTakesTheOthersBack) {
  ASSERT_OK_AND_ASSIGN(const Host blue, Host::Create("blue"));
  files_.Allow(kRetries);
  const SysctlPlace place = In(blue, kRetries);
  ASSERT_OK(files_.Write(place, blue.inode(), Two(3, 15)));
  auto written = files_.Write(place, blue.inode(), Two(1000, 20));  // more than a byte
  ASSERT_FALSE(written);
  EXPECT_EQ(EINVAL, written.error().code());
  ASSERT_OK_AND_ASSIGN(const Values read, files_.Read(place, blue.inode()));
  EXPECT_EQ(Two(3, 15), read);
}

TEST_F(SysctlFilesTest, NoNameLeadsOutOfNetEvenIfItIsAllowed) {
  for (const char* name : {"kernel.panic", "net..ipv4", "net.ipv4/../../kernel/panic", "net.",
                           "net", "", "vm.swappiness", "net.ipv4.conf.", "NET.ipv4.tcp_rmem"}) {
    files_.Allow(name);
    auto read = files_.Read({kNoNetns, name}, 0);
    ASSERT_FALSE(read) << name;
    EXPECT_EQ(EACCES, read.error().code()) << name;
    auto written = files_.Write({kNoNetns, name}, 0, One(1));
    ASSERT_FALSE(written) << name;
    EXPECT_EQ(EACCES, written.error().code()) << name;
  }
}

TEST_F(SysctlFilesTest, DirectoryIsNoSysctl) {
  auto read = files_.Read({kNoNetns, "net.ipv4"}, 0);
  ASSERT_FALSE(read);
  EXPECT_EQ(EACCES, read.error().code());
}

TEST_F(SysctlFilesTest, FileThatHoldsNoNumbersIsAnError) {
  ASSERT_OK_AND_ASSIGN(const Host blue, Host::Create("blue"));
  auto read = files_.Read(In(blue, "net.ipv4.tcp_congestion_control"), blue.inode());
  ASSERT_FALSE(read);
  EXPECT_EQ("'net.ipv4.tcp_congestion_control' does not hold one to three numbers",
            read.error().message());
}

TEST_F(SysctlFilesTest, SysctlThatIsNotThereIsAnErrorByName) {
  ASSERT_OK_AND_ASSIGN(const Host blue, Host::Create("blue"));
  auto read = files_.Read(In(blue, "net.ipv4.no_such_thing"), blue.inode());
  ASSERT_FALSE(read);
  EXPECT_EQ(ENOENT, read.error().code());
  EXPECT_NE(std::string::npos, read.error().message().find("net/ipv4/no_such_thing"));
}

TEST_F(SysctlFilesTest, NamespaceThatDiedWithItsFileOpenIsAnErrorAndNeverAnotherOne) {
  auto blue = Host::Create("blue");
  ASSERT_OK(blue);
  const SysctlPlace place = In(*blue, "net.ipv4.tcp_rmem");
  const uint64_t inode = blue->inode();
  ASSERT_OK(files_.Write(place, inode, kSome));
  blue = Error("gone");
  EXPECT_TRUE(testing::EventuallyTrue([&] { return !files_.Read(place, inode); }, 10s))
      << "an open file keeps no namespace alive";
  for (int i = 0; i < 2; ++i) {
    auto written = files_.Write(place, inode, Three(4096, 4096, 4096));
    ASSERT_FALSE(written);
    EXPECT_TRUE(written.error().code() == ESRCH || written.error().code() == ENOENT)
        << written.error().message();
  }
}

TEST_F(SysctlFilesTest, NamespaceThatDiedBeforeItsFirstUseIsAnErrorToo) {
  auto blue = Host::Create("blue");
  ASSERT_OK(blue);
  const SysctlPlace place = In(*blue, "net.ipv4.tcp_rmem");
  const uint64_t inode = blue->inode();
  blue = Error("gone");
  Result<Values> read = Error("");
  const auto is_dead = [&] {
    SysctlFiles files(&finder_, NetnsId{UINT64_MAX});  // one that has never seen it
    read = files.Read(place, inode);
    return !read && read.error().code() == ESRCH;
  };
  EXPECT_TRUE(testing::EventuallyTrue(is_dead, 10s));
}

TEST_F(SysctlFilesTest, KeepsNoMoreDescriptorsThanItsLimit) {
  std::vector<Host> hosts;
  std::vector<std::string> names;
  while (hosts.size() < 4) {
    ASSERT_OK_AND_ASSIGN(const Host host, Host::Create("host" + std::to_string(hosts.size())));
    hosts.push_back(host);
  }
  hosts[0].Run([&] {
    for (const auto& file : std::filesystem::directory_iterator("/proc/sys/net/ipv4")) {
      if (file.is_regular_file()) names.push_back("net.ipv4." + file.path().filename().string());
    }
  });
  ASSERT_GT(names.size() * hosts.size(), SysctlFiles::kMostOpen + 50);
  const size_t before = OpenDescriptors();
  for (int round = 0; round < 2; ++round) {
    for (const Host& host : hosts) {
      for (const std::string& name : names) (void)files_.Read(In(host, name), host.inode());
      EXPECT_LE(OpenDescriptors(), before + SysctlFiles::kMostOpen);
    }
  }
  // One that was closed is opened again.
  const SysctlPlace place = In(hosts[0], "net.ipv4.tcp_rmem");
  EXPECT_OK(files_.Write(place, hosts[0].inode(), kSome));
  ASSERT_OK_AND_ASSIGN(const Values read, files_.Read(place, hosts[0].inode()));
  EXPECT_EQ(kSome, read);
}

// As in a container: /proc/sys may be read only, until somebody mounts it otherwise. Runs in a
// process with a mount and a network namespace of its own, and ends it.
[[noreturn]] void WriteToReadOnlyProcSys() {
  const auto require = [](bool ok, const char* what) {
    if (ok) return;
    std::perror(what);
    std::_Exit(1);
  };
  const char* sys = "/proc/sys";
  require(unshare(CLONE_NEWNS | CLONE_NEWNET) == 0, "unshare");
  require(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private");
  require(mount(sys, sys, nullptr, MS_BIND, nullptr) == 0, "bind");
  require(mount(nullptr, sys, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0, "ro");
  const auto home = IdOfCurrent();
  require(home.has_value(), "own namespace");
  NetnsFinder finder;
  SysctlFiles files(&finder, *home);
  files.Allow("net.ipv4.tcp_rmem");
  const SysctlPlace place{*home, "net.ipv4.tcp_rmem"};

  const auto before = files.Read(place, 0);
  require(before.has_value(), "reading what may be read");
  const auto written = files.Write(place, 0, kSome);
  require(!written && written.error().code() == EROFS, "EROFS");
  const auto after = files.Read(place, 0);
  require(after && *after == *before, "the value as before");

  require(mount(nullptr, sys, nullptr, MS_REMOUNT | MS_BIND, nullptr) == 0, "rw");
  require(files.Write(place, 0, kSome).has_value(), "writing after the remount");
  const auto now_there = files.Read(place, 0);
  require(now_there && *now_there == kSome, "the value written");
  std::_Exit(0);
}

TEST_F(SysctlFilesTest, ReadOnlyProcSysIsAnErrorUntilItIsMountedOtherwise) {
  EXPECT_EXIT(WriteToReadOnlyProcSys(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace bpftune
