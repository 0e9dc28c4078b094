// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/undo/undo_journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "controller/fakes/sample_tuner.h"
#include "testing/netns_harness/expect.h"

namespace bpftune {
namespace {

using Kind = JournalRecord::Kind;
using Missing = UndoJournal::Missing;

const SysctlPlace kPlace{NetnsId{4711}, "net.ipv4.tcp_rmem"};
const Values kFirst = Three(4096, 131072, 1310720);
const Values kSecond = Three(4096, 131072, 2621440);
const Values kThird = Three(4096, 131072, 5242880);

JournalRecord Record(Kind kind, const Values& before, const Values& after) {
  return {kind, kPlace, 4026532281, before, after};
}

// ---- what the records say

std::optional<Standing> After(const std::vector<JournalRecord>& records) {
  Standings standings;
  for (const JournalRecord& record : records) Fold(record, &standings);
  if (standings.empty()) return std::nullopt;
  return standings.at(kPlace);
}

TEST(FoldTest, BaselineIsWhatStoodBeforeTheFirstWriteAndOursIsTheLastOne) {
  const auto standing =
      After({Record(Kind::kWrite, kFirst, kSecond), Record(Kind::kStands, kFirst, kSecond),
             Record(Kind::kWrite, kSecond, kThird), Record(Kind::kStands, kSecond, kThird)});
  ASSERT_TRUE(standing);
  EXPECT_EQ(kFirst, standing->baseline);
  EXPECT_TRUE(standing->IsOurs(kThird));
  EXPECT_FALSE(standing->IsOurs(kSecond)) << "an earlier value of ours, written by somebody else";
}

TEST(FoldTest, WriteThatMayNotHaveHappenedLeavesTheOneBeforeItOursToo) {
  const auto standing =
      After({Record(Kind::kWrite, kFirst, kSecond), Record(Kind::kStands, kFirst, kSecond),
             Record(Kind::kWrite, kSecond, kThird)});
  ASSERT_TRUE(standing);
  EXPECT_TRUE(standing->IsOurs(kSecond));
  EXPECT_TRUE(standing->IsOurs(kThird));
  EXPECT_TRUE(standing->IsOurs(Three(4096, 131072, 3000000))) << "the kernel has clamped it";
  EXPECT_FALSE(standing->IsOurs(Three(4096, 131073, 3000000)));
  EXPECT_FALSE(standing->IsOurs(kFirst));
  EXPECT_FALSE(standing->IsOurs(One(4096)));
}

TEST(FoldTest, WhatTheKernelMadeOfItIsOursInsteadOfWhatWeWanted) {
  const Values clamped = Three(4096, 131072, 2000000);
  const auto standing =
      After({Record(Kind::kWrite, kFirst, kSecond), Record(Kind::kStands, kFirst, clamped)});
  ASSERT_TRUE(standing);
  EXPECT_TRUE(standing->IsOurs(clamped));
  EXPECT_FALSE(standing->IsOurs(kSecond));
}

TEST(FoldTest, NothingIsLeftOfAWriteThatTheKernelRefusedOrOfAValueThatWasReleased) {
  EXPECT_FALSE(
      After({Record(Kind::kWrite, kFirst, kSecond), Record(Kind::kStands, kFirst, kFirst)}));
  EXPECT_FALSE(
      After({Record(Kind::kWrite, kFirst, kSecond), Record(Kind::kReleased, kSecond, kThird)}));
  EXPECT_FALSE(After({Record(Kind::kStands, kFirst, kSecond)})) << "without a write before it";
}

TEST(FoldTest, ValueOfSomebodyElseThatWasReclaimedIsTheNewBaseline) {
  const Values theirs = Three(4096, 87380, 6291456);
  const auto standing =
      After({Record(Kind::kWrite, kFirst, kSecond), Record(Kind::kStands, kFirst, kSecond),
             Record(Kind::kWrite, theirs, kThird), Record(Kind::kStands, theirs, kThird)});
  ASSERT_TRUE(standing);
  EXPECT_EQ(theirs, standing->baseline);
}

// ---- the text

std::string Sample() {
  return JournalHeader("boot-1", NetnsIdKind::kCookie) +
         JournalLine(Record(Kind::kWrite, kFirst, kSecond)) +
         JournalLine(Record(Kind::kStands, kFirst, kSecond)) +
         JournalLine({Kind::kWrite, {kNoNetns, "net.core.somaxconn"}, 0, One(4096), One(-1)});
}

TEST(ParseJournalTest, ReadsWhatWasWritten) {
  const ParsedJournal parsed = ParseJournal(Sample());
  EXPECT_FALSE(parsed.damaged);
  EXPECT_EQ("boot-1", parsed.boot_id);
  EXPECT_EQ(NetnsIdKind::kCookie, parsed.ids);
  EXPECT_EQ(3U, parsed.records);
  ASSERT_EQ(2U, parsed.standings.size());
  EXPECT_EQ(4026532281U, parsed.standings.at(kPlace).inode);
  EXPECT_EQ(One(-1), parsed.standings.at({kNoNetns, "net.core.somaxconn"}).last);
}

TEST(ParseJournalTest, LineIsTheOneThatTheHeaderShows) {
  EXPECT_EQ(" write 4711 4026532281 net.ipv4.tcp_rmem 4096,131072,1310720 4096,131072,2621440\n",
            JournalLine(Record(Kind::kWrite, kFirst, kSecond)).substr(16));
}

// Cut anywhere, it is read up to there: a crash in the middle of a line takes that line only.
TEST(ParseJournalTest, CutAtAnyByteItIsReadUpToTheLastWholeLine) {
  const std::string text = Sample();
  for (size_t length = 0; length <= text.size(); ++length) {
    const std::string part = text.substr(0, length);
    const auto lines = static_cast<size_t>(std::count(part.begin(), part.end(), '\n'));
    const ParsedJournal parsed = ParseJournal(part);
    EXPECT_EQ(lines == 0 ? 0 : lines - 1, parsed.records) << length;
    EXPECT_EQ(!part.empty() && part.back() != '\n', parsed.damaged) << length;
  }
}

TEST(ParseJournalTest, AnyChangedByteIsNoticedAndWhatFollowsIsNotRead) {
  const std::string text = Sample();
  for (size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] ^= 1;
    const ParsedJournal parsed = ParseJournal(changed);
    EXPECT_TRUE(parsed.damaged) << at;
    EXPECT_LT(parsed.records, 3U) << at;
  }
}

TEST(ParseJournalTest, NameThatLeadsOutOfNetIsDamageWhateverItsChecksum) {
  for (const char* name :
       {"net..core.x", "kernel.panic", "net.core/../../kernel/panic", "net.", "net.core.\n"}) {
    const std::string text = JournalHeader("boot-1", NetnsIdKind::kCookie) +
                             JournalLine({Kind::kWrite, {kNoNetns, name}, 0, One(1), One(2)});
    EXPECT_TRUE(ParseJournal(text).damaged) << name;
    EXPECT_TRUE(ParseJournal(text).standings.empty()) << name;
  }
}

// ---- the file

class UndoJournalTest : public ::testing::Test {
 protected:
  UndoJournalTest() {
    std::string pattern = ::testing::TempDir() + "journal-XXXXXX";
    above_ = mkdtemp(pattern.data());
    directory_ = above_ + "/run/all";
    file_ = directory_ + "/" + UndoJournal::kFileName;
  }
  ~UndoJournalTest() override { std::filesystem::remove_all(above_); }

