// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/log.h"

#include <gtest/gtest.h>
#include <syslog.h>

#include <string>

namespace bpftune {
namespace {

std::string Written(LogLevel most, LogLevel level, const std::string& line) {
  ::testing::internal::CaptureStdout();
  StdoutLog(most).Write(level, line);
  return ::testing::internal::GetCapturedStdout();
}

TEST(StdoutLogTest, DecisionIsALineAsItIs) {
  EXPECT_EQ("Due to x change y\n",
            Written(LogLevel::kInfo, LogLevel::kNotice, "Due to x change y"));
}

TEST(StdoutLogTest, TroubleIsMarkedAsOurs) {
  EXPECT_EQ("bpftune: no\n", Written(LogLevel::kInfo, LogLevel::kError, "no"));
  EXPECT_EQ("bpftune: no\n", Written(LogLevel::kInfo, LogLevel::kWarning, "no"));
}

TEST(StdoutLogTest, LinesAboveItsLevelAreDropped) {
  EXPECT_EQ("", Written(LogLevel::kInfo, LogLevel::kDebug, "detail"));
  EXPECT_EQ("detail\n", Written(LogLevel::kDebug, LogLevel::kDebug, "detail"));
}

// A process may be named anything.
TEST(StdoutLogTest, ForeignNameForgesNoLineAndNoColour) {
  EXPECT_EQ("cmd 'a?bpftune: b?[31m?' and %s\n",
            Written(LogLevel::kInfo, LogLevel::kNotice, "cmd 'a\nbpftune: b\x1b[31m\x7f' and %s"));
}

TEST(StdoutLogTest, TextOutsideAsciiStaysReadable) {
  EXPECT_EQ("netns 'blå'\n", Written(LogLevel::kInfo, LogLevel::kNotice, "netns 'blå'"));
}

// syslog(3) takes a format; a process may be named so.
TEST(SyslogLogTest, ForeignNameIsNoFormat) {
  SyslogLog log(LogLevel::kInfo);
  openlog("bpftune", LOG_PERROR, LOG_DAEMON);  // and to stderr
  ::testing::internal::CaptureStderr();
  log.Write(LogLevel::kNotice, "cmd '%s%n%s%n%s' modified");
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("cmd '%s%n%s%n%s' modified"),
            std::string::npos);
}

TEST(LibbpfMessagesTest, AreTakenOnce) {
  CaptureLibbpfMessages();
  EXPECT_TRUE(TakeLibbpfMessages().empty());
}

}  // namespace
}  // namespace bpftune
