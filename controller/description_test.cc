// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/description.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "controller/fakes/sample_section.h"

namespace bpftune {
namespace {

Result<Description> Parse(const Section& section) {
  return ParseDescription(std::as_bytes(std::span(&section, 1)));
}

TEST(DescriptionTest, WhatIsSetOnSocketsIsCalledInWordsAndHasNoValues) {
  Section s = GoodSection();
  s.tunables[1] = {.name = "TCP congestion control",
                   .labels = "algorithm",
                   .set = "congestion",
                   .values = 0,
                   .flags = TUNABLE_ON_SOCKETS,
                   .min = 0,
                   .max = 0};
  const auto parsed = Parse(s);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_TRUE(parsed->tunables[1].on_sockets);
  EXPECT_FALSE(parsed->tunables[0].on_sockets);
  EXPECT_EQ("TCP congestion control", parsed->tunables[1].name);
}

TEST(DescriptionTest, GoodOneIsReadAsItIsMeant) {
  const auto parsed = Parse(GoodSection());
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ("sample", parsed->name);
  EXPECT_EQ("to test with", parsed->summary);
  ASSERT_EQ(2U, parsed->tunables.size());
  const Tunable& tunable = parsed->tunables[1];
  EXPECT_EQ("net.ipv4.tcp_wmem", tunable.name);
  EXPECT_EQ("min default max", tunable.labels);
  EXPECT_EQ("buffers", tunable.set);
  EXPECT_EQ(0, tunable.set_row) << "the first tunable of its set";
  EXPECT_EQ(3U, tunable.values);
  EXPECT_TRUE(tunable.per_netns);
  EXPECT_EQ(4096, tunable.min);
  EXPECT_EQ(1 << 30, tunable.max);
  ASSERT_EQ(1U, parsed->scenarios.size());
  EXPECT_EQ("WINDOW_LIMITED", parsed->scenarios[0].id);
  EXPECT_EQ("it being full", parsed->scenarios[0].reason);
  ASSERT_EQ(2U, parsed->samples.size());
  EXPECT_EQ(SAMPLE_KEYED, parsed->samples[1].kind);
  EXPECT_EQ("TCP mem", parsed->samples[1].field);
  EXPECT_EQ(1000U, parsed->samples[1].every_ms);
  EXPECT_EQ(std::vector<std::string>{"flows seen"}, parsed->counters);
  ASSERT_EQ(2U, parsed->hooks.size());
  EXPECT_TRUE(parsed->hooks[0].required);
  EXPECT_EQ(HOOK_PERIODIC, parsed->hooks[1].kind);
  EXPECT_EQ(60'000U, parsed->hooks[1].period_ms);
  ASSERT_EQ(2U, parsed->strategies.size());
  EXPECT_EQ("need", parsed->strategies[0].name);
  EXPECT_EQ("by steps", parsed->strategies[1].description);
  EXPECT_EQ(60U, parsed->strategies[1].seconds);
  EXPECT_EQ(3U, parsed->strategies[1].hooks);
  ASSERT_EQ(1U, parsed->modules.size());
  EXPECT_EQ("tcp_htcp", parsed->modules[0].name);
  EXPECT_EQ("htcp is not tried", parsed->modules[0].loss);
  ASSERT_EQ(1U, parsed->reports.size());
  EXPECT_EQ("{0} flows, {ratio} times", parsed->reports[0].text);
}

TEST(DescriptionTest, AnObjectFromBeforeStrategiesHasNone) {
  Section s = GoodSection();
  s.header.minor = 0;
  s.header.header_size = offsetof(tuner_header, strategies);
  // What was there then.
  s.header.strategies = {.offset = 0x20202020, .record_size = 0x2020, .count = 0x2020};
  const auto parsed = Parse(s);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(2U, parsed->hooks.size());
  EXPECT_TRUE(parsed->strategies.empty());
}

TEST(DescriptionTest, AnObjectFromBeforeModulesHasNoneAndNoReports) {
  Section s = GoodSection();
  s.header.minor = 1;
  s.header.header_size = offsetof(tuner_header, modules);
  s.header.modules =
      s.header.reports = {.offset = 0x20202020, .record_size = 0x2020, .count = 0x2020};
  const auto parsed = Parse(s);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(2U, parsed->strategies.size());
  EXPECT_TRUE(parsed->modules.empty());
  EXPECT_TRUE(parsed->reports.empty());
}

TEST(DescriptionTest, AHeaderFromLaterIsReadAsFarAsItIsKnown) {
  Section s = GoodSection();
  s.header.minor = 9;
  s.header.header_size = sizeof(tuner_header) + 8;
  EXPECT_TRUE(Parse(s));
}

TEST(DescriptionTest, TunablesOfDifferentSetsAreYieldedByThemselves) {
  Section s = GoodSection();
  std::strcpy(s.tunables[1].set, "other");
  const auto parsed = Parse(s);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(1, parsed->tunables[1].set_row);
}

TEST(DescriptionTest, TunerWithoutAnyTableIsFine) {
  Section s = GoodSection();
  const tuner_table none = {.offset = 0xffffffff, .record_size = 0, .count = 0};
  s.header.tunables = s.header.scenarios = s.header.samples = s.header.counters = s.header.hooks =
      s.header.strategies = s.header.modules = s.header.reports = none;
  EXPECT_TRUE(Parse(s));
}

TEST(DescriptionTest, VisitMayAskToRunAtStart) {
  Section s = GoodSection();
  s.hooks[1].kind = HOOK_VISIT;
  s.hooks[1].flags = HOOK_AT_START;
  s.hooks[1].period_ms = 0;
  const auto parsed = Parse(s);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_FALSE(parsed->hooks[0].at_start);
  EXPECT_TRUE(parsed->hooks[1].at_start);
}

TEST(DescriptionTest, HookMayFindOutWhetherThereIsAnythingToTune) {
  Section s = GoodSection();
  s.hooks[0].kind = HOOK_CHECK;
  const auto parsed = Parse(s);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(HOOK_CHECK, parsed->hooks[0].kind);
}

TEST(DescriptionTest, MemoryOfTheMachineMayBeSampled) {
  Section s = GoodSection();
  std::strcpy(s.samples[1].source, "/proc/meminfo");
  EXPECT_TRUE(Parse(s));
}

struct Damage {
  const char* what;
  std::function<void(Section*)> damage;
  const char* names;  // what the message has in it

  friend void PrintTo(const Damage& row, std::ostream* out) { *out << row.what; }
};

class DamagedDescriptionTest : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedDescriptionTest, IsRefusedAndTheThingNamed) {
  Section s = GoodSection();
  GetParam().damage(&s);
  const auto parsed = Parse(s);
  ASSERT_FALSE(parsed) << GetParam().what;
  EXPECT_NE(std::string::npos, parsed.error().message().find(GetParam().names))
      << GetParam().what << ": " << parsed.error().message();
}

template <size_t N>
void Fill(char (&text)[N], char c = 'x') {
  std::fill(text, text + N, c);
}

INSTANTIATE_TEST_SUITE_P(
    Headers, DamagedDescriptionTest,
    ::testing::Values(
        Damage{"magic", [](Section* s) { s->header.magic ^= 1; }, "magic"},
        Damage{"newer major", [](Section* s) { s->header.major = 2; },
               "has version 2, this bpftune reads version 1"},
        Damage{"major 0", [](Section* s) { s->header.major = 0; }, "has version 0"},
        Damage{"header shorter than the shortest", [](Section* s) { s->header.header_size = 175; },
               "has a header of 175 bytes"},
        Damage{"header longer than all", [](Section* s) { s->header.header_size = 1 << 20; },
               "has a header of 1048576 bytes"},
        Damage{"name without end", [](Section* s) { Fill(s->header.name); },
               "name: text without an end"},
        Damage{"name that is a path", [](Section* s) { std::strcpy(s->header.name, "../x"); },
               "name '../x': only a to z, 0 to 9 and _ are allowed"},
        Damage{"no name", [](Section* s) { s->header.name[0] = 0; }, "name: no text"},
        Damage{"summary not ASCII", [](Section* s) { s->header.summary[0] = '\xc3'; },
               "summary: text with a character that is not ASCII"},
        Damage{"line end in the name", [](Section* s) { s->header.name[2] = '\n'; },
               "name: text with a character that is not ASCII"},
        Damage{"table behind the section", [](Section* s) { s->header.hooks.offset = 1 << 20; },
               "'sample': hooks: the table lies outside the section"},
        Damage{"table reaching over the end", [](Section* s) { s->header.reports.offset += 8; },
               "reports: the table lies outside"},
        Damage{"table that begins at the last number",
               [](Section* s) { s->header.samples.offset = UINT32_MAX; },
               "samples: the table lies outside"},
        Damage{"record larger than the section",
               [](Section* s) { s->header.scenarios.record_size = UINT16_MAX; },
               "scenarios: the table lies outside"},
        Damage{"records of no size", [](Section* s) { s->header.tunables.record_size = 0; },
               "tunables: the table lies outside"},
        Damage{"too many records", [](Section* s) { s->header.counters.count = 33; },
               "counters: 33 records, at most 32 are allowed"}));

INSTANTIATE_TEST_SUITE_P(
    Tunables, DamagedDescriptionTest,
    ::testing::Values(
        Damage{"not below net.",
               [](Section* s) { std::strcpy(s->tunables[0].name, "kernel.sysrq"); },
               "tunable 'kernel.sysrq': not a sysctl below net."},
        Damage{"leading out of net.",
               [](Section* s) { std::strcpy(s->tunables[0].name, "net...kernel.sysrq"); },
               "tunable 'net...kernel.sysrq': not a sysctl"},
        Damage{"a path", [](Section* s) { std::strcpy(s->tunables[0].name, "net.ipv4/../x"); },
               "not a sysctl below net."},
        Damage{"a directory", [](Section* s) { std::strcpy(s->tunables[0].name, "net.ipv4."); },
               "not a sysctl below net."},
        Damage{"net. alone", [](Section* s) { std::strcpy(s->tunables[0].name, "net."); },
               "not a sysctl below net."},
        Damage{"name without end", [](Section* s) { Fill(s->tunables[1].name); },
               "tunable: text without an end"},
        Damage{"no labels", [](Section* s) { s->tunables[0].labels[0] = 0; },
               "tunable 'net.ipv4.tcp_rmem', labels: no text"},
        Damage{"no set", [](Section* s) { s->tunables[0].set[0] = 0; }, "set: no text"},
        Damage{"no values", [](Section* s) { s->tunables[0].values = 0; },
               "tunable 'net.ipv4.tcp_rmem': 0 values"},
        Damage{"four values", [](Section* s) { s->tunables[0].values = 4; }, "4 values"},
        Damage{"smallest above largest", [](Section* s) { s->tunables[0].min = (1 << 30) + 1; },
               "tunable 'net.ipv4.tcp_rmem': bounds"},
        Damage{"negative smallest", [](Section* s) { s->tunables[0].min = -1; }, "bounds"},
        Damage{"unknown flag", [](Section* s) { s->tunables[0].flags |= 4; },
               "tunable 'net.ipv4.tcp_rmem': unknown flags"},
        Damage{"on sockets, with values",
               [](Section* s) { s->tunables[0].flags |= TUNABLE_ON_SOCKETS; },
               "tunable 'net.ipv4.tcp_rmem': set on sockets, so it can have no values"},
        Damage{"twice", [](Section* s) { std::strcpy(s->tunables[1].name, s->tunables[0].name); },
               "tunable 'net.ipv4.tcp_rmem' is there twice"},
        Damage{"a set of both kinds", [](Section* s) { s->tunables[1].flags = 0; },
               "set 'buffers' mixes global and per-namespace tunables"}));

INSTANTIATE_TEST_SUITE_P(
    OtherRecords, DamagedDescriptionTest,
    ::testing::Values(
        Damage{"unknown slot", [](Section* s) { std::strcpy(s->scenarios[0].evidence, "{arg4}"); },
               "scenario 'WINDOW_LIMITED': unknown slot '{arg4}'"},
        Damage{"empty slot", [](Section* s) { std::strcpy(s->scenarios[0].evidence, "{}"); },
               "unknown slot '{}'"},
        Damage{"brace that does not open", [](Section* s) { s->scenarios[0].evidence[0] = '}'; },
               "scenario 'WINDOW_LIMITED': a stray brace"},
        Damage{"brace that does not close",
               [](Section* s) { std::strcpy(s->scenarios[0].evidence, "full {arg0"); },
               "a stray brace"},
        Damage{"nested braces",
               [](Section* s) { std::strcpy(s->scenarios[0].evidence, "{{arg0}}"); },
               "unknown slot '{{arg0}'"},
        Damage{"evidence without end", [](Section* s) { Fill(s->scenarios[0].evidence); },
               "scenario 'WINDOW_LIMITED', evidence: text without an end"},
        Damage{"no reason", [](Section* s) { s->scenarios[0].reason[0] = 0; },
               "scenario 'WINDOW_LIMITED', reason: no text"},
        Damage{"unknown kind of sample", [](Section* s) { s->samples[0].kind = 6; },
               "sample 'net.ipv4.tcp_mem': unknown kind 6"},
        Damage{"table without a base", [](Section* s) { s->samples[1].kind = SAMPLE_TABLE; },
               "sample '/proc/net/sockstat': 'TCP mem' is not"},
        Damage{"no kind of sample", [](Section* s) { s->samples[0].kind = 0; }, "unknown kind 0"},
        Damage{"sample of another sysctl",
               [](Section* s) { std::strcpy(s->samples[0].source, "kernel.random.uuid"); },
               "sample 'kernel.random.uuid': neither"},
        Damage{"sample of another file",
               [](Section* s) { std::strcpy(s->samples[1].source, "/etc/shadow"); },
               "sample '/etc/shadow': neither"},
        Damage{"sample that leads out of /proc/net",
               [](Section* s) { std::strcpy(s->samples[1].source, "/proc/net/../environ"); },
               "sample '/proc/net/../environ': neither"},
        Damage{"empty counter", [](Section* s) { s->counters[0].text[0] = 0; }, "counter: no text"},
        Damage{"no kind of hook", [](Section* s) { s->hooks[0].kind = 0; },
               "hook 'watch': unknown kind 0"},
        Damage{"unknown kind of hook", [](Section* s) { s->hooks[0].kind = 6; }, "unknown kind 6"},
        Damage{"unknown flag of a hook", [](Section* s) { s->hooks[0].flags = 4; },
               "hook 'watch': unknown flags"},
        Damage{"event at start", [](Section* s) { s->hooks[0].flags = HOOK_AT_START; },
               "hook 'watch': only visits run at start"},
        Damage{"period of an event", [](Section* s) { s->hooks[0].period_ms = 5000; },
               "hook 'watch': a period is for periodic hooks"},
        Damage{"periodic without period", [](Section* s) { s->hooks[1].period_ms = 0; },
               "hook 'sweep': a period is for periodic hooks"},
        Damage{"period too short", [](Section* s) { s->hooks[1].period_ms = 999; },
               "hook 'sweep': a period under 1000 ms"},
        Damage{"strategy of a hook that is not there",
               [](Section* s) { s->strategies[0].hooks = 4; },
               "strategy 'need': a hook that is not described"},
        Damage{"strategy of no hook", [](Section* s) { s->strategies[0].hooks = 0; },
               "strategy 'need': no hook belongs to it"},
        Damage{"strategy that is never judged", [](Section* s) { s->strategies[0].seconds = 0; },
               "strategy 'need': judged after 0 s"},
        Damage{"strategy that is judged after years",
               [](Section* s) { s->strategies[0].seconds = UINT32_MAX; },
               "strategy 'need': judged"},
        Damage{"strategies of the same name",
               [](Section* s) { std::strcpy(s->strategies[1].name, "need"); },
               "strategy 'need' is there twice"},
        Damage{"strategy without a description",
               [](Section* s) { s->strategies[1].description[0] = 0; },
               "strategy 'steps', description: no text"},
        Damage{"module that is on no list",
               [](Section* s) { std::strcpy(s->modules[0].name, "tcp_evil"); },
               "module 'tcp_evil': not one of those that bpftune may load"},
        Damage{"module whose loss is not said", [](Section* s) { s->modules[0].loss[0] = 0; },
               "module 'tcp_htcp', loss: no text"},
        Damage{"report with a slot of another text",
               [](Section* s) { std::strcpy(s->reports[0].text, "{arg0} flows"); },
               "report '{arg0} flows': unknown slot '{arg0}'"},
        Damage{"report of a counter that is not there",
               [](Section* s) { s->reports[0].counters[3] = 1; },
               "report '{0} flows, {ratio} times': a counter that is not described"},
        Damage{"no word about the loss", [](Section* s) { s->hooks[1].loss[0] = 0; },
               "hook 'sweep', loss: no text"}));

TEST(DescriptionTest, SectionThatIsCutShortIsRefusedAtEveryLength) {
  const Section s = GoodSection();
  const auto bytes = std::as_bytes(std::span(&s, 1));
  for (size_t length = 0; length < bytes.size(); ++length) {
    // A copy of just that length, so that a sanitizer sees a read behind it.
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<long>(length));
    EXPECT_FALSE(ParseDescription(cut)) << length;
  }
}

// Other versions have other records: the same counters, each `size` bytes long.
Result<Description> WithCounterRecords(size_t size) {
  const Section good = GoodSection();
  const auto bytes = std::as_bytes(std::span(&good, 1));
  std::vector<std::byte> section(bytes.begin(), bytes.end());
  tuner_header header = good.header;
  header.counters = {.offset = static_cast<uint32_t>(section.size()),
                     .record_size = static_cast<uint16_t>(size),
                     .count = 2};
  std::memcpy(section.data(), &header, sizeof(header));
  for (const char* text : {"flows seen", "flows lost"}) {
    std::vector<std::byte> record(size, std::byte{0xee});
    tuner_counter known = {};
    std::strcpy(known.text, text);
    std::memcpy(record.data(), &known, std::min(size, sizeof(known)));
    section.insert(section.end(), record.begin(), record.end());
  }
  return ParseDescription(section);
}

TEST(DescriptionTest, LongerRecordIsReadAsFarAsItIsKnown) {
  const auto parsed = WithCounterRecords(sizeof(tuner_counter) + 24);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ((std::vector<std::string>{"flows seen", "flows lost"}), parsed->counters);
}

TEST(DescriptionTest, ShorterRecordIsFilledUpWithZeros) {
  const auto parsed = WithCounterRecords(10);  // no room for the zero at the end of the text
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ((std::vector<std::string>{"flows seen", "flows lost"}), parsed->counters);
}

}  // namespace
}  // namespace bpftune
