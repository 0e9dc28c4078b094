// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// What needs no privileges: reading mountinfo, the processes, and ids without entering anything.

#include "netns/netns_places.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "netns/netns_finder.h"
#include "netns/netns_id.h"

namespace bpftune {
namespace {

TEST(ParseNetnsMountsTest, FindsTheMountsOfNetworkNamespacesOnly) {
  const auto places = ParseNetnsMounts(
      "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
      "36 35 0:4 net:[4026532299] /run/netns/blue rw shared:1 - nsfs nsfs rw\n"
      "37 35 0:4 mnt:[4026532300] /run/snapd/ns/lxd.mnt rw - nsfs nsfs rw\n"
      "38 35 8:1 /net:[4026532301] /srv/odd rw - ext4 /dev/sda1 rw\n"
      "39 35 0:5 net:[4026532302] /srv/odder rw - tmpfs none rw\n"
      "40 35 0:4 net:[4026532303] /run/docker/netns/1a2b rw shared:1 - nsfs nsfs rw");
  ASSERT_EQ(places.found.size(), 2u);
  EXPECT_EQ(places.found[0].inode, 4026532299u);
  EXPECT_EQ(places.found[0].path, "/run/netns/blue");
  EXPECT_EQ(places.found[0].pid, 0);
  EXPECT_EQ(places.found[1].path, "/run/docker/netns/1a2b");
  EXPECT_EQ(places.not_read, 0u);
}

TEST(ParseNetnsMountsTest, UndoesTheEscapesOfMountPoints) {
  struct Case {
    const char* what;
    const char* written;
    const char* meant;
  };
  for (const Case& c :
       {Case{"blank", "/run/a\\040b", "/run/a b"}, Case{"backslash", "/run/a\\134b", "/run/a\\b"},
        Case{"escape at the end", "/run/a\\012", "/run/a\n"},
        Case{"cut off", "/run/a\\04", "/run/a\\04"},
        Case{"no escape", "/run/a\\x40", "/run/a\\x40"},
        Case{"a lone one", "/run/a\\", "/run/a\\"}}) {
    const auto places =
        ParseNetnsMounts(std::string("36 35 0:4 net:[7] ") + c.written + " rw - nsfs nsfs rw\n");
    ASSERT_EQ(places.found.size(), 1u) << c.what;
    EXPECT_EQ(places.found[0].path, c.meant) << c.what;
  }
}

TEST(ParseNetnsMountsTest, SurvivesLinesThatAreNotMounts) {
  for (const char* text : {"", "\n\n", "36", "36 35 0:4 net:[", "36 35 0:4 net:[] /a - nsfs n rw",
                           "36 35 0:4 net:[x7] /a - nsfs n rw", "36 35 0:4 net:[7]x /a - nsfs n rw",
                           "36 35 0:4 net:[99999999999999999999999] /a - nsfs n rw"}) {
    EXPECT_TRUE(ParseNetnsMounts(text).found.empty()) << text;
  }
}

TEST(ParseNetnsMountsTest, CountsWhatIsOverTheLimit) {
  std::string text;
  for (size_t i = 0; i < kMaxNetnsPlaces + 5; ++i) text += "36 35 0:4 net:[7] /a rw - nsfs n rw\n";
  const auto places = ParseNetnsMounts(text);
  EXPECT_EQ(places.found.size(), kMaxNetnsPlaces);
  EXPECT_EQ(places.not_read, 5u);
}

TEST(PlacesAtProcessesTest, SeesOurOwnNamespaceAFewTimesAtMost) {
  const auto own = OpenCurrentNetns();
  ASSERT_TRUE(own) << own.error().message();
  const uint64_t inode = InodeOf(own->get()).value();
  const auto places = PlacesAtProcesses();
  ASSERT_TRUE(places) << places.error().message();
  const auto seen =
      static_cast<size_t>(std::ranges::count(places->found, inode, &NetnsPlace::inode));
  EXPECT_GE(seen, 1U);
  EXPECT_LE(seen, kMostPlacesOfEach);
}

TEST(OpenPlaceTest, RefusesAPlaceThatIsSomethingElseByNow) {
  const std::string own = "/proc/self/ns/net";
  const uint64_t inode = InodeOf(OpenCurrentNetns().value().get()).value();
  EXPECT_TRUE(OpenPlace({inode, own, 0}));
  for (const NetnsPlace& place : {NetnsPlace{inode + 1, own, 0}, NetnsPlace{inode, "/dev/null", 0},
                                  NetnsPlace{inode, "/no/such/file", 0}}) {
    const auto opened = OpenPlace(place);
    ASSERT_FALSE(opened) << place.path;
    EXPECT_EQ(opened.error().code(), ENOENT);
  }
}

TEST(NetnsIdTest, InodeIdNeedsNoPrivilege) {
  const auto own = OpenCurrentNetns();
  ASSERT_TRUE(own);
  const auto by_descriptor = IdOf(own->get(), NetnsIdKind::kInode);
  const auto current = IdOfCurrent(NetnsIdKind::kInode);
  ASSERT_TRUE(by_descriptor);
  ASSERT_TRUE(current);
  EXPECT_EQ(*by_descriptor, *current);
  EXPECT_EQ(by_descriptor->value, InodeOf(own->get()).value());
}

TEST(NetnsIdTest, RefusesDescriptorsOfOtherThings) {
  for (const char* path : {"/dev/null", "/proc/self/ns/mnt"}) {
    const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(fd) << path;
    const auto id = IdOf(fd.get(), NetnsIdKind::kInode);
    ASSERT_FALSE(id) << path;
    EXPECT_EQ(id.error().code(), EINVAL);
  }
}

TEST(NetnsIdTest, IsNeverTheIdOfGlobalTunables) {
  for (const auto kind : {ProbeNetnsIdKind(), NetnsIdKind::kInode}) {
    const auto current = IdOfCurrent(kind);
    ASSERT_TRUE(current) << current.error().message();
    EXPECT_NE(*current, kNoNetns);
  }
}

TEST(NetnsFinderTest, GlobalTunablesHaveNoNamespaceToFind) {
  const auto found = NetnsFinder().Find(kNoNetns);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), EINVAL);
}

}  // namespace
}  // namespace bpftune