  Result<UndoJournal> Open(Missing missing = Missing::kCreate) const {
    return UndoJournal::Open(directory_, missing);
  }
  std::string Text() const {
    std::ifstream in(file_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void SetText(const std::string& text) const { std::ofstream(file_) << text; }

  std::string above_;
  std::string directory_;
  std::string file_;
};

TEST_F(UndoJournalTest, IsReadAgainByTheNextWhoOpensIt) {
  Standings before;
  {
    auto journal = Open();
    ASSERT_OK(journal);
    ASSERT_OK(journal->Append(Record(Kind::kWrite, kFirst, kSecond)));
    ASSERT_OK(journal->Append(Record(Kind::kStands, kFirst, kSecond)));
    ASSERT_OK(journal->Append(Record(Kind::kWrite, kSecond, kThird)));
    before = journal->standings();
    EXPECT_EQ(before, ParseJournal(Text()).standings) << "in the file at once";
  }
  auto again = Open();
  ASSERT_OK(again);
  EXPECT_EQ(before, again->standings());
  EXPECT_EQ(before, ParseJournal(Text()).standings) << "written anew";
  EXPECT_TRUE(again->standings().at(kPlace).in_flight);
}

TEST_F(UndoJournalTest, FolderAndFileAreForUsAlone) {
  auto journal = Open();
  ASSERT_OK(journal);
  struct stat is = {};
  ASSERT_EQ(0, stat(directory_.c_str(), &is));
  EXPECT_EQ(0700U, is.st_mode & 0777);
  ASSERT_EQ(0, stat(file_.c_str(), &is));
  EXPECT_EQ(0600U, is.st_mode & 0777);
}

TEST_F(UndoJournalTest, OneThatOthersMayWriteToIsRefused) {
  ASSERT_OK(Open());
  ASSERT_EQ(0, chmod(directory_.c_str(), 0770));
  auto journal = Open();
  ASSERT_FALSE(journal);
  EXPECT_NE(std::string::npos, journal.error().message().find(directory_));
  EXPECT_NE(std::string::npos, journal.error().message().find("--run-dir"));
}

TEST_F(UndoJournalTest, LinkInItsPlaceIsRefused) {
  ASSERT_OK(Open());
  ASSERT_EQ(0, unlink(file_.c_str()));
  ASSERT_EQ(0, symlink("/dev/null", file_.c_str()));
  auto journal = Open();
  ASSERT_FALSE(journal);
  EXPECT_EQ(ELOOP, journal.error().code());
}

TEST_F(UndoJournalTest, WhoOnlyReadsItDoesNotMakeIt) {
  auto journal = Open(Missing::kIsAnError);
  ASSERT_FALSE(journal);
  EXPECT_EQ(ENOENT, journal.error().code());
  EXPECT_FALSE(std::filesystem::exists(directory_));
}

TEST_F(UndoJournalTest, OneOfAnotherBootIsStartedAfresh) {
  ASSERT_OK(Open());
  SetText(Sample());
  auto journal = Open();
  ASSERT_OK(journal);
  EXPECT_TRUE(journal->standings().empty());
  EXPECT_EQ(std::string::npos, Text().find("boot-1"));
}

TEST_F(UndoJournalTest, DamagedOneIsReadUpToTheDamageAndSaysSo) {
  {
    auto journal = Open();
    ASSERT_OK(journal);
    ASSERT_OK(journal->Append(Record(Kind::kWrite, kFirst, kSecond)));
  }
  SetText(Text() + "00000000 write nothing\n" + JournalLine(Record(Kind::kWrite, kSecond, kThird)));
  auto journal = Open();
  ASSERT_OK(journal);
  EXPECT_TRUE(journal->was_damaged());
  EXPECT_TRUE(journal->standings().at(kPlace).IsOurs(kSecond));
  EXPECT_FALSE(ParseJournal(Text()).damaged) << "what is written from now on can be read";
}

// As on a file system that is full.
TEST_F(UndoJournalTest, RecordThatDidNotFitIsAnErrorAndLeavesNoHalfLine) {
  auto journal = Open();
  ASSERT_OK(journal);
  ASSERT_OK(journal->Append(Record(Kind::kWrite, kFirst, kSecond)));
  const std::string before = Text();
  rlimit old = {};
  ASSERT_EQ(0, getrlimit(RLIMIT_FSIZE, &old));
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit tight = {.rlim_cur = before.size() + 10, .rlim_max = old.rlim_max};
  ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &tight));
  auto appended = journal->Append(Record(Kind::kStands, kFirst, kSecond));
  ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &old));
  signal(SIGXFSZ, handler);
  ASSERT_FALSE(appended);
  EXPECT_EQ(before, Text());
  EXPECT_OK(journal->Append(Record(Kind::kStands, kFirst, kSecond)));
  EXPECT_FALSE(ParseJournal(Text()).damaged);
}

