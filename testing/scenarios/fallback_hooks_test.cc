// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Each hook of each tuner switched off, all its programs: the daemon says what is lost, and all
// else works as before. One without which there is nothing to do takes its tuner with it, one of
// the watcher's the daemon.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "controller/bpf_handles.h"
#include "controller/description.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 120s;  // of an emulated machine

Result<DaemonExit> Support(const TunerFolder& folder, const std::vector<std::string>& without) {
  std::vector<std::string> arguments = {"-S", "-l", folder.path()};
  for (const std::string& program : without) {
    arguments.insert(arguments.end(), {"--without-hook", program});
  }
  auto daemon = Daemon::Start(kDaemonPath, arguments);
  if (!daemon) return daemon.error();
  return daemon->WaitForExit(kPatience);
}

// Of the table, those that do not begin so.
std::vector<std::string> TableWithout(const DaemonExit& exit, const std::string& start) {
  std::vector<std::string> out(
      std::ranges::find_if(exit.lines,
                           [](const std::string& line) { return line.starts_with("tuner "); }),
      exit.lines.end());
  std::erase_if(out, [&](const std::string& line) { return line.starts_with(start); });
  return out;
}

std::string LineThatHas(const DaemonExit& exit, const std::string& text) {
  const auto found = std::ranges::find_if(
      exit.lines, [&](const std::string& line) { return line.find(text) != line.npos; });
  return found == exit.lines.end() ? "" : *found;
}

std::string Padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

class FallbackHooksTest : public ::testing::TestWithParam<std::filesystem::path> {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

TEST_P(FallbackHooksTest, WhatIsSwitchedOffIsSaidToBeLostAndAllElseWorks) {
  const std::string path = GetParam();
  ASSERT_OK_AND_ASSIGN(BpfObjectPtr object, OpenObject(path));
  ASSERT_OK_AND_ASSIGN(Description description, ReadDescription(object.get()));
  ASSERT_OK_AND_ASSIGN(TunerFolder folder, TunerFolder::Create({kSysctlObject, path}));
  ASSERT_OK_AND_ASSIGN(const DaemonExit whole, Support(folder, {}));
  ASSERT_EQ(whole.code, 0) << ::testing::PrintToString(whole.lines);

  for (const Hook& hook : description.hooks) {
    const std::string start = Padded(description.name, 14) + Padded(hook.name, 10);
    SCOPED_TRACE(start);
    // On this kernel the tuner has nothing to do, or this hook does not work anyway.
    const std::string before = LineThatHas(whole, start);
    if (hook.kind == HOOK_CHECK || before.empty() || before.starts_with(start + "- ")) continue;

    ASSERT_OK_AND_ASSIGN(const DaemonExit exit, Support(folder, hook.programs));

    const std::string why = hook.programs.back() + ": switched off with --without-hook";
    const bool is_watcher = path == kSysctlObject;
    if (!hook.required) {
      std::string reduced = start;
      reduced.append("- ").append(hook.loss).append(" (").append(why).append(")");
      EXPECT_EQ(LineThatHas(exit, start), reduced);
      EXPECT_EQ(TableWithout(exit, start), TableWithout(whole, start));
    } else {
      const std::string line = LineThatHas(exit, "hook '" + hook.name + "': none of its programs");
      EXPECT_NE(line.find(why), line.npos) << line;
      EXPECT_EQ(line.find(is_watcher ? "bpftune: cannot start: " : "not loaded: "), 0U) << line;
    }
    EXPECT_EQ(exit.code, hook.required && is_watcher ? 1 : 0);
  }
}

std::vector<std::filesystem::path> Objects() {
  std::vector<std::filesystem::path> out;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(kTunersPath, none)) {
    if (IsObjectName(entry.path().filename())) out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

INSTANTIATE_TEST_SUITE_P(Tuners, FallbackHooksTest, ::testing::ValuesIn(Objects()),
                         [](const auto& row) { return row.param.stem().stem().string(); });

}  // namespace
}  // namespace bpftune::testing
