// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// A kernel, or whoever started the daemon, withholds something: what still works, and what the
// daemon says of it. Switches parts of the kernel off, so it needs a machine of its own. What each
// kernel makes of it is written here by hand.

#include <bpf/btf.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 120s;  // of an emulated machine
constexpr char kNetBufferObject[] = "bpf/tuners/net_buffer.bpf.o";
constexpr char kBbrObject[] = "bpf/tuners/tcp_bbr.bpf.o";
constexpr char kNeverRuns[] = "attached, but the kernel never runs it";

// 612 for 6.12.
int Kernel() {
  utsname name = {};
  uname(&name);
  int major = 0, minor = 0;
  char dot = 0;
  std::istringstream(name.release) >> major >> dot >> minor;
  return major * 100 + minor;
}

// A file of the kernel that says 1 again at the end.
class SwitchedOff {
 public:
  explicit SwitchedOff(const std::string& path) : path_(path) { Write("0"); }
  SwitchedOff(const SwitchedOff&) = delete;
  SwitchedOff& operator=(const SwitchedOff&) = delete;
  ~SwitchedOff() { Write("1"); }

 private:
  void Write(const char* text) {
    std::ofstream file(path_);
    file << text << std::endl;
    EXPECT_TRUE(file.good()) << path_;
  }
  std::string path_;
};

// What attaches to functions is attached and not run; or, from 7 on, only kprobes are not: the
// kernel does not let go of ftrace there.
class ProbesOff {
 public:
  ProbesOff() {
    if (Kernel() < 700) ftrace_.emplace("/proc/sys/kernel/ftrace_enabled");
  }

 private:
  std::optional<SwitchedOff> ftrace_;
  SwitchedOff kprobes_{"/sys/kernel/debug/kprobes/enabled"};
};

class FallbackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!getenv("BPFTUNE_MACHINE_OF_ITS_OWN")) GTEST_SKIP() << "NOT RUN, switches ftrace off";
    BPFTUNE_NEEDS_PRIVILEGE();
  }

  // bpftune -S with these objects and the watcher, in surroundings that lack something (none: "").
  static DaemonExit Support(const std::string& lacks, const std::vector<std::string>& objects,
                            const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = {kSysctlObject};
    all.insert(all.end(), objects.begin(), objects.end());
    auto folder = TunerFolder::Create(all);
    if (!folder) return Failed(folder.error());
    std::vector<std::string> words = {kDaemonPath, "-S", "-l", folder->path()};
    words.insert(words.end(), more.begin(), more.end());
    if (!lacks.empty()) words.insert(words.begin(), {kWithinPath, lacks});
    auto daemon = Daemon::Start(words.front(), {words.begin() + 1, words.end()});
    if (!daemon) return Failed(daemon.error());
    auto exit = daemon->WaitForExit(kPatience);
    if (!exit) return Failed(exit.error());
    for (const std::string& line : exit->lines) std::printf("    %s\n", line.c_str());
    return *exit;
  }

  // What follows `start`, and blanks, in the first line that begins so.
  static std::string After(const DaemonExit& exit, const std::string& start) {
    for (const std::string& line : exit.lines) {
      if (!line.starts_with(start + " ")) continue;
      return line.substr(line.find_first_not_of(' ', start.size()));
    }
    return "";
  }
  static bool Says(const DaemonExit& exit, const std::string& text) {
    return std::ranges::any_of(
        exit.lines, [&](const std::string& line) { return line.find(text) != line.npos; });
  }

 private:
  static DaemonExit Failed(const Error& error) {
    ADD_FAILURE() << error.message();
    return {};
  }
};

// What can be caused by ourselves is seen to fire; of the rest nothing is claimed.
TEST_F(FallbackTest, OnAWholeKernelAllThatCanBeTriedFires) {
  const DaemonExit exit = Support("", {kProbesObject, kTcpBufferObject});

  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(After(exit, "sysctl        watch"), "watch__cgroup           fires");
  EXPECT_EQ(After(exit, "sysctl        orders"), "orders__tuner_orders    run by bpftune");
  EXPECT_EQ(After(exit, "tcp_buffer    flow"), "flow__sockops           fires");
  EXPECT_EQ(After(exit, "probes        connect"), "connect__fentry         fires");
  EXPECT_EQ(After(exit, "probes        function"), "function__fentry        fires");
  EXPECT_EQ(After(exit, "probes        unreached"), "unreached__tp_btf       could not tell");
  EXPECT_EQ(After(exit, "JIT"), "on");
  EXPECT_EQ(After(exit, "BTF"), "the kernel's own");
  EXPECT_EQ(After(exit, "cgroup v2"), "whole");
  EXPECT_EQ(After(exit, "ftrace"), "on");
  EXPECT_EQ(After(exit, "kprobes"), "on");
}