TEST_F(UndoJournalTest, DoesNotGrowForeverAndForgetsWhatIsGone) {
  auto journal = Open();
  ASSERT_OK(journal);
  const SysctlPlace gone{NetnsId{42}, "net.ipv4.tcp_rmem"};
  journal->set_is_gone([&](const SysctlPlace& place, uint64_t) { return place == gone; });
  ASSERT_OK(journal->Append({Kind::kWrite, gone, 7, kFirst, kSecond}));
  size_t largest = 0;
  const int writes = static_cast<int>(2 * UndoJournal::kCompactBytes / 150);
  for (int i = 0; i < writes; ++i) {
    const Values from = Three(4096, 131072, 1310720 + i);
    const Values to = Three(4096, 131072, 1310720 + i + 1);
    ASSERT_OK(journal->Append(Record(Kind::kWrite, from, to)));
    ASSERT_OK(journal->Append(Record(Kind::kStands, from, to)));
    largest = std::max(largest, static_cast<size_t>(std::filesystem::file_size(file_)));
  }
  EXPECT_LE(largest, UndoJournal::kCompactBytes + 256);
  EXPECT_EQ(1U, journal->standings().size());
  EXPECT_EQ(kFirst, journal->standings().at(kPlace).baseline);
  EXPECT_EQ(journal->standings(), ParseJournal(Text()).standings);
}

TEST_F(UndoJournalTest, FileThatSomebodyRemovedIsWrittenAnewAndAFolderIsMissed) {
  auto journal = Open();
  ASSERT_OK(journal);
  ASSERT_OK(journal->Append(Record(Kind::kWrite, kFirst, kSecond)));
  ASSERT_EQ(0, unlink(file_.c_str()));
  ASSERT_OK(journal->Append(Record(Kind::kWrite, kSecond, kThird)));
  EXPECT_EQ(kFirst, ParseJournal(Text()).standings.at(kPlace).baseline);
  std::filesystem::remove_all(directory_);
  auto appended = journal->Append(Record(Kind::kStands, kSecond, kThird));
  ASSERT_FALSE(appended);
  EXPECT_EQ(ENOENT, appended.error().code());
}

TEST_F(UndoJournalTest, IsGoneOnceRemoved) {
  auto journal = Open();
  ASSERT_OK(journal);
  ASSERT_OK(journal->Remove());
  EXPECT_FALSE(std::filesystem::exists(file_));
}

}  // namespace
}  // namespace bpftune
