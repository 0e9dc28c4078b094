// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kept/instance.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace bpftune {
namespace {

TEST(InstanceNameTest, TellsSetsOfNamespacesApart) {
  EXPECT_EQ(InstanceName({}), "all");
  EXPECT_EQ(InstanceName({1, 2}), InstanceName({2, 1}));
  EXPECT_NE(InstanceName({1, 2}), InstanceName({1}));
  EXPECT_EQ(InstanceName({1}).size(), std::string("netns-").size() + 16);
}

TEST(LockInstanceTest, MakesAFolderForItsOwnerAlone) {
  const std::string folder = ::testing::TempDir() + "made/all";
  const auto lock = LockInstance(folder);
  ASSERT_TRUE(lock) << lock.error().message();
  struct stat found = {};
  ASSERT_EQ(stat(folder.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700U);
}

TEST(LockInstanceTest, IsGivenToOneAtATime) {
  const std::string folder = ::testing::TempDir() + "one/all";
  auto first = LockInstance(folder);
  ASSERT_TRUE(first);
  const auto second = LockInstance(folder);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), EWOULDBLOCK);
  EXPECT_NE(second.error().message().find("(pid " + std::to_string(getpid()) + ")"),
            std::string::npos);
  first->reset();
  EXPECT_TRUE(LockInstance(folder));
}

TEST(LockInstanceTest, DoesNotFollowALink) {
  const std::string folder = ::testing::TempDir() + "linked";
  ASSERT_TRUE(MakeDirectories(folder));
  ASSERT_EQ(symlink("/dev/null", (folder + "/lock").c_str()), 0);
  EXPECT_FALSE(LockInstance(folder));
}

}  // namespace
}  // namespace bpftune