TEST_F(FallbackTest, WithFtraceAndKprobesOffWhatStaysSilentIsSkipped) {
  const ProbesOff off;

  const DaemonExit exit = Support("", {kProbesObject});

  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(After(exit, "ftrace").starts_with("off: "), Kernel() < 700);
  EXPECT_TRUE(After(exit, "kprobes").starts_with("off: "));
  const std::string connect = After(exit, "probes        connect");
  const std::string function = After(exit, "probes        function");
  if (Kernel() >= 700) {
    EXPECT_EQ(connect, "connect__fentry         fires");
    EXPECT_EQ(function, "function__fentry        fires");
    return;
  }
  EXPECT_EQ(connect, std::string("connect__tp_btf (connect__kprobe: ") + kNeverRuns + ") fires");
  EXPECT_EQ(function, std::string("- no call of the function is seen (function__kprobe: ") +
                          kNeverRuns + ")");
}

// As it starts it tries what is in doubt, and goes on with the rest.
TEST_F(FallbackTest, ADaemonThatStartsSkipsItTooAndSaysWhatIsLost) {
  const ProbesOff off;
  ASSERT_OK_AND_ASSIGN(TunerFolder folder, TunerFolder::Create({kSysctlObject, kProbesObject}));

  ASSERT_OK_AND_ASSIGN(Daemon daemon,
                       Daemon::Start(kDaemonPath, Apart({"-s", "-l", folder.path()})));

  ASSERT_TRUE(daemon.WaitForLine("per-netns policy", kPatience));
  if (Kernel() < 700) {
    EXPECT_TRUE(daemon.WaitForLine(std::string("hook 'function': no call of the function is seen "
                                               "\\(function__kprobe: ") +
                                       kNeverRuns + "\\), continuing without it",
                                   kPatience));
  }
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop(kPatience));
  EXPECT_EQ(exit.code, 0);
}

// The kernel runs the watcher only for who is inside; what others write is found by comparing then.
TEST_F(FallbackTest, OutsideOfItsControlGroupTheWatcherIsSilent) {
  const DaemonExit exit = Support("outside-of-cgroup", {});

  EXPECT_EQ(exit.code, 0);
  EXPECT_TRUE(After(exit, "sysctl        watch").starts_with("- an administrator's write"));
  EXPECT_TRUE(Says(exit, std::string("(watch__cgroup: ") + kNeverRuns));
  EXPECT_TRUE(After(exit, "cgroup v2").ends_with("start it inside"));
}

TEST_F(FallbackTest, InAControlGroupNamespaceItSaysThatItSeesAPart) {
  const DaemonExit exit = Support("cgroup-namespace", {});

  EXPECT_EQ(exit.code, 0);
  EXPECT_TRUE(After(exit, "cgroup v2").starts_with("its part in a control-group namespace"));
  EXPECT_EQ(After(exit, "sysctl        watch"), "watch__cgroup           fires");
}

TEST_F(FallbackTest, WithoutAMountOfControlGroupsItMakesOne) {
  const DaemonExit exit = Support("no-cgroup-mount", {});

  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(After(exit, "cgroup v2"), "whole");
  EXPECT_EQ(After(exit, "sysctl        watch"), "watch__cgroup           fires");
}

TEST_F(FallbackTest, WithoutTheJitItSaysSoAndWorks) {
  const SwitchedOff jit("/proc/sys/net/core/bpf_jit_enable");

  const DaemonExit exit = Support("", {kNetBufferObject, kBbrObject});

  EXPECT_EQ(exit.code, 0);
  EXPECT_TRUE(After(exit, "JIT").starts_with("off: "));
  EXPECT_EQ(After(exit, "sysctl        watch"), "watch__cgroup           fires");
  EXPECT_EQ(After(exit, "net_buffer    look"), "look__softnet           run by bpftune");
  EXPECT_TRUE(Says(exit, "not loaded: ")) << "it calls functions of the kernel";
}

// The kernel has its types, only not where they are looked for.
TEST_F(FallbackTest, WithoutBtfInSysItAsksTheKernelWhereThatAnswers) {
  const DaemonExit exit = Support("no-btf", {kTcpBufferObject, kNetBufferObject});

  if (Kernel() < 511) {
    EXPECT_EQ(exit.code, 1);
    EXPECT_TRUE(Says(exit, "cannot start: /sys/kernel/btf/vmlinux cannot be read; mount sysfs"));
    return;
  }
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(After(exit, "BTF"),
            "asked from the kernel, since /sys/kernel/btf/vmlinux cannot be read");
  EXPECT_EQ(After(exit, "sysctl        orders"), "orders__tuner_orders    run by bpftune");
  EXPECT_EQ(After(exit, "tcp_buffer    sweep"), "sweep__flows            run by bpftune");
  EXPECT_EQ(After(exit, "net_buffer    look"), "look__softnet           run by bpftune");
}

