// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// sysctl(8) applies a file of many sysctls while the daemon tunes; a set that was the
// administrator's is given back; there is no room to remember who owns what.

#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controller/tuning_state.h"
#include "testing/netns_harness/child_process.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/asker.h"
#include "testing/objects/held_objects.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/ask_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr char kSysctlProgram[] = "/usr/sbin/sysctl";  // of procps

class OverrideProtocolTest : public AskCase {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    auto host = Host::Create("reloaded");
    ASSERT_OK(host);
    host_.emplace(std::move(*host));
    StartAsked({kSysctlObject, kTcpBufferObject, kAskObject}, {"-n", host_->netns_path()});
  }

  int64_t Value() const { return ValueAt(*host_); }
  request Wish(int64_t wanted) { return asker_->Set(*host_, kAskOutput, {Value()}, {wanted}); }
  void WaitFor(const request& record) const {
    EXPECT_TRUE(EventuallyTrue([&] { return asker_->IsAnswered(record); }, 5s));
  }
  // What the tunable is after the daemon has been asked to raise it by one.
  int64_t Tuned() {
    const request record = Wish(Value() + 1);
    EXPECT_OK(asker_->Ask(record));
    WaitFor(record);
    return Value();
  }
  std::optional<owner> Owner() const { return asker_->Owner(*host_, kAskOutput); }

  std::optional<Host> host_;
};

TEST_F(OverrideProtocolTest, AFileOfManySysctlsIsObeyedAndToldInOneLine) {
  if (access(kSysctlProgram, X_OK) != 0) GTEST_SKIP() << "NOT RUN, needs procps";
  const std::vector<std::pair<std::string, std::string>> wanted = {
      {"net.ipv4.tcp_rmem", "4096 65536 3000000"},
      {"net.ipv4.tcp_wmem", "4096 65536 3100000"},
      {kAskOutputName, "2000000"},
      {"net.ipv4.tcp_sack", "0"},  // nobody's
      {kAskPortsName, "20000 40000"},
  };
  const std::string path = folder_->path() + "/99-local.conf";
  {
    std::ofstream file(path);
    for (const auto& [name, value] : wanted) file << name << " = " << value << "\n";
  }
  const int64_t before = Value();
  ASSERT_EQ(Tuned(), before + 1);
  // The daemon sees it all at once, and after it was asked for another change.
  daemon_->Signal(SIGSTOP);
  const request pending = Wish(Value() + 1);
  ASSERT_OK(asker_->Ask(pending));
  const UniqueFd netns(open(host_->netns_path().c_str(), O_RDONLY | O_CLOEXEC));
  const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
  ASSERT_OK_AND_ASSIGN(ChildProcess sysctl, ChildProcess::Start([&] {
                         if (setns(netns.get(), CLONE_NEWNET) != 0) return 126;
                         dup2(nothing, 1);
                         execl(kSysctlProgram, "sysctl", "-p", path.c_str(), nullptr);
                         return 127;
                       }));
  ASSERT_EQ(sysctl.Wait(30s), 0);
  close(nothing);
  daemon_->Signal(SIGCONT);
  WaitFor(pending);

  EXPECT_TRUE(daemon_->WaitForLine("^pid " + std::to_string(sysctl.pid()) +
                                       ", cmd 'sysctl' modified 4 sysctls in netns .*"
                                       "tcp_rmem.*tcp_wmem.*tcp_limit_output.*ip_local_port",
                                   20s));
  EXPECT_EQ(daemon_->CountLines("modified"), 1U);
  EXPECT_EQ(Tuned(), 2000000);
  for (const auto& [name, value] : wanted) {
    ASSERT_OK_AND_ASSIGN(const std::string stands, host_->GetSysctl(name));
    EXPECT_EQ(stands, value) << name;
  }
  ASSERT_OK(daemon_->Stop());
}

