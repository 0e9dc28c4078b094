// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kept/starts.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "controller/kept/boot_id.h"

namespace bpftune {
namespace {

constexpr char kBoot[] = "0b1f4c3e-5a57-4a0e-9d53-3c0f2b8f7e11";

TEST(QuickDeathsInTest, ReadsWhatWasWrittenForThisBootOnly) {
  EXPECT_EQ(QuickDeathsIn(StartsLine(kBoot, 2), kBoot), 2U);
  EXPECT_EQ(QuickDeathsIn(StartsLine(kBoot, 2), "another"), 0U);
  EXPECT_EQ(QuickDeathsIn("", kBoot), 0U);
  EXPECT_EQ(QuickDeathsIn(StartsLine(kBoot, 1) + StartsLine(kBoot, 2), kBoot), 1U)
      << "what a longer line has left";
}

TEST(QuickDeathsInTest, TakesNothingElseForANumber) {
  const std::string line = StartsLine(kBoot, 2);
  for (size_t length = 1; length < line.size(); ++length) {
    EXPECT_EQ(QuickDeathsIn(line.substr(0, length), kBoot), std::nullopt) << length;
  }
  for (const char* damaged :
       {"\n", "bpftune-starts-1 \n", "bpftune-starts-1  2\n", "bpftune-starts-1 b\n",
        "bpftune-starts-1 b \n", "bpftune-starts-1 b -1\n", "bpftune-starts-1 b 2x\n",
        "bpftune-starts-1 b 2 2\n", "bpftune-starts-1 b 4294967296\n", "bpftune-starts-2 b 2\n"}) {
    EXPECT_EQ(QuickDeathsIn(damaged, "b"), std::nullopt) << damaged;
  }
}

class StartsTest : public ::testing::Test {
 protected:
  StartsTest() {
    std::string pattern = ::testing::TempDir() + "starts-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    file_ = folder_ + "/starts";
    auto boot = BootId();
    EXPECT_TRUE(boot);
    if (boot) boot_ = *boot;
  }
  ~StartsTest() override { std::filesystem::remove_all(folder_); }

  // A daemon that starts and is killed.
  void Die() const {
    const pid_t child = fork();
    if (child == 0) {
      const Starts starts = Starts::Count(folder_);
      _exit(0);  // nothing is destroyed
    }
    ASSERT_GT(child, 0);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
  }
  std::string Text() const {
    std::ostringstream out;
    out << std::ifstream(file_).rdbuf();
    return out.str();
  }
  void Write(const std::string& text) const { std::ofstream(file_) << text; }

  std::string folder_;
  std::string file_;
  std::string boot_;
};

TEST_F(StartsTest, ThreeQuickDeathsAreALoop) {
  for (uint32_t deaths = 0; deaths < kQuickDeaths; ++deaths) {
    EXPECT_FALSE(Starts::Count(folder_).IsCrashLoop()) << deaths;
    ASSERT_NO_FATAL_FAILURE(Die());
  }
  EXPECT_TRUE(Starts::Count(folder_).IsCrashLoop());
  EXPECT_TRUE(Starts::Count(folder_).IsCrashLoop()) << "an orderly end does not end it";
  for (int i = 0; i < 100; ++i) ASSERT_NO_FATAL_FAILURE(Die());
  EXPECT_EQ(Text(), StartsLine(boot_, kQuickDeaths)) << "nor is it counted on";
}

TEST_F(StartsTest, AnOrderlyEndCountsForNothing) {
  ASSERT_NO_FATAL_FAILURE(Die());
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(Starts::Count(folder_).IsCrashLoop());
  EXPECT_EQ(Text(), StartsLine(boot_, 1));
}

TEST_F(StartsTest, OneThatHasSettledForgetsThoseBeforeAndDoesNotCountIfItDies) {
  Write(StartsLine(boot_, kQuickDeaths));
  {
    Starts starts = Starts::Count(folder_);
    EXPECT_TRUE(starts.IsCrashLoop());
    EXPECT_FALSE(starts.is_settled());
    starts.Settle();
    EXPECT_TRUE(starts.is_settled());
    EXPECT_TRUE(starts.IsCrashLoop()) << "this one goes on as it began";
    EXPECT_EQ(Text(), StartsLine(boot_, 0));
  }
  EXPECT_EQ(Text(), StartsLine(boot_, 0));
}

TEST_F(StartsTest, AFileThatSomebodyHasRemovedIsNotMadeAgainAtTheEnd) {
  {
    const Starts starts = Starts::Count(folder_);
    ASSERT_TRUE(std::filesystem::remove(file_));
  }
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(StartsTest, AnotherBootsDeathsAreForgotten) {
  Write(StartsLine("another", kQuickDeaths));
  const Starts starts = Starts::Count(folder_);
  EXPECT_FALSE(starts.IsCrashLoop());
  EXPECT_EQ(starts.complaint(), "");
  EXPECT_EQ(Text(), StartsLine(boot_, 1));
}

TEST_F(StartsTest, ADamagedFileIsSaidAndBegunAfresh) {
  Write(std::string(100'000, '9'));
  const Starts starts = Starts::Count(folder_);
  EXPECT_FALSE(starts.IsCrashLoop());
  EXPECT_NE(starts.complaint().find("/starts' is damaged"), std::string::npos);
  EXPECT_EQ(Text(), StartsLine(boot_, 1));
}

TEST_F(StartsTest, WhatIsNotOurFileIsSaidAndLeftAlone) {
  const std::string other = folder_ + "/other";
  std::ofstream(other) << "precious";
  const auto refuses = [&](const char* what) {
    const Starts starts = Starts::Count(folder_);
    EXPECT_FALSE(starts.IsCrashLoop()) << what;
    EXPECT_TRUE(starts.is_settled()) << what;
    EXPECT_TRUE(starts.complaint().starts_with("quick deaths are not counted: ")) << what;
    EXPECT_EQ(std::filesystem::file_size(other), 8U) << what;
    std::filesystem::remove(file_);
  };
  ASSERT_EQ(symlink(other.c_str(), file_.c_str()), 0);
  refuses("a symbolic link");
  ASSERT_EQ(link(other.c_str(), file_.c_str()), 0);
  refuses("a hard link");
  ASSERT_EQ(mkfifo(file_.c_str(), 0600), 0);
  refuses("a pipe");
  ASSERT_EQ(mkdir(file_.c_str(), 0700), 0);
  refuses("a directory");
  Write(StartsLine(boot_, kQuickDeaths));
  ASSERT_EQ(chmod(file_.c_str(), 0666), 0);
  refuses("a file that all may write");
}

TEST_F(StartsTest, WithoutAPlaceForItNothingIsCounted) {
  const Starts starts = Starts::Count("/proc");
  EXPECT_FALSE(starts.IsCrashLoop());
  EXPECT_TRUE(
      starts.complaint().starts_with("quick deaths are not counted: opening '/proc/starts'"))
      << starts.complaint();
}

}  // namespace
}  // namespace bpftune
