// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/journald_log.h"

#include <endian.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "controller/fakes/sample_tuner.h"

namespace bpftune {
namespace {

using Fields = std::map<std::string, std::string>;

constexpr Outcome kOutcomes[] = {Outcome::kChanged, Outcome::kProposed, Outcome::kNoted,
                                 Outcome::kRefused, Outcome::kYielded,  Outcome::kPutBack};

// A datagram taken apart as the journal does it; nothing: it would not be taken.
std::optional<Fields> Parsed(std::string_view rest) {
  Fields out;
  while (!rest.empty()) {
    const size_t line_end = rest.find('\n');
    if (line_end == rest.npos) return std::nullopt;
    const std::string_view line = rest.substr(0, line_end);
    rest.remove_prefix(line_end + 1);
    const size_t equals = line.find('=');
    std::string name(line.substr(0, equals));
    std::string value;
    if (equals != line.npos) {
      value = line.substr(equals + 1);
    } else {
      uint64_t length = 0;
      if (rest.size() < sizeof(length)) return std::nullopt;
      std::memcpy(&length, rest.data(), sizeof(length));
      length = le64toh(length);
      rest.remove_prefix(sizeof(length));
      if (rest.size() <= length || rest[length] != '\n') return std::nullopt;
      value = rest.substr(0, length);
      rest.remove_prefix(length + 1);
    }
    if (!std::regex_match(name, std::regex("[A-Z][A-Z0-9_]*"))) return std::nullopt;
    if (!out.emplace(name, value).second) return std::nullopt;
  }
  return out;
}

// A path of its own, short enough for the address of a socket.
std::string NewPath() {
  static int count = 0;
  return "/tmp/bpftune-journal-" + std::to_string(getpid()) + "-" + std::to_string(++count);
}

// The socket of a journal.
class FakeJournald {
 public:
  FakeJournald() : path_(NewPath()) { Listen(); }
  ~FakeJournald() { unlink(path_.c_str()); }
  FakeJournald(const FakeJournald&) = delete;
  FakeJournald& operator=(const FakeJournald&) = delete;

  const std::string& path() const { return path_; }

  void Restart() {
    unlink(path_.c_str());
    Listen();
  }
  // What lies there; nothing: no datagram, or one that no journal takes.
  std::optional<Fields> Take() {
    std::string datagram(size_t{256} * 1024, '\0');
    const ssize_t size = recv(socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
    if (size < 0) return std::nullopt;
    return Parsed(std::string_view(datagram).substr(0, static_cast<size_t>(size)));
  }

 private:
  void Listen() {
    socket_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(0, bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)));
  }

  std::string path_;
  UniqueFd socket_;
};

class JournaldLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log_ = JournaldLog::Open(LogLevel::kInfo, journald_.path());
    ASSERT_TRUE(log_);
    EXPECT_EQ(Fields(), journald_.Take());  // it has asked whether anybody reads
  }

  Fields Sent(const DecisionRecord& record) {
    log_->Decide(record);
    const auto fields = journald_.Take();
    EXPECT_TRUE(fields);
    return fields.value_or(Fields());
  }

  FakeJournald journald_;
  std::unique_ptr<JournaldLog> log_;
};

DecisionRecord Change() {
  DecisionRecord out;
  out.id = 1796067080123456;
  out.outcome = Outcome::kChanged;
  out.tuner = "sample";
  out.tunable = "net.ipv4.tcp_rmem";
  out.scenario = "WINDOW_LIMITED";
  out.netns = 4711;
  out.netns_name = "netns 'blue' (id 4711)";
  out.old_values = Three(4096, 131072, 1310720);
  out.new_values = Three(4096, 131072, 2621440);
  out.evidence = {940, 0, 0, 7};
  out.peer = "192.0.2.1";
  out.lines = {"Scenario 'x' occurred", "Due to x change", "For 940 kbit/s"};
  return out;
}