TEST_F(OverrideProtocolTest, AReclaimedSetIsTunedAgainUntilTheNextWrite) {
  const int64_t before = Value();
  ASSERT_EQ(Tuned(), before + 1);
  ASSERT_OK(host_->SetSysctl(kAskOutputName, "2000000"));
  ASSERT_EQ(Tuned(), 2000000);
  const auto theirs = Owner();
  ASSERT_TRUE(IsOwned(theirs));

  order reclaim = {};
  reclaim.kind = ORDER_RECLAIM;
  reclaim.row = kAskOutput;
  reclaim.generation = theirs->generation - 1;  // he has written since it was given
  ASSERT_OK(asker_->Order(*host_, kAskOutput, reclaim));
  EXPECT_TRUE(IsOwned(Owner())) << "an order for another generation is void";
  EXPECT_EQ(Tuned(), 2000000);

  reclaim.generation = theirs->generation;
  ASSERT_OK(asker_->Order(*host_, kAskOutput, reclaim));
  EXPECT_FALSE(IsOwned(Owner()));
  EXPECT_EQ(Tuned(), 2000001);
  EXPECT_EQ(Tuned(), 2000002);
  EXPECT_EQ(daemon_->CountLines("somebody else changed it"), 0U);

  // Whoever brought the order is not taken for the daemon.
  ASSERT_OK(host_->SetSysctl(kAskOutputName, "3000000"));
  EXPECT_TRUE(IsOwned(Owner()));
  EXPECT_EQ(Tuned(), 3000000);
  ASSERT_OK(daemon_->Stop());
}

// The kernel takes his first write and refuses the second: the first stands.
TEST_F(OverrideProtocolTest, AWriteThatTheKernelRefusesDoesNotCostHimWhatHeHas) {
  const int64_t before = Value();
  ASSERT_EQ(Tuned(), before + 1);
  ASSERT_OK(host_->SetSysctl(kAskOutputName, "2000000"));
  ASSERT_TRUE(daemon_->WaitForLine(ModifiedIn(*host_, kAskOutputName), 20s));
  ASSERT_FALSE(host_->SetSysctl(kAskOutputName, "99999999999"));
  const auto owner = Owner();
  ASSERT_TRUE(IsOwned(owner));
  ASSERT_EQ(owner->values[0], 99999999999);
  // It is looked at twice; then what he has counts again.
  EXPECT_TRUE(EventuallyTrue([&] { return Owner()->values[0] == 2000000; }, 20s));
  EXPECT_TRUE(IsOwned(Owner()));
  EXPECT_EQ(Tuned(), 2000000);
  ASSERT_OK(daemon_->Stop());
}

// Fills the map of the owners, with sets of a tuner that there is not.
class OwnersFullTest : public OverrideProtocolTest {
 protected:
  void Fill() {
    ASSERT_OK_AND_ASSIGN(HeldObjects held, HeldObjects::Of(daemon_->pid()));
    ASSERT_OK_AND_ASSIGN(owners_, held.Map(MAP_OWNERS));
    const owner nobody = {};
    for (uint64_t netns = 1; netns <= STATE_MAX_ENTRIES + 1; ++netns) {
      const state_key key = Filler(netns);
      if (bpf_map_update_elem(owners_.get(), &key, &nobody, BPF_ANY) != 0) return;
    }
    FAIL() << "the map has no end";
  }
  void Empty() const {
    for (uint64_t netns = 1; netns <= STATE_MAX_ENTRIES; ++netns) {
      const state_key key = Filler(netns);
      (void)bpf_map_delete_elem(owners_.get(), &key);
    }
  }

 private:
  static state_key Filler(uint64_t netns) {
    return {.netns = netns, .tuner = TUNERS_MAX - 1, .row = 0, .reserved = 0};
  }
  UniqueFd owners_;
};

TEST_F(OwnersFullTest, WhatIsTunedAlreadyIsYieldedAllTheSame) {
  const int64_t before = Value();
  ASSERT_EQ(Tuned(), before + 1);
  ASSERT_NO_FATAL_FAILURE(Fill());
  ASSERT_OK(host_->SetSysctl(kAskOutputName, "2000000"));
  EXPECT_TRUE(IsOwned(Owner()));
  EXPECT_EQ(Tuned(), 2000000);
  ASSERT_OK(daemon_->Stop());
}

// Not even when there is room again: his write while there was none is not remembered.
TEST_F(OwnersFullTest, WhatWasNotTunedIsLeftAloneFromThenOn) {
  const int64_t before = Value();
  ASSERT_NO_FATAL_FAILURE(Fill());
  EXPECT_EQ(Tuned(), before);
  EXPECT_TRUE(daemon_->WaitForLine("was not changed, nor will be others .* no room", 20s));
  ASSERT_OK(host_->SetSysctl(kAskOutputName, "2000000"));
  EXPECT_TRUE(daemon_->WaitForLine("no room to remember that it is theirs", 20s));
  Empty();
  EXPECT_EQ(Tuned(), 2000000);
  EXPECT_FALSE(Owner());
  ASSERT_OK(daemon_->Stop());
}

}  // namespace
}  // namespace bpftune::testing
