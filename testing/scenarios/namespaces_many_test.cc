// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Namespaces by the hundred, tuned and administrated, that come and go: what is known of them goes
// with them, nothing of the daemon's keeps one alive, and the log stays short. A thousand in which
// nothing happens but a program that runs are counted.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/netns_reaper.h"
#include "controller/shared_maps.h"
#include "controller/sysctl_files.h"
#include "controller/tuning_state.h"
#include "netns/netns_id.h"
#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/child_process.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/asker.h"
#include "testing/objects/held_objects.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kMany = 300;
constexpr int kThousand = 1000;
// The kernel takes namespaces apart one after the other, in seconds; a slow machine's daemon looks
// less often.
constexpr auto kTakenApart = 120s;

uint64_t IdOf(const Host& host) { return host.cookie() != 0 ? host.cookie() : host.inode(); }

// Which of these namespaces a map of a daemon knows something of. (It looks at the whole machine,
// where others write too.)
std::set<uint64_t> KnownOf(const std::set<uint64_t>& ids, int map) {
  std::set<uint64_t> out;
  for (const state_key& key : StateKeys(map)) {
    if (ids.contains(key.netns)) out.insert(key.netns);
  }
  return out;
}

size_t OpenDescriptors(pid_t pid) {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(pid) + "/fd", error);
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

class NamespacesManyTest : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }

  // The daemon writes one tunable, the administrator another.
  static void UseBoth(Asker& asker, const Host& host) {
    ASSERT_OK_AND_ASSIGN(const std::string text, host.GetSysctl(kAskOutputName));
    const int64_t seen = std::stoll(text);
    const request record = asker.Set(host, kAskOutput, {seen}, {seen + 1});
    ASSERT_OK(asker.Ask(record));
    ASSERT_TRUE(EventuallyTrue([&] { return asker.IsAnswered(record); }, 10s)) << host.name();
    ASSERT_OK(host.SetSysctl(kAskPortsName, "20000 40000"));
  }

  // How often it has told of an administrator's write in a namespace of this test.
  static size_t CountOurWrites(const Daemon& daemon) {
    return daemon.CountLines("pid " + std::to_string(getpid()) + ", cmd '.*' modified sysctl");
  }

  // The administrator writes so often that the daemon looks soon which namespaces are gone.
  static void WriteOften(const Host& host, const std::string& tunable, const std::string& first) {
    for (size_t i = 0; i < NetnsReaper::kMany; ++i) {
      ASSERT_OK(host.SetSysctl(tunable, first + std::to_string(40000 + i)));
    }
  }
};

TEST_F(NamespacesManyTest, NothingIsLeftOfThoseThatAreGone) {
  ASSERT_OK_AND_ASSIGN(TunerFolder folder,
                       TunerFolder::Create({kSysctlObject, kNetnsObject, kAskObject}));
  ASSERT_OK_AND_ASSIGN(Daemon daemon,
                       Daemon::Start(kDaemonPath, Apart({"-s", "-l", folder.path()})));
  ASSERT_TRUE(daemon.WaitForLine("per-netns policy", 30s));
  ASSERT_OK_AND_ASSIGN(Asker asker, Asker::Of(daemon.pid()));
  ASSERT_OK_AND_ASSIGN(HeldObjects held, HeldObjects::Of(daemon.pid()));
  ASSERT_OK_AND_ASSIGN(UniqueFd owners, held.Map(MAP_OWNERS));
  ASSERT_OK_AND_ASSIGN(UniqueFd published, held.Map(MAP_PUBLISHED));

  ASSERT_OK_AND_ASSIGN(const Host stays, Host::Create("stays"));
  ASSERT_NO_FATAL_FAILURE(UseBoth(asker, stays));
  const size_t descriptors = OpenDescriptors(daemon.pid());  // all are open that it always has
  std::set<uint64_t> ours = {IdOf(stays)};
  UniqueFd held_open;
  uint64_t held_open_id = 0;
  {
    std::vector<Host> hosts;
    for (int i = 0; i < kMany; ++i) {
      ASSERT_OK_AND_ASSIGN(Host host, Host::Create("many" + std::to_string(i)));
      ASSERT_NO_FATAL_FAILURE(UseBoth(asker, host));
      ours.insert(IdOf(host));
      hosts.push_back(host);
    }
    const Host& last = hosts.back();
    held_open.reset(open(last.netns_path().c_str(), O_RDONLY | O_CLOEXEC));
    held_open_id = IdOf(last);
    for (const int map : {owners.get(), published.get()}) {
      EXPECT_EQ(KnownOf(ours, map), ours) << "each is known while it lives";
    }
    EXPECT_TRUE(EventuallyTrue([&] { return CountOurWrites(daemon) == kMany + 1U; }, 10s));
  }
  const size_t lines = daemon.CountLines("'many[0-9]+'");

  // It looks for the dead when it is awake. That it finds them dead shows that nothing of its own
  // has kept them alive: the list it looks at is the kernel's.
  const auto only_the_living = [&](int map) {
    return KnownOf(ours, map) == std::set<uint64_t>{IdOf(stays), held_open_id};
  };
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        WriteOften(stays, kAskPortsName, "20000 ");
        return only_the_living(owners.get()) && only_the_living(published.get());
      },
      kTakenApart))
      << KnownOf(ours, owners.get()).size() << " of the administrator's and "
      << KnownOf(ours, published.get()).size() << " of the daemon's are still there";
  EXPECT_TRUE(EventuallyTrue(  // more while it writes
      [&] { return OpenDescriptors(daemon.pid()) <= descriptors + SysctlFiles::kMostOpen; }, 10s))
      << OpenDescriptors(daemon.pid()) << " are open, " << descriptors << " were at the start";
  EXPECT_EQ(daemon.CountLines("'many[0-9]+'"), lines) << "not a word about their end";

  // Those that live are as before, whatever holds them.
  EXPECT_TRUE(IsOwned(asker.Owner(stays, kAskPorts)));
  ASSERT_NO_FATAL_FAILURE(UseBoth(asker, stays));
  held_open.reset();
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
}

