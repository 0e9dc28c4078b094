// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// One daemon after another: what was learned, done and yielded outlives the daemon, unless it means
// something else to the next one.

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bpf/common/state_abi.h"
#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/host.h"
#include "testing/objects/asker.h"
#include "testing/objects/bpf_file_system.h"
#include "testing/objects/held_objects.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kBefore = 1048576;
const std::vector<std::string> kObjects = {kSysctlObject, kNetnsObject, kAskObject};

// One daemon of the row, with the test tuner's ear.
struct Life {
  Daemon daemon;
  Asker asker;
};

class RestartTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    auto mounted = BpfFileSystem::Mount();
    ASSERT_OK(mounted);
    bpffs_.emplace(std::move(*mounted));
    auto host = Host::Create("tuned");
    ASSERT_OK(host);
    host_.emplace(std::move(*host));
    ASSERT_OK(host_->SetSysctl(kAskOutputName, std::to_string(kBefore)));
  }

  std::string pin_dir() const { return bpffs_->path() + "/bpftune"; }
  // The folder of the one instance of a test.
  std::string instance() const {
    return std::filesystem::directory_iterator(pin_dir())->path().string();
  }

  Result<Daemon> Start(const std::vector<std::string>& scope, const std::string& pin_dir,
                       const std::vector<std::string>& objects = kObjects) {
    auto folder = TunerFolder::Create(objects);
    if (!folder) return folder.error();
    std::vector<std::string> arguments = {"-s", "-l", folder->path(), "--pin-dir", pin_dir};
    arguments.insert(arguments.end(), scope.begin(), scope.end());
    auto daemon = Daemon::Start(kDaemonPath, Apart(arguments));
    if (daemon && !daemon->WaitForLine("per-netns policy", 30s)) return Error("it is not ready");
    return daemon;
  }
  Result<Life> Live(const std::vector<std::string>& scope) {
    auto daemon = Start(scope, pin_dir());
    if (!daemon) return daemon.error();
    auto asker = Asker::Of(daemon->pid());
    if (!asker) return asker.error();
    return Life{std::move(*daemon), std::move(*asker)};
  }
  Result<Life> Live() { return Live({"-n", host_->netns_path()}); }

  int64_t Value() const {
    auto text = host_->GetSysctl(kAskOutputName);
    return text ? std::stoll(*text) : -1;
  }
  static layout_key KeyOf(const std::string& name) {
    layout_key key = {};
    name.copy(key.name, sizeof(key.name) - 1);
    return key;
  }
  // As if another version had written that line of the layout.
  void ChangeLayout(const std::string& name) {
    const UniqueFd layout(bpf_obj_get((instance() + "/" MAP_LAYOUT).c_str()));
    const layout_key key = KeyOf(name);
    layout_entry entry = {};
    ASSERT_EQ(bpf_map_lookup_elem(layout.get(), &key, &entry), 0) << name;
    entry.fingerprint ^= 1;
    ASSERT_EQ(bpf_map_update_elem(layout.get(), &key, &entry, BPF_ANY), 0);
  }
  // Something else in place of a pinned map.
  void Replace(const std::string& name, int with) {
    const std::string path = instance() + "/" + name;
    ASSERT_EQ(unlink(path.c_str()), 0);
    ASSERT_EQ(bpf_obj_pin(with, path.c_str()), 0);
  }

  std::optional<BpfFileSystem> bpffs_;
  std::optional<Host> host_;
};

class EndTest : public RestartTest, public ::testing::WithParamInterface<bool> {};

