// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// The kernel hands tcp_rmem of its first namespace down to each new one, a tuned value too. Writes
// in the first namespace of the machine, so it must be a machine of the test's own.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "controller/log.h"
#include "controller/undo/undo_command.h"
#include "controller/undo/undo_journal.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/host.h"
#include "testing/privilege.h"

namespace bpftune::testing {
namespace {

using Kind = JournalRecord::Kind;

constexpr char kRmem[] = "net.ipv4.tcp_rmem";
constexpr char kRmemFile[] = "/proc/sys/net/ipv4/tcp_rmem";

std::vector<int64_t> MachinesOwn() {
  std::ifstream in(kRmemFile);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  for (char& c : text) c = c == '\t' || c == '\n' ? ' ' : c;
  return ParseVector(text);
}

TEST(HeirsTest, NamespaceBornWithATunedValueGoesBackToWhatItsParentHadBefore) {
  if (!getenv("BPFTUNE_MACHINE_OF_ITS_OWN")) GTEST_SKIP() << "NOT RUN, writes the machine's own";
  BPFTUNE_NEEDS_PRIVILEGE();
  const Values first{.number = {4096, 131072, 1310720}, .count = 3};
  const Values ours{.number = {4096, 131072, 2621440}, .count = 3};
  std::string run_dir = ::testing::TempDir() + "heirs-XXXXXX";
  ASSERT_NE(mkdtemp(run_dir.data()), nullptr);
  ASSERT_OK_AND_ASSIGN(const NetnsId home, IdOfCurrent());
  const SysctlPlace place{home, kRmem};
  std::ofstream(kRmemFile) << first.Text() << std::endl;
  {
    ASSERT_OK_AND_ASSIGN(UndoJournal journal,
                         UndoJournal::Open(run_dir + "/all", UndoJournal::Missing::kCreate));
    ASSERT_OK(journal.Append({Kind::kWrite, place, 0, first, ours}));
    std::ofstream(kRmemFile) << ours.Text() << std::endl;
    ASSERT_OK(journal.Append({Kind::kStands, place, 0, first, ours}));
  }
  ASSERT_OK_AND_ASSIGN(Host heir, Host::Create("heir"));
  ASSERT_OK_AND_ASSIGN(Host independent, Host::Create("independent"));
  ASSERT_OK(independent.SetSysctl(kRmem, "4096 87380 6291456"));
  ASSERT_OK_AND_ASSIGN(const std::string born_with, heir.GetSysctl(kRmem));
  ASSERT_EQ(born_with, ours.Text()) << "this kernel hands nothing down: nothing to test";

  Options options;
  options.run_dir = run_dir;
  StdoutLog log(LogLevel::kInfo);
  EXPECT_EQ(Undo(options, &log), 0);

  EXPECT_EQ(MachinesOwn(), (std::vector<int64_t>{4096, 131072, 1310720}));
  ASSERT_OK_AND_ASSIGN(const std::string back, heir.GetSysctl(kRmem));
  EXPECT_EQ(back, first.Text());
  ASSERT_OK_AND_ASSIGN(const std::string kept, independent.GetSysctl(kRmem));
  EXPECT_EQ(kept, "4096 87380 6291456");
}

}  // namespace
}  // namespace bpftune::testing
