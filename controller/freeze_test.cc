// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/freeze.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "controller/fakes/fake_log.h"

namespace bpftune {
namespace {

class FreezeTest : public ::testing::Test {
 protected:
  FreezeTest() {
    std::string pattern = ::testing::TempDir() + "freeze-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    file_ = directory_ + "/freeze";
  }
  ~FreezeTest() override { std::filesystem::remove_all(directory_); }

  static bool IsReadable(int fd) {
    pollfd waiting = {.fd = fd, .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, 0) == 1;
  }

  std::string directory_;
  std::string file_;
  FakeLog log_;
};

TEST_F(FreezeTest, LastsAsLongAsTheFileAndIsSaidOnceEachWay) {
  Freeze freeze(directory_, &log_);
  EXPECT_FALSE(freeze.Check());
  std::ofstream(file_).close();
  EXPECT_TRUE(freeze.Check());
  EXPECT_TRUE(freeze.Check());
  std::filesystem::remove(file_);
  EXPECT_FALSE(freeze.Check());
  EXPECT_FALSE(freeze.Check());
  EXPECT_EQ(
      (std::vector<std::string>{"'" + file_ + "' is there: nothing is changed until it is removed",
                                "'" + file_ + "' was removed: tuning goes on"}),
      log_.Lines());
}

TEST_F(FreezeTest, WakesTheLoopWhenTheFileComesAndGoes) {
  Freeze freeze(directory_, &log_);
  ASSERT_GE(freeze.fd(), 0);
  EXPECT_FALSE(IsReadable(freeze.fd()));
  std::ofstream(file_).close();
  EXPECT_TRUE(IsReadable(freeze.fd()));
  freeze.Check();
  EXPECT_FALSE(IsReadable(freeze.fd()));
  std::filesystem::remove(file_);
  EXPECT_TRUE(IsReadable(freeze.fd()));
}

TEST_F(FreezeTest, CountsInADirectoryThatHasTakenThePlaceOfTheOneItBeganWith) {
  Freeze freeze(directory_, &log_);
  EXPECT_FALSE(freeze.Check());
  std::filesystem::remove_all(directory_);
  std::filesystem::create_directory(directory_);
  EXPECT_FALSE(freeze.Check());
  std::ofstream(file_).close();
  EXPECT_TRUE(freeze.Check());
}

TEST_F(FreezeTest, CountsInADirectoryThatHasTakenThePlaceOfOneMovedAway) {
  Freeze freeze(directory_, &log_);
  EXPECT_FALSE(freeze.Check());
  const std::string aside = directory_ + ".aside";
  std::filesystem::rename(directory_, aside);
  std::filesystem::create_directory(directory_);
  std::ofstream(file_).close();
  EXPECT_TRUE(freeze.Check());
  std::filesystem::remove_all(aside);
}

TEST_F(FreezeTest, FileThatIsThereAtTheStartCounts) {
  std::ofstream(file_).close();
  EXPECT_TRUE(Freeze(directory_, &log_).Check());
}

}  // namespace
}  // namespace bpftune
