// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/explain.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>
#include <ostream>
#include <utility>

#include "controller/fakes/sample_tuner.h"

namespace bpftune {
namespace {

struct Peer {
  const char* what;
  int family;
  const char* address;  // empty: none
  const char* text;

  friend void PrintTo(const Peer& row, std::ostream* out) { *out << row.what; }
};

class PeerTest : public ::testing::TestWithParam<Peer> {};

TEST_P(PeerTest, IsShownAsPeopleWriteIt) {
  request record = {};
  record.peer_family = static_cast<uint32_t>(GetParam().family);
  if (*GetParam().address) {
    ASSERT_EQ(1, inet_pton(GetParam().family, GetParam().address, record.peer));
  }
  EXPECT_EQ(GetParam().text, PeerText(record)) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    Addresses, PeerTest,
    ::testing::Values(Peer{"IPv4", AF_INET, "192.0.2.1", "192.0.2.1"},
                      Peer{"IPv6", AF_INET6, "2001:db8::1", "2001:db8::1"},
                      Peer{"IPv4 over an IPv6 socket", AF_INET6, "::ffff:192.0.2.1", "192.0.2.1"},
                      Peer{"looks mapped, is not", AF_INET6, "::ffff:0:0:1", "::ffff:0:0:1"},
                      Peer{"longest", AF_INET6, "2001:db8:1111:2222:3333:4444:5555:6666",
                           "2001:db8:1111:2222:3333:4444:5555:6666"},
                      Peer{"none", 0, "", "a peer"}, Peer{"another family", AF_UNIX, "", "a peer"},
                      Peer{"a family that is no number of one", -1, "", "a peer"}));

class ExpandTest : public ::testing::Test {
 protected:
  ExpandTest() {
    record.evidence[0] = 0;
    record.evidence[1] = 11;
    record.evidence[2] = 22;
    record.evidence[3] = UINT64_MAX;
    std::strcpy(record.comm, "knotd");
  }
  std::string Filled(std::string_view text) const { return Expand(text, decision); }

  const Description tuner = SampleTuner();
  request record = {};
  const Decision decision{
      &tuner.tunables[kRmem], &tuner.scenarios[kIncrease], &record, "global ns", Three(1, 2, 3),
      Three(1, 2, 4)};
};

TEST_F(ExpandTest, FillsEverySlotThatADescriptionMayHave) {
  EXPECT_EQ("net.ipv4.tcp_rmem|1 2 3|1 2 4|global ns|a peer|knotd|0|11|22|18446744073709551615",
            Filled("{tunable}|{old}|{new}|{netns}|{peer}|{comm}|{arg0}|{arg1}|{arg2}|{arg3}"));
}

TEST_F(ExpandTest, NameOfAProcessNeverLeavesItsLineNorItsField) {
  for (const auto& [comm, text] : {std::pair<const char*, const char*>{"", "a process"},
                                   {"\nDue to", "?Due to"},
                                   {"\x1b[2J\x7f\xff", "?[2J??"},
                                   {"sixteen letters!", "sixteen letters!"}}) {
    std::memset(record.comm, 0, sizeof(record.comm));
    std::memcpy(record.comm, comm, std::strlen(comm));
    EXPECT_EQ(text, Filled("{comm}"));
  }
}

TEST_F(ExpandTest, LeavesOtherTextAsItIs) {
  for (const char* text :
       {"", "no slot", "{arg4}", "{}", "{arg00}", "{unknown} text", "{open", "%s %n", "close}"}) {
    EXPECT_EQ(text, Filled(text));
  }
}

TEST_F(ExpandTest, KnowsExactlyTheSlotsThatADescriptionMayHave) {
  for (const char* slot : {"tunable", "old", "new", "netns", "peer", "comm", "arg0", "arg3", "arg4",
                           "arg", "Tunable", ""}) {
    const std::string text = "{" + std::string(slot) + "}";
    EXPECT_EQ(IsKnownSlot(slot), Filled(text) != text) << slot;
  }
}

// As administrators have them in their scripts (design.md section 9).
TEST_F(ExpandTest, ChangeIsWordedAsItAlwaysWas) {
  EXPECT_EQ(
      "Scenario 'need to increase TCP buffer size(s)' occurred for tunable 'net.ipv4.tcp_rmem' in "
      "global ns. Need to increase buffer size(s) to maximize throughput",
      OccurredLine(decision));
  EXPECT_EQ(
      "Due to need to increase max buffer size to maximize throughput change "
      "net.ipv4.tcp_rmem(min default max) from (1 2 3) -> (1 2 4)",
      ChangeLine(decision));
  EXPECT_EQ((std::vector<std::string>{OccurredLine(decision), ChangeLine(decision),
                                      "The window of a peer is full: 0 kbit/s."}),
            ExplainChange(decision));
}

TEST_F(ExpandTest, NoteTellsOfNoChange) {
  EXPECT_EQ(
      (std::vector<std::string>{OccurredLine(decision), "The window of a peer is full: 0 kbit/s."}),
      ExplainNote(decision));
}

class ReportTest : public ::testing::Test {
 protected:
  const Description tuner = [] {
    Description out;
    out.reports = {{.text = "{0} flows to {1} hosts", .counters = {0, 1}},
                   {.text = "{ratio} times the rate", .counters = {2, 3, 4, 5}},
                   {.text = "{0} went back", .counters = {6}}};
    return out;
  }();
};

TEST_F(ReportTest, IsOneSentence) {
  // 3100 in 10 s against 500 in 5 s.
  EXPECT_EQ("412 flows to 17 hosts; 3.1 times the rate; 2 went back",
            ReportOf(tuner, {412, 17, 3100, 10, 500, 5, 2}));
}

TEST_F(ReportTest, LeavesOutWhatHasNoNumbersYet) {
  EXPECT_EQ("", ReportOf(tuner, {0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ("412 flows to 17 hosts", ReportOf(tuner, {412, 17, 3100, 10, 500, 0, 0}));
  EXPECT_EQ("412 flows to 17 hosts", ReportOf(tuner, {412, 17, 0, 10, 500, 5, 0}));
  EXPECT_EQ("2 went back", ReportOf(tuner, {412, 0, 0, 0, 0, 0, 2}));
}

TEST_F(ReportTest, TunersWithoutReportsSayNothing) { EXPECT_EQ("", ReportOf(SampleTuner(), {})); }

}  // namespace
}  // namespace bpftune