// The id of a namespace that a program was executed in, and that is left again.
Result<uint64_t> MakeOneAndLeave() {
  auto inside = Pipe::Create();
  auto leave = Pipe::Create();
  if (!inside) return inside.error();
  if (!leave) return leave.error();
  // cat tells by its first byte that it runs, and ends with what it reads from.
  auto child = ChildProcess::Start([&] {
    if (unshare(CLONE_NEWNET) != 0) return 1;
    if (dup2(leave->read.get(), STDIN_FILENO) < 0 || dup2(inside->write.get(), STDOUT_FILENO) < 0)
      return 1;
    execl("/bin/cat", "cat", nullptr);
    return 1;
  });
  if (!child) return child.error();
  char byte = 'x';
  if (write(leave->write.get(), &byte, 1) != 1) return Error::FromErrno("writing to cat");
  inside->write.reset();
  if (read(inside->read.get(), &byte, 1) != 1) return Error("cat does not run in a namespace");
  UniqueFd netns(
      open(("/proc/" + std::to_string(child->pid()) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
  auto id = bpftune::IdOf(netns.get());
  if (!id) return id.error();
  netns.reset();
  leave->write.reset();
  if (!child->Wait(10s)) return Error("cat does not end");
  return id->value;
}

TEST_F(NamespacesManyTest, AThousandThatComeAndGoAreCountedAndLeaveNothing) {
  ASSERT_OK_AND_ASSIGN(TunerFolder folder, TunerFolder::Create({kSysctlObject, kNetnsObject}));
  ASSERT_OK_AND_ASSIGN(Daemon daemon,
                       Daemon::Start(kDaemonPath, Apart({"-s", "-l", folder.path()})));
  ASSERT_TRUE(daemon.WaitForLine("per-netns policy", 30s));
  ASSERT_OK_AND_ASSIGN(HeldObjects held, HeldObjects::Of(daemon.pid()));
  ASSERT_OK_AND_ASSIGN(UniqueFd table, held.Map(MAP_NAMESPACES));
  const size_t descriptors = OpenDescriptors(daemon.pid());
  const size_t lines = daemon.Lines().size();

  std::set<uint64_t> ours;  // fewer than were made where ids are used again
  for (int i = 0; i < kThousand; ++i) {
    ASSERT_OK_AND_ASSIGN(const uint64_t id, MakeOneAndLeave());
    ours.insert(id);
  }
  EXPECT_EQ(daemon.Lines().size(), lines) << "not a word about any of them";
  EXPECT_LE(OpenDescriptors(daemon.pid()), descriptors);

  // Its summary comes behind a walk, for which the last of them may still have been there. The
  // machine's others come and go too, and are counted.
  size_t from = lines;
  std::optional<Line> summary;
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        from = daemon.Lines().size();
        daemon.Signal(SIGUSR1);
        summary = daemon.WaitForLine(
            "Summary: ([0-9]+) network namespaces appeared, ([0-9]+) disappeared, ([0-9]+) are "
            "there now",
            10s, from);
        return summary && std::stoul(summary->captures[1]) >= ours.size() &&
               KnownOf(ours, table.get()).empty();
      },
      kTakenApart))
      << KnownOf(ours, table.get()).size() << " are still in the table";
  ASSERT_TRUE(summary);
  EXPECT_GE(std::stoul(summary->captures[0]), ours.size());
  EXPECT_GE(std::stoul(summary->captures[1]), ours.size());
  EXPECT_GE(std::stoul(summary->captures[2]), 1U);
  EXPECT_LE(OpenDescriptors(daemon.pid()), descriptors);
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
}

TEST_F(NamespacesManyTest, WhatATunerHasLearnedGoesWithTheNamespace) {
  const BulkCase c = {.side = Side::kSend, .cap = 131072, .rtt_ms = 40, .rate_mbit = 100};
  ASSERT_OK_AND_ASSIGN(const Host busy, Host::Create("busy"));
  uint64_t gone = 0;
  std::optional<Daemon> daemon;
  UniqueFd learning;
  {
    ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
    ASSERT_OK_AND_ASSIGN(Daemon started, StartDaemon({path.a.get(), &busy}));
    daemon.emplace(std::move(started));
    ASSERT_OK_AND_ASSIGN(HeldObjects held, HeldObjects::Of(daemon->pid()));
    ASSERT_OK_AND_ASSIGN(learning, held.Map("learning"));
    gone = IdOf(*path.a);
    ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
    ASSERT_TRUE(daemon->WaitForLine(OccurredIn(*path.a, "net.ipv4.tcp_wmem"), 30s));
    ASSERT_TRUE(KnownOf({gone}, learning.get()).contains(gone));
  }
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        WriteOften(busy, "net.ipv4.tcp_wmem", "4096 16384 ");
        return !KnownOf({gone}, learning.get()).contains(gone);
      },
      kTakenApart));
  ASSERT_OK(daemon->Stop());
}

}  // namespace
}  // namespace bpftune::testing
