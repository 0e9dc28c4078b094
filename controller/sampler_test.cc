// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/sampler.h"

#include <gtest/gtest.h>

#include <ostream>

namespace bpftune {
namespace {

constexpr char kSockstat[] =
    "sockets: used 163\n"
    "TCP: inuse 5 orphan 0 tw 12 alloc 7 mem 31\n"
    "UDP: inuse 2 mem 0\n"
    "UDPLITE: inuse 0\n"
    "RAW: inuse 0\n"
    "FRAG: inuse 0 memory 4194304\n";

constexpr char kNetstat[] =
    "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPRcvQDrop\n"
    "TcpExt: 0 17 18 18446744073709551615\n"
    "IpExt: InNoRoutes InOctets\n"
    "IpExt: 3 123456789012\n";

constexpr char kSnmp[] =
    "Ip: Forwarding DefaultTTL ReasmFails\n"
    "Ip: 2 64 9\n"
    "Tcp: RtoAlgorithm MaxConn RetransSegs\n"
    "Tcp: 1 -1 4\n";

constexpr char kSnmp6[] =
    "Ip6InReceives                   \t123\n"
    "Ip6ReasmTimeout                 \t5\n"
    "Ip6ReasmOKs                     \t41\n"
    "Icmp6InMsgs                     \t7\n";

struct Row {
  const char* what;
  tuner_sample_kind kind;
  const char* text;
  const char* field;
  std::optional<uint64_t> value;

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.what; }
};

class FindSampleTest : public ::testing::TestWithParam<Row> {};

TEST_P(FindSampleTest, FindsTheNumberOrNothing) {
  const Row& row = GetParam();
  EXPECT_EQ(row.value, FindSample(row.kind, row.text, row.field)) << row.what;
}

INSTANTIATE_TEST_SUITE_P(
    Sysctls, FindSampleTest,
    ::testing::Values(Row{"first of three", SAMPLE_SYSCTL, "23160\t30881\t46320\n", "0", 23160},
                      Row{"last of three", SAMPLE_SYSCTL, "23160\t30881\t46320\n", "2", 46320},
                      Row{"one more than there are", SAMPLE_SYSCTL, "1 2 3\n", "3", std::nullopt},
                      Row{"no index", SAMPLE_SYSCTL, "1 2 3\n", "max", std::nullopt},
                      Row{"negative index", SAMPLE_SYSCTL, "1 2 3\n", "-1", std::nullopt},
                      Row{"not a number", SAMPLE_SYSCTL, "cubic\n", "0", std::nullopt},
                      Row{"negative", SAMPLE_SYSCTL, "-1\n", "0", std::nullopt},
                      Row{"empty", SAMPLE_SYSCTL, "", "0", std::nullopt}));

INSTANTIATE_TEST_SUITE_P(
    KeyedFiles, FindSampleTest,
    ::testing::Values(
        Row{"last of a line", SAMPLE_KEYED, kSockstat, "TCP mem", 31},
        Row{"first of a line", SAMPLE_KEYED, kSockstat, "TCP inuse", 5},
        Row{"same name in another group", SAMPLE_KEYED, kSockstat, "UDP mem", 0},
        Row{"group that begins as another", SAMPLE_KEYED, kSockstat, "UDPLITE inuse", 0},
        Row{"large", SAMPLE_KEYED, kSockstat, "FRAG memory", 4194304},
        Row{"unknown name", SAMPLE_KEYED, kSockstat, "TCP memory", std::nullopt},
        Row{"start of a group", SAMPLE_KEYED, kSockstat, "UD mem", std::nullopt},
        Row{"unknown group", SAMPLE_KEYED, kSockstat, "SCTP mem", std::nullopt},
        Row{"number taken for a name", SAMPLE_KEYED, kSockstat, "TCP 5", std::nullopt},
        Row{"field of one word", SAMPLE_KEYED, kSockstat, "TCP", std::nullopt},
        Row{"field of one word, number behind it", SAMPLE_KEYED,
            "MemFree: 12 kB\nMemAvailable:   24643784 kB\n", "MemAvailable", 24643784},
        Row{"field of one word, nothing behind it", SAMPLE_KEYED, "MemAvailable:", "MemAvailable",
            std::nullopt},
        Row{"field of three", SAMPLE_KEYED, kSockstat, "TCP mem x", std::nullopt},
        Row{"name without number", SAMPLE_KEYED, "TCP: inuse 5 mem", "TCP mem", std::nullopt},
        Row{"number that is none", SAMPLE_KEYED, "TCP: mem 3x", "TCP mem", std::nullopt},
        Row{"empty", SAMPLE_KEYED, "", "TCP mem", std::nullopt}));

INSTANTIATE_TEST_SUITE_P(
    PairedFiles, FindSampleTest,
    ::testing::Values(
        Row{"middle of a line", SAMPLE_PAIRED, kNetstat, "TcpExt ListenDrops", 18},
        Row{"the largest", SAMPLE_PAIRED, kNetstat, "TcpExt TCPRcvQDrop", UINT64_MAX},
        Row{"second group", SAMPLE_PAIRED, kNetstat, "IpExt InOctets", 123456789012},
        Row{"negative is none", SAMPLE_PAIRED, kSnmp, "Tcp MaxConn", std::nullopt},
        Row{"snmp", SAMPLE_PAIRED, kSnmp, "Ip ReasmFails", 9},
        Row{"name of another group", SAMPLE_PAIRED, kSnmp, "Ip RetransSegs", std::nullopt},
        Row{"names without numbers", SAMPLE_PAIRED, "TcpExt: A B\n", "TcpExt B", std::nullopt},
        Row{"fewer numbers than names", SAMPLE_PAIRED, "TcpExt: A B\nTcpExt: 1\n", "TcpExt B",
            std::nullopt},
        Row{"the group is no name", SAMPLE_PAIRED, kNetstat, "TcpExt TcpExt:", std::nullopt},
        Row{"empty", SAMPLE_PAIRED, "", "TcpExt A", std::nullopt}));

INSTANTIATE_TEST_SUITE_P(
    ListedFiles, FindSampleTest,
    ::testing::Values(
        Row{"in the middle", SAMPLE_LISTED, kSnmp6, "Ip6ReasmOKs", 41},
        Row{"last", SAMPLE_LISTED, kSnmp6, "Icmp6InMsgs", 7},
        Row{"a name that begins as another", SAMPLE_LISTED, kSnmp6, "Ip6Reasm", std::nullopt},
        Row{"number taken for a name", SAMPLE_LISTED, kSnmp6, "41", std::nullopt},
        Row{"negative", SAMPLE_LISTED, "Ip6ReasmOKs -1\n", "Ip6ReasmOKs", std::nullopt},
        Row{"name without number", SAMPLE_LISTED, "Ip6ReasmOKs\n", "Ip6ReasmOKs", std::nullopt},
        Row{"three words", SAMPLE_LISTED, "Ip6ReasmOKs 1 2\n", "Ip6ReasmOKs", std::nullopt},
        Row{"field of two words", SAMPLE_LISTED, kSnmp6, "Ip6ReasmOKs 41", std::nullopt},
        Row{"empty", SAMPLE_LISTED, "", "Ip6ReasmOKs", std::nullopt}));

TEST(FindSampleTest, UnknownKindFindsNothing) {
  constexpr int kUnknown = 7;  // the largest that the enum's bits hold: more is undefined
  EXPECT_EQ(std::nullopt,
            FindSample(static_cast<tuner_sample_kind>(kUnknown), kSockstat, "TCP mem"));
}

TEST(FindSampleTest, ATableIsNoSample) {
  EXPECT_EQ(std::nullopt, FindSample(SAMPLE_TABLE, kSockstat, "TCP mem"));
}

}  // namespace
}  // namespace bpftune
