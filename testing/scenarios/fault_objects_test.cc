// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Objects that are damaged, foreign or missing: one line names each, the other tuners go on.

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <string>

#include "bpf/common/tuner_abi.h"
#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/host.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

// Where the description begins in the file.
size_t HeaderIn(const std::string& object) {
  const uint64_t magic = TUNER_MAGIC;
  return object.find(std::string(reinterpret_cast<const char*>(&magic), sizeof(magic)));
}

struct Damage {
  std::string name;
  std::string says;  // an expression
  std::function<void(std::string&)> spoil;
};

class FaultObjectsTest : public ::testing::TestWithParam<Damage> {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }

  static Result<Daemon> Start(const TunerFolder& folder, const Host& host) {
    return Daemon::Start(kDaemonPath, Apart({"-s", "-l", folder.path(), "-n", host.netns_path()}));
  }
};

TEST_P(FaultObjectsTest, IsNamedInOneLineAndTheOthersGoOn) {
  ASSERT_OK_AND_ASSIGN(std::string object, ReadObject(kAskObject));
  ASSERT_NE(HeaderIn(object), std::string::npos);
  GetParam().spoil(object);
  ASSERT_OK_AND_ASSIGN(TunerFolder folder, TunerFolder::Create({kSysctlObject, kTcpBufferObject}));
  // One that is read before the good ones, one after.
  ASSERT_OK(folder.Add("a_damaged.bpf.o", object));
  ASSERT_OK(folder.Add("z_damaged.bpf.o", object));
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("host"));

  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start(folder, host));

  ASSERT_TRUE(daemon.WaitForLine("per-netns policy", 30s));
  for (const std::string name : {"a_damaged", "z_damaged"}) {
    const std::string line = "not loaded: .*" + name + "\\.bpf\\.o";
    EXPECT_TRUE(daemon.WaitForLine(line + ".*" + GetParam().says + ".*continuing without it", 5s));
    EXPECT_EQ(daemon.CountLines(line), 1U);
  }
  EXPECT_TRUE(WaitForSummary(daemon, "looks at all connections", 10s));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Damaged, FaultObjectsTest,
    ::testing::Values(
        Damage{"Magic", "does not begin with the magic",
               [](std::string& object) { object[HeaderIn(object)] ^= 1; }},
        Damage{"AnotherVersion", "version 2, this bpftune reads version 1",
               [](std::string& object) {
                 object[HeaderIn(object) + offsetof(tuner_header, major)] = 2;
               }},
        Damage{"ATextWithoutAnEnd", "text without an end",
               [](std::string& object) {
                 std::memset(&object[HeaderIn(object) + offsetof(tuner_header, name)], 'a',
                             sizeof(tuner_header::name));
               }},
        Damage{"ATableThatLiesOutside", "lies outside the section",
               [](std::string& object) {
                 object[HeaderIn(object) + offsetof(tuner_header, tunables) + 2] = 1;
               }},
        Damage{"HalfOfIt", "", [](std::string& object) { object.resize(object.size() / 2); }},
        Damage{"Nothing", "", [](std::string& object) { object.clear(); }},
        Damage{"AnotherKindOfFile", "", [](std::string& object) { object = "#!/bin/sh\n"; }}),
    [](const auto& instance) { return instance.param.name; });

TEST_F(FaultObjectsTest, AnObjectThatIsThereTwiceIsUsedOnce) {
  ASSERT_OK_AND_ASSIGN(TunerFolder folder, TunerFolder::Create({kSysctlObject, kTcpBufferObject}));
  ASSERT_OK_AND_ASSIGN(std::string object, ReadObject(kTcpBufferObject));
  ASSERT_OK(folder.Add("tcp_buffer_copy.bpf.o", object));
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("host"));

  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start(folder, host));

  EXPECT_TRUE(daemon.WaitForLine("not loaded: .*tcp_buffer_copy.*'net.ipv4.tcp_rmem'", 30s));
  EXPECT_TRUE(WaitForSummary(daemon, "looks at all connections", 10s));
}

TEST_F(FaultObjectsTest, WithoutAnyObjectItSaysSoAndLeaves) {
  ASSERT_OK_AND_ASSIGN(TunerFolder folder, TunerFolder::Create({}));
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("host"));

  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start(folder, host));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(30s));

  EXPECT_EQ(exit.code, 1);
  EXPECT_EQ(daemon.CountLines("cannot start: there is no tuner \\(\\*\\.bpf\\.o\\) in '" +
                              folder.path() + "'; name their directory with --tuners"),
            1U);
}

TEST_F(FaultObjectsTest, WithoutTheSysctlWatcherItDoesNotStart) {
  ASSERT_OK_AND_ASSIGN(TunerFolder folder, TunerFolder::Create({kTcpBufferObject}));
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("host"));

  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start(folder, host));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(30s));

  EXPECT_EQ(exit.code, 1);
  EXPECT_EQ(daemon.CountLines("no tuner here watches for the administrator's writes"), 1U);
}

TEST_F(FaultObjectsTest, AFolderThatDoesNotExistIsBadUsage) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Daemon::Start(kDaemonPath, {"-s", "-l", "no/such/folder"}));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.WaitForExit(30s));

  EXPECT_EQ(exit.code, 2);
  EXPECT_EQ(daemon.CountLines("no/such/folder"), 1U);
}

}  // namespace
}  // namespace bpftune::testing
