// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "netns/netns_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "netns/netns_id.h"
#include "netns/test_namespaces.h"
#include "testing/privilege.h"

namespace bpftune {
namespace {

using testing::CountOpenDescriptors;
using testing::Know;
using testing::KnownNetns;
using testing::MakeNetns;
using testing::MountDir;
using testing::ProcessIn;
using testing::ThreadInNew;

std::string IdText(NetnsId id) { return std::to_string(id.value); }

TEST(NetnsTableTest, CallsTheInitialNamespaceAndGlobalTunablesGlobal) {
  NetnsFinder finder;
  NetnsTable table(&finder);
  const auto initial = IdOfInitial();
  ASSERT_TRUE(initial) << initial.error().message();
  EXPECT_EQ(table.DisplayName(initial->id), "global ns");
  EXPECT_EQ(table.DisplayName(kNoNetns), "global ns");
}

TEST(NetnsTableTest, CallsAnUnknownNamespaceByItsId) {
  NetnsFinder finder;
  NetnsTable table(&finder);
  EXPECT_EQ(table.DisplayName(NetnsId{987654321987}), "netns id 987654321987");
}

TEST(NetnsTableTest, CallsANamedNamespaceByItsName) {
  BPFTUNE_NEEDS_PRIVILEGE();
  const MountDir mounts;
  const UniqueFd netns = MakeNetns();
  const NetnsId id = Know(netns.get()).id;
  const ProcessIn process(netns.get(), "nginx");
  mounts.Mount(netns.get(), "it's\nblue");
  NetnsFinder finder;
  NetnsTable table(&finder, mounts.path());
  EXPECT_EQ(table.DisplayName(id), "netns 'it?s?blue' (id " + IdText(id) + ")");
}

TEST(NetnsTableTest, CallsANamelessNamespaceByItsFirstProcess) {
  BPFTUNE_NEEDS_PRIVILEGE();
  const UniqueFd netns = MakeNetns();
  const NetnsId id = Know(netns.get()).id;
  const ProcessIn process(netns.get(), "nginx");
  NetnsFinder finder;
  NetnsTable table(&finder);
  const size_t descriptors = CountOpenDescriptors();
  EXPECT_EQ(table.DisplayName(id),
            "netns of pid " + std::to_string(process.pid()) + " 'nginx' (id " + IdText(id) + ")");
  EXPECT_EQ(CountOpenDescriptors(), descriptors);
}

TEST(NetnsTableTest, RemembersTheNameOfANamespaceThatIsGone) {
  BPFTUNE_NEEDS_PRIVILEGE();
  if (ProbeNetnsIdKind() != NetnsIdKind::kCookie) GTEST_SKIP() << "no SO_NETNS_COOKIE";
  const MountDir mounts;
  UniqueFd netns = MakeNetns();
  const NetnsId id = Know(netns.get()).id;
  mounts.Mount(netns.get(), "blue");
  netns.reset();
  NetnsFinder finder;
  NetnsTable table(&finder, mounts.path());
  const std::string name = table.DisplayName(id);
  EXPECT_EQ(name, "netns 'blue' (id " + IdText(id) + ")");
  mounts.Unmount("blue");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (finder.Find(id) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(table.DisplayName(id), name);
}

TEST(NetnsTableTest, ListsEachNamespaceOnceWithWhatIsKnown) {
  BPFTUNE_NEEDS_PRIVILEGE();
  const MountDir mounts;
  const UniqueFd held = MakeNetns();
  const ProcessIn process(held.get(), "nginx");
  const UniqueFd named = MakeNetns();
  const std::string path = mounts.Mount(named.get(), "blue");
  const ThreadInNew thread;

  NetnsFinder finder;
  const size_t descriptors = CountOpenDescriptors();
  const auto list = NetnsTable(&finder, mounts.path()).List();
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_EQ(CountOpenDescriptors(), descriptors);

  const auto entry_of = [&](const KnownNetns& netns) {
    EXPECT_EQ(std::ranges::count(list->entries, netns.id, &NetnsEntry::id), 1);
    const auto entry = std::ranges::find(list->entries, netns.id, &NetnsEntry::id);
    if (entry == list->entries.end()) return NetnsEntry{};
    EXPECT_EQ(entry->inode, netns.inode);
    return *entry;
  };
  const NetnsEntry held_entry = entry_of(Know(held.get()));
  EXPECT_EQ(held_entry.pid, process.pid());
  EXPECT_EQ(held_entry.name, "");
  const NetnsEntry named_entry = entry_of(Know(named.get()));
  EXPECT_EQ(named_entry.name, "blue");
  EXPECT_EQ(named_entry.path, path);
  EXPECT_EQ(named_entry.pid, 0);
  EXPECT_NE(entry_of(thread.netns()).pid, 0);
  EXPECT_TRUE(std::ranges::is_sorted(list->entries, {}, &NetnsEntry::id));
}

}  // namespace
}  // namespace bpftune
