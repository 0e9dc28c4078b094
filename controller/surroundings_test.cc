// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/surroundings.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace bpftune {
namespace {

// A tree like / with these files.
std::string Tree(const std::map<std::string, std::string>& files) {
  static int number = 0;
  std::string root = ::testing::TempDir() + "root" + std::to_string(++number);
  for (const auto& [path, text] : files) {
    const std::filesystem::path file = root + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  return root;
}

// A machine on which nothing is wrong.
Surroundings Whole() {
  return {.release = "6.12.1",
          .has_btf = true,
          .btf_file = "",
          .jit = true,
          .lockdown = "none",
          .no_cgroup = "",
          .capabilities = ~uint64_t{0},
          .ftrace = true,
          .kprobes = true};
}

std::string LineOf(const std::string& what, const Surroundings& s) {
  for (const std::string& line : SurroundingsLines(s)) {
    if (line.starts_with(what + " ")) return line.substr(line.find_first_not_of(' ', what.size()));
  }
  return "";
}

TEST(ReadSurroundingsTest, ReadsWhatTheKernelSaysOfItself) {
  const std::string root = Tree({
      {"/sys/kernel/btf/vmlinux", "BTF"},
      {"/proc/sys/net/core/bpf_jit_enable", "0\n"},
      {"/sys/kernel/security/lockdown", "none integrity [confidentiality]\n"},
      {"/proc/self/cgroup", "0::/../elsewhere\n"},
      {"/proc/self/status", "Name:\tx\nCapInh:\t00\nCapPrm:\t000000c000201000\nCapEff:\t00\n"},
      {"/proc/sys/kernel/ftrace_enabled", "0\n"},
      {"/sys/kernel/debug/kprobes/enabled", "1\n"},
  });
  std::filesystem::create_directories(root + "/proc/self/ns");
  std::filesystem::create_symlink("cgroup:[4026532000]", root + "/proc/self/ns/cgroup");

  const Surroundings s = ReadSurroundings(root);

  EXPECT_TRUE(s.has_btf);
  EXPECT_EQ(s.jit, false);
  EXPECT_EQ(s.lockdown, "confidentiality");
  EXPECT_TRUE(s.in_cgroup_namespace);
  EXPECT_FALSE(s.below_cgroup_root);
  EXPECT_EQ(s.capabilities, 0xc000201000U);
  EXPECT_EQ(s.ftrace, false);
  EXPECT_EQ(s.kprobes, true);
}

TEST(ReadSurroundingsTest, WhatIsNotInSightIsNotKnown) {
  const Surroundings s = ReadSurroundings(Tree({}));

  EXPECT_FALSE(s.has_btf);
  EXPECT_EQ(s.jit, std::nullopt);
  EXPECT_EQ(s.lockdown, "");
  EXPECT_FALSE(s.in_cgroup_namespace);
  EXPECT_EQ(s.capabilities, 0U);
  EXPECT_EQ(s.kprobes, std::nullopt);
}

TEST(SurroundingsLinesTest, OnAWholeMachineNothingIsComplainedOf) {
  EXPECT_EQ(LineOf("kernel", Whole()), "6.12.1");
  EXPECT_EQ(LineOf("BTF", Whole()), "the kernel's own");
  EXPECT_EQ(LineOf("JIT", Whole()), "on");
  EXPECT_EQ(LineOf("lockdown", Whole()), "none");
  EXPECT_EQ(LineOf("cgroup v2", Whole()), "whole");
  EXPECT_EQ(LineOf("/proc/sys", Whole()), "can be written");
  EXPECT_EQ(LineOf("capabilities", Whole()), "all that are needed");
  EXPECT_EQ(LineOf("ftrace", Whole()), "on");
  EXPECT_EQ(LineOf("kprobes", Whole()), "on");
}

TEST(SurroundingsLinesTest, WhatIsMissingIsSaidWithItsCost) {
  const struct {
    const char* line;
    void (*spoil)(Surroundings*);
    const char* says;
  } kCases[] = {
      {"BTF", [](Surroundings* s) { s->has_btf = false; }, "none: /sys/kernel/btf/vmlinux cannot"},
      {"BTF", [](Surroundings* s) { s->btf_file = "/b"; }, "the kernel's own"},
      {"BTF",
       [](Surroundings* s) {
         s->has_btf = false;
         s->btf_file = "/b";
       },
       "'/b'"},
      {"BTF",
       [](Surroundings* s) {
         s->has_btf = false;
         s->gives_out_btf = true;
       },
       "asked from the kernel"},
      {"JIT", [](Surroundings* s) { s->jit = false; }, "off: "},
      {"JIT", [](Surroundings* s) { s->jit.reset(); }, "not known"},
      {"lockdown", [](Surroundings* s) { s->lockdown = "integrity"; }, "takes nothing"},
      {"lockdown", [](Surroundings* s) { s->lockdown = "confidentiality"; }, "are refused"},
      {"lockdown", [](Surroundings* s) { s->lockdown = ""; }, "not known"},
      {"cgroup v2", [](Surroundings* s) { s->no_cgroup = "why"; }, "not there: why; "},
      {"cgroup v2", [](Surroundings* s) { s->in_cgroup_namespace = true; }, "outside of it"},
      {"cgroup v2", [](Surroundings* s) { s->below_cgroup_root = false; }, "start it inside"},
      {"/proc/sys", [](Surroundings* s) { s->sysctls_read_only = true; }, "read-only"},
      {"ftrace", [](Surroundings* s) { s->ftrace = false; }, "kernel.ftrace_enabled=1"},
      {"kprobes", [](Surroundings* s) { s->kprobes = false; }, "never run"},
  };
  for (const auto& c : kCases) {
    Surroundings s = Whole();
    c.spoil(&s);
    const std::string line = LineOf(c.line, s);
    EXPECT_NE(line.find(c.says), line.npos) << c.line << " " << line;
  }
}

TEST(SurroundingsLinesTest, EachMissingCapabilityIsNamed) {
  Surroundings s = Whole();
  s.capabilities = 0;
  const std::string line = LineOf("capabilities", s);
  EXPECT_TRUE(line.starts_with("missing CAP_BPF: ")) << line;
  for (const char* name : {"CAP_PERFMON", "CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE"}) {
    EXPECT_NE(line.find(std::string("; ") + name + ": "), line.npos) << line;
  }
}

TEST(SurroundingsLinesTest, LockedMemoryCountsOnlyBefore5_11) {
  Surroundings s = Whole();
  s.capabilities &= ~(uint64_t{1} << 24);
  for (const auto& [release, needed] :
       std::map<std::string, bool>{{"5.10.262", true}, {"5.11.0", false}, {"6.1", false}}) {
    s.release = release;
    EXPECT_EQ(LineOf("capabilities", s).find("CAP_SYS_RESOURCE") != std::string::npos, needed)
        << release;
  }
}

TEST(BtfFileTest, InADirectoryItIsTheOneOfThisKernel) {
  const std::string folder = Tree({{"/6.1.btf", ""}});
  EXPECT_EQ(BtfFile(folder, "6.1"), folder + "/6.1.btf");
  EXPECT_EQ(BtfFile(folder + "/6.1.btf", "5.10"), folder + "/6.1.btf");
}

}  // namespace
}  // namespace bpftune
