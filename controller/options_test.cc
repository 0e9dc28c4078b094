// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/options.h"

#include <gtest/gtest.h>

#include <ostream>

namespace bpftune {
namespace {

using Arguments = std::vector<std::string>;

TEST(OptionsTest, NeedsNone) {
  const ParsedOptions parsed = ParseOptions({});
  EXPECT_FALSE(parsed.leave) << parsed.text;
  EXPECT_FALSE(parsed.options.to_stdout);
  EXPECT_FALSE(parsed.options.support);
  EXPECT_FALSE(parsed.options.debug);
  EXPECT_TRUE(parsed.options.netns.empty());
  EXPECT_TRUE(parsed.options.without_hook.empty());
  EXPECT_TRUE(parsed.options.tuners.ends_with("/lib/bpftune")) << parsed.options.tuners;
}

TEST(OptionsTest, TakesShortAndLongOnes) {
  for (const Arguments& arguments :
       {Arguments{"-s", "-d", "-l", "/proc", "-n", "/proc/self/ns/net"},
        Arguments{"--stdout", "--debug", "--tuners=/proc", "--netns", "/proc/self/ns/net"}}) {
    const ParsedOptions parsed = ParseOptions(arguments);
    EXPECT_FALSE(parsed.leave) << parsed.text;
    EXPECT_TRUE(parsed.options.to_stdout);
    EXPECT_TRUE(parsed.options.debug);
    EXPECT_EQ("/proc", parsed.options.tuners);
    EXPECT_EQ(Arguments{"/proc/self/ns/net"}, parsed.options.netns);
  }
  EXPECT_TRUE(ParseOptions({"-S"}).options.support);
}

TEST(OptionsTest, TakesTheModes) {
  const Options none = ParseOptions({}).options;
  EXPECT_FALSE(none.dry_run || none.rollback || none.undo);
  EXPECT_EQ(30U, none.changes_per_minute);
  EXPECT_TRUE(ParseOptions({"--dry-run"}).options.dry_run);
  EXPECT_TRUE(ParseOptions({"-R"}).options.rollback);
  EXPECT_TRUE(ParseOptions({"--rollback"}).options.rollback);
  EXPECT_TRUE(ParseOptions({"--undo"}).options.undo);
  EXPECT_EQ(5U, ParseOptions({"--changes-per-minute=5"}).options.changes_per_minute);
}

TEST(OptionsTest, TakesSeveralNamespacesAndHooks) {
  const ParsedOptions parsed = ParseOptions({"-n", "/proc/self/ns/net", "-n", "/proc/self/ns/mnt",
                                             "--without-hook", "a__x", "--without-hook=b__y"});
  EXPECT_FALSE(parsed.leave) << parsed.text;
  EXPECT_EQ((Arguments{"/proc/self/ns/net", "/proc/self/ns/mnt"}), parsed.options.netns);
  EXPECT_EQ((std::set<std::string>{"a__x", "b__y"}), parsed.options.without_hook);
}

struct BadInput {
  const char* what;
  Arguments arguments;
  const char* names;  // what the text has in it

