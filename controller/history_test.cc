// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/history.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "controller/fakes/fake_log.h"

namespace bpftune {
namespace {

class HistoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "history-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Text(const char* file) const {
    std::ostringstream out;
    out << std::ifstream(folder_ + "/" + file).rdbuf();
    return out.str();
  }

  std::string folder_;
};

DecisionRecord Decision(size_t text_bytes) {
  DecisionRecord out;
  out.id = 1;
  out.lines = {std::string(text_bytes, 'x')};
  return out;
}

TEST_F(HistoryTest, LineIsOneLineOfAsciiWhateverIsInANames) {
  DecisionRecord record = Decision(1);
  record.comm = "\"\\\n\xc3";
  record.old_values = {.number = {-1, VALUE_UNSAID}, .count = 2};
  EXPECT_EQ(HistoryLine(record),
            "{\"id\":1,\"time_ns\":0,\"outcome\":\"changed\",\"tuner\":\"\",\"tunable\":\"\","
            "\"scenario\":\"\",\"netns\":{\"id\":0,\"name\":\"\"},\"old\":[-1,null],\"new\":[],"
            "\"evidence\":[0,0,0,0],\"peer\":\"\",\"pid\":0,\"comm\":\"\\\"\\\\\\u000a\\u00c3\","
            "\"reason\":\"\",\"lines\":[\"x\"]}");
}

TEST_F(HistoryTest, OutlivesTheOneThatWroteIt) {
  for (int daemon = 0; daemon < 2; ++daemon) {
    auto history = History::Open(folder_);
    ASSERT_TRUE(history);
    EXPECT_TRUE(history->Append(Decision(1)));
  }
  const std::string line = HistoryLine(Decision(1)) + "\n";
  EXPECT_EQ(Text(History::kFileName), line + "\n" + line);
}

TEST_F(HistoryTest, NeverTakesMoreThanTwiceItsLimit) {
  auto history = History::Open(folder_);
  ASSERT_TRUE(history);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(history->Append(Decision(20'000)));
  EXPECT_LE(Text(History::kFileName).size(), History::kMostBytes);
  EXPECT_LE(Text(History::kOldName).size(), History::kMostBytes);
  EXPECT_GT(Text(History::kOldName).size(), History::kMostBytes / 2) << "it is full";
}

TEST_F(HistoryTest, NoLinkIsFollowed) {
  std::filesystem::create_symlink("/dev/null", folder_ + "/" + History::kFileName);
  EXPECT_FALSE(History::Open(folder_));
}

TEST_F(HistoryTest, WhatCannotBeRememberedIsSaidAllTheSameAndTheComplaintOnce) {
  auto history = History::Open(folder_);
  ASSERT_TRUE(history);
  FakeLog said;
  HistoryLog log(&said, std::move(*history));
  log.Decide(Decision(History::kMostBytes));
  std::filesystem::remove_all(folder_);
  log.Decide(Decision(1));  // would begin a new file, in a folder that has gone
  log.Decide(Decision(1));
  EXPECT_EQ(said.Count("not remembered for bpftunectl history"), 1);
  EXPECT_EQ(said.Count("x"), 3);
}

}  // namespace
}  // namespace bpftune