TEST_P(EndTest, TheNextDaemonGoesOnWhereTheLastOneEnded) {
  uint64_t asked = 0;
  for (uint32_t life = 1; life <= 3; ++life) {
    ASSERT_OK_AND_ASSIGN(Life now, Live());
    EXPECT_EQ(now.asker.TimesAsked(*host_, kAskOutput), asked);
    EXPECT_TRUE(now.asker.Raise(*host_));
    asked = now.asker.TimesAsked(*host_, kAskOutput);
    EXPECT_GE(asked, life);
    const auto published = now.asker.Published(*host_, kAskOutput);
    ASSERT_TRUE(published);
    EXPECT_EQ(published->writes, life);
    EXPECT_EQ(published->baseline[0], kBefore);
    EXPECT_EQ(published->last[0], kBefore + life);
    ASSERT_OK(GetParam() ? now.daemon.Kill() : now.daemon.Stop());
    EXPECT_EQ(now.daemon.CountLines("forgotten|somebody else"), 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(HowItEnds, EndTest, ::testing::Bool(),
                         [](const auto& end) { return end.param ? "Killed" : "Stopped"; });

TEST_F(RestartTest, NoProgramAndNoLinkOutlivesIt) {
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start({"-n", host_->netns_path()}, pin_dir()));
  ASSERT_OK_AND_ASSIGN(HeldObjects held, HeldObjects::Of(daemon.pid()));
  held.maps.clear();
  ASSERT_FALSE(held.programs.empty());
  ASSERT_FALSE(held.links.empty());
  ASSERT_OK(daemon.Kill());

  EXPECT_TRUE(EventuallyTrue([&] { return held.StillThere().empty(); }, 5s))
      << ::testing::PrintToString(held.StillThere());
}

TEST_F(RestartTest, WhatTheAdministratorOwnsStaysHis) {
  ASSERT_OK_AND_ASSIGN(Life first, Live());
  ASSERT_TRUE(first.asker.Raise(*host_));
  ASSERT_OK(Administrate(*host_, kAskOutputName, std::to_string(kBefore * 2)));
  ASSERT_OK(first.daemon.Stop());

  ASSERT_OK_AND_ASSIGN(Life second, Live());

  EXPECT_FALSE(second.asker.Raise(*host_));
  EXPECT_EQ(Value(), kBefore * 2);
  EXPECT_EQ(second.daemon.CountLines("somebody else"), 0U);
}

TEST_F(RestartTest, WhatWasChangedWhileNoDaemonRanIsTheAdministrators) {
  ASSERT_OK_AND_ASSIGN(Life first, Live());
  ASSERT_TRUE(first.asker.Raise(*host_));
  ASSERT_OK(first.daemon.Stop());
  ASSERT_OK(Administrate(*host_, kAskOutputName, std::to_string(kBefore * 2)));

  ASSERT_OK_AND_ASSIGN(Life second, Live());

  EXPECT_FALSE(second.asker.Raise(*host_));
  EXPECT_EQ(Value(), kBefore * 2);
  EXPECT_EQ(second.daemon.CountLines(
                "'" + std::string(kAskOutputName) + "' in .* is \\(" + std::to_string(kBefore * 2) +
                "\\) where bpftune had written \\(" + std::to_string(kBefore + 1) +
                "\\): somebody else changed it; it is theirs"),
            1U);
  // The third knows already.
  ASSERT_OK(second.daemon.Stop());
  ASSERT_OK_AND_ASSIGN(Life third, Live());
  EXPECT_FALSE(third.asker.Raise(*host_));
  EXPECT_EQ(third.daemon.CountLines("somebody else"), 0U);
}

TEST_F(RestartTest, WhatItPutBackAsItEndedIsNobodys) {
  ASSERT_OK_AND_ASSIGN(Life first, Live({"-n", host_->netns_path(), "-R"}));
  ASSERT_TRUE(first.asker.Raise(*host_));
  ASSERT_OK(first.daemon.Stop());
  EXPECT_EQ(Value(), kBefore);

  ASSERT_OK_AND_ASSIGN(Life second, Live());
  EXPECT_EQ(second.daemon.CountLines("somebody else"), 0U);
  EXPECT_TRUE(second.asker.Raise(*host_));
}

TEST_F(RestartTest, WhatWasUndoneAfterItsDeathIsNobodys) {
  ASSERT_OK_AND_ASSIGN(Life first, Live());
  ASSERT_TRUE(first.asker.Raise(*host_));
  ASSERT_OK(first.daemon.Kill());
  ASSERT_OK_AND_ASSIGN(Daemon undo,
                       Daemon::Start(kDaemonPath, Apart({"--undo", "--pin-dir", pin_dir()})));
  ASSERT_OK_AND_ASSIGN(DaemonExit undone, undo.WaitForExit(30s));
  EXPECT_EQ(undone.code, 0);
  EXPECT_EQ(Value(), kBefore);

  ASSERT_OK_AND_ASSIGN(Life second, Live());
  EXPECT_EQ(second.daemon.CountLines("somebody else"), 0U);
  EXPECT_TRUE(second.asker.Raise(*host_));
}

TEST_F(RestartTest, AnotherVersionOfTheLayoutStartsAfreshAndSaysSo) {
  ASSERT_OK_AND_ASSIGN(Life first, Live());
  ASSERT_TRUE(first.asker.Raise(*host_));
  ASSERT_OK(first.daemon.Stop());
  ASSERT_NO_FATAL_FAILURE(ChangeLayout("version"));

  ASSERT_OK_AND_ASSIGN(Life second, Live());

  EXPECT_EQ(second.daemon.CountLines(
                "what an earlier bpftune has learned is forgotten: it has another layout"),
            1U);
  EXPECT_EQ(second.asker.TimesAsked(*host_, kAskOutput), 0U);
  EXPECT_TRUE(second.asker.Raise(*host_));
  // What was changed is in the undo journal, which has a layout of its own.
  EXPECT_EQ(second.asker.Published(*host_, kAskOutput)->baseline[0], kBefore);
  // And the third has that.
  ASSERT_OK(second.daemon.Stop());
  ASSERT_OK_AND_ASSIGN(Life third, Live());
  EXPECT_GE(third.asker.TimesAsked(*host_, kAskOutput), 1U);
  EXPECT_TRUE(third.asker.Raise(*host_));
}

TEST_F(RestartTest, AnotherLayoutOfATunersMapIsForgottenAlone) {
  ASSERT_OK_AND_ASSIGN(Life first, Live());
  ASSERT_TRUE(first.asker.Raise(*host_));
  ASSERT_OK(first.daemon.Stop());
  ASSERT_NO_FATAL_FAILURE(ChangeLayout("map ask-remembered"));

  ASSERT_OK_AND_ASSIGN(Life second, Live());

  EXPECT_EQ(second.daemon.CountLines("has kept in 'ask-remembered' is forgotten"), 1U);
  EXPECT_EQ(second.daemon.CountLines("forgotten"), 1U);
  EXPECT_EQ(second.asker.TimesAsked(*host_, kAskOutput), 0U);
  EXPECT_TRUE(second.asker.Raise(*host_));
  EXPECT_EQ(second.asker.Published(*host_, kAskOutput)->baseline[0], kBefore);
}

TEST_F(RestartTest, ATunerWithOtherTunablesGetsANewNumber) {
  ASSERT_OK_AND_ASSIGN(Life first, Live());
  ASSERT_TRUE(first.asker.Raise(*host_));
  ASSERT_OK(first.daemon.Stop());
  ASSERT_NO_FATAL_FAILURE(ChangeLayout("tuner ask"));

  ASSERT_OK_AND_ASSIGN(Life second, Live());

  EXPECT_EQ(second.daemon.CountLines("what tuner 'ask' has done before is forgotten"), 1U);
  EXPECT_EQ(second.asker.TimesAsked(*host_, kAskOutput), 0U);
  EXPECT_TRUE(second.asker.Raise(*host_));
}

TEST_F(RestartTest, AMapOfAnotherSizeIsNotUsed) {
  ASSERT_OK_AND_ASSIGN(Life first, Live());
  ASSERT_OK(first.daemon.Stop());
  const UniqueFd larger(bpf_map_create(BPF_MAP_TYPE_HASH, "hostile", sizeof(state_key),
                                       sizeof(published) + 8, STATE_MAX_ENTRIES, nullptr));
  ASSERT_NO_FATAL_FAILURE(Replace(MAP_PUBLISHED, larger.get()));
  const UniqueFd smaller(
      bpf_map_create(BPF_MAP_TYPE_HASH, "hostile", sizeof(state_key), 4, 64, nullptr));
  ASSERT_NO_FATAL_FAILURE(Replace("ask-remembered", smaller.get()));

  ASSERT_OK_AND_ASSIGN(Life second, Live());

  EXPECT_EQ(second.daemon.CountLines("has kept in 'tuner_published' is forgotten"), 1U);
  EXPECT_EQ(second.daemon.CountLines("has kept in 'ask-remembered' is forgotten"), 1U);
  EXPECT_EQ(second.asker.TimesAsked(*host_, kAskOutput), 0U);
  EXPECT_TRUE(second.asker.Raise(*host_));
}

TEST_F(RestartTest, SomethingThatIsNoMapIsNotUsed) {
  ASSERT_OK_AND_ASSIGN(Life first, Live());
  ASSERT_OK_AND_ASSIGN(HeldObjects held, HeldObjects::Of(first.daemon.pid()));
  ASSERT_OK_AND_ASSIGN(UniqueFd program, held.ProgramOf("ask"));
  ASSERT_OK(first.daemon.Stop());
  ASSERT_NO_FATAL_FAILURE(Replace(MAP_OWNERS, program.get()));
  ASSERT_NO_FATAL_FAILURE(Replace(MAP_LAYOUT, program.get()));

  ASSERT_OK_AND_ASSIGN(Life second, Live());

  EXPECT_EQ(second.daemon.CountLines("is forgotten: '.*' does not say what is in it"), 1U);
  EXPECT_TRUE(second.asker.Raise(*host_));
}

TEST_F(RestartTest, NamespacesThatAreGoneAreForgotten) {
  ASSERT_OK_AND_ASSIGN(Life first, Live(std::vector<std::string>{}));
  ASSERT_TRUE(first.asker.Raise(*host_));
  ASSERT_OK_AND_ASSIGN(Host other, Host::Create("other"));
  ASSERT_OK(first.daemon.Stop());
  ASSERT_EQ(std::filesystem::path(instance()).filename(), "all");
  const UniqueFd published(bpf_obj_get((instance() + "/" MAP_PUBLISHED).c_str()));
  state_key key = {};
  ASSERT_EQ(bpf_map_get_next_key(published.get(), nullptr, &key), 0);

  host_.reset();

  // The kernel takes a namespace apart in the background.
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        const auto second = Live(std::vector<std::string>{});
        return second && bpf_map_get_next_key(published.get(), nullptr, &key) != 0;
      },
      20s));
}

