// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// What is read and said without a daemon: tables, locks, sysctl.d, the table of -S, names.

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "tools/bpftunectl/command_line.h"
#include "tools/bpftunectl/completion.h"
#include "tools/bpftunectl/exit_code.h"
#include "tools/bpftunectl/process.h"
#include "tools/bpftunectl/support_table.h"
#include "tools/bpftunectl/sysctl_conf.h"
#include "tools/bpftunectl/table.h"
#include "tools/bpftunectl/tunable_rows.h"

namespace bpftune::ctl {
namespace {

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({"A", "LONG"});
  table.Add({"wider", "x"});
  EXPECT_EQ(table.Text({}), "A      LONG\nwider  x\n");
}

TEST(TableTest, ColoursDoNotCountAsWidthAndGoWhereThereIsNoTerminal) {
  Table table({"A", "B"});
  table.Add({{"ok", Colour::kGood}, "x"});
  EXPECT_EQ(table.Text({}), "A   B\nok  x\n");
  EXPECT_EQ(table.Text({.colours = true}),
            "\033[1mA\033[0m   \033[1mB\033[0m\n\033[32mok\033[0m  x\n");
}

TEST(TableTest, ForeignNameCannotConfuseATerminal) {
  EXPECT_EQ(Harmless("a\033[2Jb\n"), "a?[2Jb?");
}

TEST(TimeTest, IsSaidInTheUnitThatPeopleWouldUse) {
  const Style style{.now_s = 1'000'000};
  EXPECT_EQ(Ago(0, style), "never");
  EXPECT_EQ(Ago(1'000'000, style), "just now");
  EXPECT_EQ(Ago(999'955, style), "45 s ago");
  EXPECT_EQ(Ago(999'700, style), "5 min ago");
  EXPECT_EQ(Ago(982'000, style), "5 h ago");
  EXPECT_EQ(Ago(700'000, style), "3 days ago");
}

TEST(TimeTest, TextAndBack) {
  EXPECT_EQ(TimeText(1'796'067'080), "2026-11-30T19:31:20Z");
  EXPECT_EQ(ParseTime("2026-11-30T19:31:20Z"), 1'796'067'080);
  EXPECT_EQ(ParseTime("yesterday"), -1);
}

TEST(IsLockedTest, OnlyAHolderOfTheWholeFileCounts) {
  constexpr char kLocks[] =
      "1: POSIX  ADVISORY  WRITE 100 00:1a:77 0 EOF\n"
      "2: FLOCK  ADVISORY  WRITE 200 00:1a:78 0 EOF\n"
      "2: -> FLOCK  ADVISORY  WRITE 300 00:1a:79 0 EOF\n";
  EXPECT_TRUE(IsLocked(kLocks, 0, 0x1a, 78));
  EXPECT_FALSE(IsLocked(kLocks, 0, 0x1a, 77)) << "another kind of lock";
  EXPECT_FALSE(IsLocked(kLocks, 0, 0x1a, 79)) << "only waits";
  EXPECT_FALSE(IsLocked(kLocks, 0, 0x1b, 78)) << "another file system";
  EXPECT_FALSE(IsLocked("", 0, 0x1a, 78));
}

TEST(ParseStatTest, NameMayHoldAnything) {
  const ProcessStat stat =
      ParseStat("42 (a) T 1 (b) T 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 1 1");
  EXPECT_EQ(stat.state, 'T');
  EXPECT_EQ(stat.start_ticks, 777U);
  EXPECT_EQ(ParseStat("").state, '?');
}

TEST(ConfiguredTest, BothWaysToWriteANameAndNoComments) {
  constexpr char kText[] =
      "# net.ipv4.tcp_rmem = 1 2 3\n"
      "net.ipv4.tcp_rmem = 4 5 6\n"
      "-net/ipv4/tcp_rmem=7 8 9\n"
      "net.ipv4.tcp_wmem = 1 1 1\n"
      "nonsense\n";
  const auto found = ConfiguredIn(kText, "x.conf", "net.ipv4.tcp_rmem");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].value, "4 5 6");
  EXPECT_EQ(found[1].value, "7 8 9");
}

TEST(ConfiguredTest, OneFileOfSeveralAndEachDevice) {
  EXPECT_EQ(ConfiguredIn("net.ipv4.neigh.default.gc_thresh2 = 9", "x",
                         "net.ipv4.neigh.default.gc_thresh{1,2,3}")
                .size(),
            1U);
  EXPECT_EQ(ConfiguredIn("net.ipv4.neigh.eth0/1.unres_qlen_bytes = 9", "x",
                         "net.ipv4.neigh.*.unres_qlen_bytes")
                .size(),
            1U);
}

TEST(SupportTest, EachKindOfLineIsRead) {
  const auto rows = ParseSupport({
      "bpftune works in legacy mode",
      "tuner         hook      runs as                 does it fire",
      "tcp_buffer    sweep     sweep__flows            run by bpftune",
      "tcp_buffer    grow      grow__kprobe (grow__tp_btf: loading (x (y)): No such process) fires",
      "tcp_buffer    old       - older connections are not seen (old__iter: it is not permitted)",
      "sysctl        watch     watch__cgroup           not tried",
      "tcp_buffer    flow      flow__sockops           silent",
      "tcp_conn      module    - bbr is not used (tcp_bbr: not found)",
      "route         -         stands down: no limit here",
      "not loaded: bad.bpf.o: no section",
  });
  ASSERT_EQ(rows.size(), 8U);
  EXPECT_TRUE(rows[0].is_fine());
  EXPECT_EQ(rows[0].program, "sweep__flows");
  EXPECT_EQ(rows[0].fires, "run by bpftune");
  EXPECT_EQ(rows[1].program, "grow__kprobe");
  EXPECT_EQ(rows[1].why, "grow__tp_btf: loading (x (y)): No such process");
  EXPECT_EQ(rows[1].fires, "fires");
  EXPECT_EQ(AdviceFor(rows[1]), "") << "nothing is lost";
  EXPECT_EQ(rows[2].loss, "older connections are not seen");
  EXPECT_EQ(rows[2].fires, "") << "nothing attaches";
  EXPECT_NE(AdviceFor(rows[2]).find("CAP_BPF"), std::string::npos);
  EXPECT_EQ(rows[3].fires, "not tried");
  EXPECT_TRUE(rows[3].is_fine());
  EXPECT_EQ(rows[4].program, "flow__sockops");
  EXPECT_FALSE(rows[4].is_fine());
  EXPECT_EQ(rows[5].hook, "tcp_bbr");
  EXPECT_NE(AdviceFor(rows[5]).find("modules"), std::string::npos);
  EXPECT_TRUE(rows[6].is_fine());
  EXPECT_EQ(rows[7].tuner, "bad.bpf.o");
  EXPECT_EQ(rows[7].why, "no section");
  EXPECT_FALSE(rows[7].is_fine());
}

TEST(SupportTest, WhatAttachesAndDoesNotFireHasAdviceOfItsOwn) {
  const auto rows = ParseSupport({
      "tuner         hook      runs as                 does it fire",
      "a  flow   flow__sockops           silent",
      "a  watch  - writes are found later (watch__cgroup: attached, but the kernel never runs it)",
      "a  call   call__tp_btf (call__kprobe: attached, but the kernel never runs it) fires",
  });
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].fires, kSilent);
  EXPECT_EQ(rows[1].fires, kSilent);
  EXPECT_EQ(rows[2].fires, "fires");
  for (const SupportRow& row : rows) {
    EXPECT_FALSE(row.is_fine()) << row.hook;
    EXPECT_NE(AdviceFor(row).find("ftrace_enabled=1"), std::string::npos) << row.hook;
  }
}

TEST(NearestTest, FindsWhatWasMeant) {
  const std::vector<std::string> names = {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
                                          "net.core.somaxconn"};
  EXPECT_EQ(Nearest("net.ipv4.tcp_rnem", names), "net.ipv4.tcp_rmem");
  EXPECT_EQ(Nearest("tcp_wmem", names), "net.ipv4.tcp_wmem");
  EXPECT_EQ(Nearest("somaxcon", names), "net.core.somaxconn");
  EXPECT_EQ(Nearest("kernel.pid_max", names), "");
  EXPECT_EQ(NoSuch("tunable", "tcp_rnem", names),
            "there is no tunable 'tcp_rnem'; did you mean 'net.ipv4.tcp_rmem'?");
}

TEST(CommandLineTest, OptionsMayComeBehindTheCommand) {
  const ParsedLine parsed = ParseCommandLine({"explain", "net.ipv4.tcp_rmem", "--json", "-w"});
  EXPECT_FALSE(parsed.leave);
  EXPECT_EQ(parsed.line.command, "explain");
  EXPECT_EQ(parsed.line.name, "net.ipv4.tcp_rmem");
  EXPECT_TRUE(parsed.line.json);
  EXPECT_TRUE(parsed.line.watch);
}

TEST(CommandLineTest, WhatIsWrongIsUsage) {
  for (const std::vector<std::string>& line : {std::vector<std::string>{},
                                               {"nonsense"},
                                               {"explain"},
                                               {"status", "--nonsense"},
                                               {"completion", "tcsh"},
                                               {"status", "--colour", "blue"}}) {
    const ParsedLine parsed = ParseCommandLine(line);
    EXPECT_TRUE(parsed.leave);
    EXPECT_EQ(parsed.exit_code, kUsage);
    EXPECT_NE(parsed.text, "");
  }
}

TEST(CommandLineTest, HelpSaysTheExitCodes) {
  const ParsedLine parsed = ParseCommandLine({"--help"});
  EXPECT_EQ(parsed.exit_code, kFine);
  EXPECT_NE(parsed.text.find("Exit codes: 0"), std::string::npos);
  EXPECT_EQ(ParseCommandLine({"explain", "--help"}).exit_code, kFine);
}

TEST(CompletionTest, EachShellKnowsEachCommandAndOptionOfTheHelp) {
  CommandLine line;
  const auto app = MakeApp(&line);
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = CompletionFor(shell, *app);
    for (const CLI::App* command : app->get_subcommands({})) {
      EXPECT_NE(script.find(command->get_name()), std::string::npos)
          << shell << " " << command->get_name();
    }
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        const std::string as = std::string(shell) == "fish" ? "-l " + name : "--" + name;
        EXPECT_NE(script.find(as), std::string::npos) << shell << " " << name;
      }
    }
  }
}

}  // namespace
}  // namespace bpftune::ctl