  friend void PrintTo(const BadInput& row, std::ostream* out) { *out << row.what; }
};

class BadInputTest : public ::testing::TestWithParam<BadInput> {};

TEST_P(BadInputTest, LeavesWithCode2AndSaysWhatIsWrongAndWhereToLook) {
  const ParsedOptions parsed = ParseOptions(GetParam().arguments);
  EXPECT_TRUE(parsed.leave) << GetParam().what;
  EXPECT_EQ(2, parsed.exit_code) << GetParam().what;
  EXPECT_NE(std::string::npos, parsed.text.find(GetParam().names)) << parsed.text;
  EXPECT_NE(std::string::npos, parsed.text.find("--help")) << parsed.text;
}

INSTANTIATE_TEST_SUITE_P(
    Inputs, BadInputTest,
    ::testing::Values(
        BadInput{"unknown option", {"--frobnicate"}, "--frobnicate"},
        BadInput{"unknown letter", {"-x"}, "-x"}, BadInput{"a word too many", {"start"}, "start"},
        BadInput{
            "no directory", {"-l", "/does/not/exist"}, "Directory does not exist: /does/not/exist"},
        BadInput{"a file for a directory", {"-l", "/proc/version"}, "/proc/version"},
        BadInput{
            "no such namespace", {"-n", "/run/netns/does-not-exist"}, "/run/netns/does-not-exist"},
        BadInput{"nothing to do at all", {"--changes-per-minute=0"}, "--changes-per-minute"},
        BadInput{"undo in a dry run", {"--undo", "--dry-run"}, "--dry-run"},
        BadInput{"another daemon's allow", {"-a", "tcp_buffer_tuner.so"}, "bpftunectl pause"},
        BadInput{"another daemon's cgroup", {"-c", "/sys/fs/cgroup"}, "cgroup v2 tree itself"},
        BadInput{"another daemon's background", {"-D"}, "service manager"},
        BadInput{"another daemon's legacy mode", {"-L"}, "--without-hook"},
        BadInput{"another daemon's further tuners", {"--libdir", "/proc"}, "--objects"},
        BadInput{"another daemon's port", {"-p", "8080"}, "ask bpftunectl"},
        BadInput{"another daemon's directory", {"-P"}, "default of -l"},
        BadInput{"another daemon's questions", {"-q", "status"}, "ask bpftunectl"},
        BadInput{"... and their long name", {"--query=status"}, "ask bpftunectl"},
        BadInput{"another daemon's learning rate", {"-s", "-r", "4"}, "learns how far to go"},
        BadInput{"... glued", {"-r4"}, "learns how far to go"},
        BadInput{"value missing", {"-l"}, "--tuners"},
        BadInput{"option for a value", {"--without-hook"}, "--without-hook"}));

TEST(OptionsTest, FurtherTunersAndTheirNamesMayBeGivenMoreThanOnce) {
  const Options options =
      ParseOptions({"--objects", "/a", "--enable", "x", "--objects", "/b", "--enable", "y"})
          .options;
  EXPECT_EQ((std::vector<std::string>{"/a", "/b"}), options.objects);
  EXPECT_EQ((std::set<std::string>{"x", "y"}), options.enable);
}

TEST(OptionsTest, NothingNeedOutliveTheDaemon) {
  const ParsedOptions parsed = ParseOptions({"--pin-dir", ""});
  EXPECT_FALSE(parsed.leave) << parsed.text;
  EXPECT_EQ("", parsed.options.pin_dir);
}

// Whoever knows them from another daemon of this name.
TEST(OptionsTest, OldSpellingsThatMeanTheSameAreTaken) {
  EXPECT_TRUE(ParseOptions({"--stderr"}).options.to_stdout);
  const Options options = ParseOptions({"-s", "-d", "-R", "-l", "/proc"}).options;
  EXPECT_TRUE(options.to_stdout && options.debug && options.rollback);
  EXPECT_TRUE(ParseOptions({"-S"}).options.support);
}

TEST(OptionsTest, WhatIsRefusedIsNotInTheHelp) {
  const std::string help = ParseOptions({"--help"}).text;
  for (const char* option : {"--learning_rate", "--query", "--legacy", "--allow"}) {
    EXPECT_EQ(std::string::npos, help.find(option)) << option;
  }
}

TEST(OptionsTest, HelpAndVersionLeaveWithCode0) {
  const ParsedOptions help = ParseOptions({"--help"});
  EXPECT_TRUE(help.leave);
  EXPECT_EQ(0, help.exit_code);
  for (const char* option : {"-s", "-S", "-d", "-V", "--tuners", "--netns", "--without-hook",
                             "--objects", "--enable", "--run-dir", "--pin-dir"}) {
    EXPECT_NE(std::string::npos, help.text.find(option)) << option;
  }
  const ParsedOptions version = ParseOptions({"-V"});
  EXPECT_TRUE(version.leave);
  EXPECT_EQ(0, version.exit_code);
  EXPECT_EQ(0U, version.text.find("bpftune "));
}

}  // namespace
}  // namespace bpftune