TEST_F(RestartTest, ATunerKeepsItsNumberWhenOthersCome) {
  const auto number = [](const Daemon& daemon) -> int {
    auto held = HeldObjects::Of(daemon.pid());
    auto map = held ? held->Map(MAP_WATCHED) : Result<UniqueFd>(held.error());
    const watched_key key = {"net/ipv4/tcp_rmem"};
    struct watched value = {};
    return map && bpf_map_lookup_elem(map->get(), &key, &value) == 0 ? value.tuner : -1;
  };
  const std::vector<std::string> scope = {"-n", host_->netns_path()};
  ASSERT_OK_AND_ASSIGN(Daemon first, Start(scope, pin_dir(), {kSysctlObject, kTcpBufferObject}));
  const int before = number(first);
  ASSERT_GE(before, 0);
  ASSERT_OK(first.Stop());

  ASSERT_OK_AND_ASSIGN(Daemon second,
                       Start(scope, pin_dir(), {kAskObject, kSysctlObject, kTcpBufferObject}));

  EXPECT_EQ(number(second), before);
}

TEST_F(RestartTest, WhereThereIsNoBpfFileSystemItSaysSoAndGoesOn) {
  const std::string folder = ::testing::TempDir() + "no-bpffs";
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start({"-n", host_->netns_path()}, folder));

  EXPECT_EQ(daemon.CountLines("what is learned will be forgotten when bpftune ends: '" + folder +
                              "/netns-[0-9a-f]*' is on no BPF file system "
                              "\\(mount -t bpf bpf /sys/fs/bpf\\); continuing without"),
            1U);
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_TRUE(daemon.IsRunning());
}

TEST_F(RestartTest, AFolderThatOthersMayWriteIsNotTrusted) {
  ASSERT_EQ(mkdir(pin_dir().c_str(), 0700), 0);
  ASSERT_EQ(chmod(pin_dir().c_str(), 0777), 0);
  ASSERT_OK_AND_ASSIGN(Daemon daemon, Start({"-n", host_->netns_path()}, pin_dir()));

  EXPECT_EQ(daemon.CountLines("'" + pin_dir() + "' is not a folder that only its owner"), 1U);
  EXPECT_TRUE(std::filesystem::is_empty(instance()));
}

}  // namespace
}  // namespace bpftune::testing