TEST_F(JournaldLogTest, DecisionIsOneEntryWithEachFactInAFieldOfItsOwn) {
  const Fields expected = {
      {"MESSAGE", "Scenario 'x' occurred\nDue to x change\nFor 940 kbit/s"},
      {"PRIORITY", "5"},
      {"SYSLOG_IDENTIFIER", "bpftune"},
      {"SYSLOG_FACILITY", "3"},
      {"MESSAGE_ID", "254e2a0d2a554c339099332794c3c19c"},
      {"DECISION_ID", "1796067080123456"},
      {"OUTCOME", "changed"},
      {"TUNER", "sample"},
      {"TUNABLE", "net.ipv4.tcp_rmem"},
      {"SCENARIO", "WINDOW_LIMITED"},
      {"NETNS", "4711"},
      {"NETNS_NAME", "netns 'blue' (id 4711)"},
      {"OLD", "4096 131072 1310720"},
      {"NEW", "4096 131072 2621440"},
      {"EVIDENCE_0", "940"},
      {"EVIDENCE_1", "0"},
      {"EVIDENCE_2", "0"},
      {"EVIDENCE_3", "7"},
      {"PEER", "192.0.2.1"},
  };
  EXPECT_EQ(expected, Sent(Change()));
  EXPECT_FALSE(journald_.Take()) << "one datagram";
}

// A process may call itself anything.
TEST_F(JournaldLogTest, HostileProcessNameForgesNoFieldNoLineAndNoColour) {
  DecisionRecord record = Change();
  record.outcome = Outcome::kYielded;
  record.pid = 17;
  record.comm = "x\nPRIORITY=0\nA=\x1b";
  record.lines = {"pid 17, cmd '" + record.comm + "' modified"};
  const Fields fields = Sent(record);
  EXPECT_EQ("5", fields.at("PRIORITY"));
  EXPECT_EQ("17", fields.at("WRITER_PID"));
  EXPECT_EQ("x?PRIORITY=0?A=?", fields.at("WRITER_COMM"));
  EXPECT_EQ("pid 17, cmd 'x?PRIORITY=0?A=?' modified", fields.at("MESSAGE"));
  EXPECT_FALSE(fields.contains("A"));
}

TEST_F(JournaldLogTest, TroubleIsAWarningAndSaysWhy) {
  DecisionRecord record = Change();
  record.outcome = Outcome::kRefused;
  record.is_trouble = true;
  record.reason = "read-only file system";
  const Fields fields = Sent(record);
  EXPECT_EQ("4", fields.at("PRIORITY"));
  EXPECT_EQ("refused", fields.at("OUTCOME"));
  EXPECT_EQ("read-only file system", fields.at("REASON"));
}

// `sysctl --system` is one line for all; each has an entry with its fields all the same.
TEST_F(JournaldLogTest, OneThatWasSaidWithOthersHasAShortText) {
  DecisionRecord record = Change();
  record.outcome = Outcome::kYielded;
  record.lines.clear();
  const Fields fields = Sent(record);
  EXPECT_EQ("6", fields.at("PRIORITY"));
  EXPECT_EQ(
      "'net.ipv4.tcp_rmem' in netns 'blue' (id 4711): yielded, (4096 131072 1310720) -> (4096 "
      "131072 2621440)",
      fields.at("MESSAGE"));
}

TEST_F(JournaldLogTest, OtherLinesAreEntriesToo) {
  log_->Warning("no\nFORGED=1");
  const Fields expected = {{"MESSAGE", "no?FORGED=1"},
                           {"PRIORITY", "4"},
                           {"SYSLOG_IDENTIFIER", "bpftune"},
                           {"SYSLOG_FACILITY", "3"}};
  EXPECT_EQ(expected, journald_.Take());
  log_->Debug("detail");
  EXPECT_FALSE(journald_.Take()) << "above its level";
}