// What tools/min_btf writes is enough, on all kernels; made here, of the kernel that runs.
TEST_F(FallbackTest, WithMinimisedBtfAllHooksWork) {
  const std::vector<std::string> objects = {kTcpBufferObject, kNetBufferObject};
  const std::string folder = ::testing::TempDir();
  std::vector<std::string> words = {"/sys/kernel/btf/vmlinux", folder, kSysctlObject};
  words.insert(words.end(), objects.begin(), objects.end());
  ASSERT_OK_AND_ASSIGN(Daemon tool, Daemon::Start("tools/min_btf/min_btf", words));
  ASSERT_OK_AND_ASSIGN(const DaemonExit made, tool.WaitForExit(kPatience));
  ASSERT_EQ(made.code, 0) << ::testing::PrintToString(made.lines);
  std::printf("    %s\n", made.lines.back().c_str());

  const DaemonExit exit = Support("no-btf", objects, {"--btf", folder});

  EXPECT_EQ(exit.code, 0);
  EXPECT_TRUE(After(exit, "BTF").ends_with(".btf'"));
  EXPECT_EQ(After(exit, "sysctl        watch"), "watch__cgroup           fires");
  EXPECT_EQ(After(exit, "sysctl        orders"), "orders__tuner_orders    run by bpftune");
  EXPECT_EQ(After(exit, "tcp_buffer    flow"), "flow__sockops           fires");
  EXPECT_EQ(After(exit, "tcp_buffer    sweep"), "sweep__flows            run by bpftune");
  EXPECT_EQ(After(exit, "net_buffer    look"), "look__softnet           run by bpftune");
}

// Of another kernel it would be wrong at every place.
TEST_F(FallbackTest, BtfOfAnotherKernelIsRefused) {
  const std::string file = ::testing::TempDir() + "other.btf";
  {
    btf* other = btf__new_empty();
    ASSERT_GT(btf__add_enum(other, "Linux version 1.0 (another)", 4), 0);
    __u32 size = 0;
    const auto* bytes = static_cast<const char*>(btf__raw_data(other, &size));
    std::ofstream(file, std::ios::binary).write(bytes, size);
    btf__free(other);
  }

  const DaemonExit exit = Support("no-btf", {}, {"--btf", file});

  EXPECT_EQ(exit.code, 1);
  EXPECT_TRUE(Says(exit, "is of another kernel, 'Linux version 1.0 (another)'"));
}

// As documented for containers: these capabilities, /proc/sys for reading, a part of the groups.
TEST_F(FallbackTest, InAContainerWithTheDocumentedCapabilitiesAllHooksWork) {
  const DaemonExit exit = Support("few-capabilities,cgroup-namespace,read-only-sysctls",
                                  {kTcpBufferObject, kNetBufferObject});

  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(After(exit, "capabilities"), "all that are needed");
  EXPECT_TRUE(After(exit, "/proc/sys").starts_with("read-only: "));
  EXPECT_EQ(After(exit, "sysctl        watch"), "watch__cgroup           fires");
  EXPECT_EQ(After(exit, "tcp_buffer    flow"), "flow__sockops           fires");
  EXPECT_EQ(After(exit, "tcp_buffer    sweep"), "sweep__flows            run by bpftune");
  EXPECT_EQ(After(exit, "net_buffer    look"), "look__softnet           run by bpftune");
}

// The kernel was started so; BPFTUNE_LOCKDOWN says how.
class LockdownTest : public FallbackTest {
 protected:
  void SetUp() override {
    const char* how = getenv("BPFTUNE_LOCKDOWN");
    if (!how) GTEST_SKIP() << "NOT RUN, the kernel is not locked down";
    how_ = how;
    FallbackTest::SetUp();
    std::filesystem::create_directories("/sys/kernel/security");
    (void)mount("none", "/sys/kernel/security", "securityfs", 0, nullptr);  // or it is there
  }
  std::string how_;
};

TEST_F(LockdownTest, TakesWhatItIsSaidToTake) {
  const DaemonExit exit = Support("", {kTcpBufferObject, kNetBufferObject});

  EXPECT_TRUE(After(exit, "lockdown").starts_with(how_ + ": "));
  if (how_ == "integrity") {
    EXPECT_EQ(exit.code, 0);
    EXPECT_EQ(After(exit, "sysctl        watch"), "watch__cgroup           fires");
    EXPECT_EQ(After(exit, "tcp_buffer    sweep"), "sweep__flows            run by bpftune");
    return;
  }
  // The watcher reads who writes, in the kernel's memory.
  EXPECT_EQ(exit.code, 1);
  EXPECT_TRUE(Says(exit, "cannot start: "));
}

}  // namespace
}  // namespace bpftune::testing