TEST_F(JournaldLogTest, VeryLongLineIsCutAndStillArrives) {
  log_->Notice(std::string(size_t{1} << 20, 'x'));
  const auto fields = journald_.Take();
  ASSERT_TRUE(fields);
  EXPECT_EQ(size_t{32} * 1024, fields->at("MESSAGE").size());
}

TEST_F(JournaldLogTest, GoesOnWithAJournalThatWasRestarted) {
  journald_.Restart();
  log_->Notice("again");
  ASSERT_TRUE(journald_.Take());
}

// The queue of a datagram socket is short (net.unix.max_dgram_qlen).
TEST_F(JournaldLogTest, JournalThatDoesNotReadHoldsItForASecondAndIsToldWhatWasLost) {
  constexpr int kMany = 5000;
  for (int i = 0; i < kMany; ++i) log_->Notice("line");
  int taken = 0;
  while (journald_.Take()) ++taken;
  log_->Notice("after");
  const auto fields = journald_.Take();
  ASSERT_TRUE(fields);
  EXPECT_EQ(std::to_string(kMany - taken), fields->at("LOST_BEFORE"));
  log_->Notice("and on");
  EXPECT_FALSE(journald_.Take().value_or(Fields()).contains("LOST_BEFORE"));
}

TEST(JournaldLogOpenTest, WithoutAJournalThereIsNone) {
  EXPECT_FALSE(JournaldLog::Open(LogLevel::kInfo, "/does/not/exist"));
  EXPECT_FALSE(JournaldLog::Open(LogLevel::kInfo, "/proc/version"));
  EXPECT_FALSE(JournaldLog::Open(LogLevel::kInfo, std::string(200, 'x')));
  const std::string path = NewPath();
  {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const UniqueFd dead(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(0, bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)));
  }
  EXPECT_FALSE(JournaldLog::Open(LogLevel::kInfo, path)) << "the file is there, nobody reads";
  unlink(path.c_str());
}

TEST(AppendFieldTest, ValueWithLineEndsHasItsLengthInFront) {
  std::string datagram;
  AppendField("A", "b", &datagram);
  AppendField("C", "d\ne", &datagram);
  EXPECT_EQ(std::string("A=b\nC\n\3\0\0\0\0\0\0\0d\ne\n", 18), datagram);
}

// The catalogue explains each outcome, and asks only for fields that every entry of it has.
TEST(CatalogTest, HasATextForEachOutcomeAndNoOther) {
  std::ifstream in("controller/bpftune.catalog");
  ASSERT_TRUE(in);
  std::map<std::string, std::string> entries;
  std::string id;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("-- ")) id = line.substr(3);
    if (!id.empty()) entries[id] += line + "\n";
  }
  std::set<std::string> expected, there;
  for (const Outcome outcome : kOutcomes) expected.emplace(MessageIdOf(outcome));
  for (const auto& [key, text] : entries) there.insert(key);
  EXPECT_EQ(6U, expected.size());
  EXPECT_EQ(expected, there);

  const std::set<std::string> always = {"TUNABLE", "NETNS_NAME", "OLD", "NEW"};
  const std::set<std::string> of_scenario = {"TUNER", "SCENARIO"};
  for (const Outcome outcome : kOutcomes) {
    const std::string& text = entries[std::string(MessageIdOf(outcome))];
    EXPECT_NE(std::string::npos, text.find("Subject: ")) << NameOf(outcome);
    const bool has_scenario = outcome != Outcome::kYielded && outcome != Outcome::kPutBack;
    const std::regex slot("@([A-Z_]+)@");
    for (std::sregex_iterator at(text.begin(), text.end(), slot), end; at != end; ++at) {
      const std::string field = (*at)[1];
      EXPECT_TRUE(always.contains(field) || (has_scenario && of_scenario.contains(field)) ||
                  (field == "REASON" && outcome == Outcome::kRefused))
          << field << " of " << NameOf(outcome);
      EXPECT_FALSE(outcome == Outcome::kNoted && (field == "OLD" || field == "NEW"));
    }
  }
}

}  // namespace
}  // namespace bpftune
