// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Documents from a state in memory: what is in them, and that the schema says so.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "controller/history.h"
#include "tools/bpftunectl/commands.h"
#include "tools/bpftunectl/decisions.h"
#include "tools/bpftunectl/hosts.h"
#include "tools/bpftunectl/openmetrics.h"
#include "tools/bpftunectl/schema.h"

namespace bpftune::ctl {
namespace {

using testing::Schema;
using testing::WhyNot;

constexpr uint64_t kBlue = 4711;

Values Number(int64_t number) { return {.number = {number}, .count = 1}; }

// A tuner with two sysctls of a set, one of each device, and one that the machine has once.
State SampleState() {
  Description description;
  description.name = "sample";
  description.summary = "does what the test wants";
  const auto tunable = [](const char* name, const char* set, uint16_t set_row, bool per_netns) {
    Tunable out;
    out.name = name;
    out.labels = "bytes";
    out.set = set;
    out.set_row = set_row;
    out.values = 1;
    out.per_netns = per_netns;
    out.max = 1000;
    return out;
  };
  description.tunables = {tunable("net.a", "pair", 0, true), tunable("net.b", "pair", 0, true),
                          tunable("net.ipv4.neigh.*.c", "devices", 2, true),
                          tunable("net.d", "alone", 3, false)};
  TunerView tuner;
  tuner.name = "sample";
  tuner.number = 5;
  tuner.description = std::make_shared<const Description>(std::move(description));
  State state;
  state.instance = "all";
  state.now_ns = 100'000'000'000;
  state.now_s = 1'000'000;
  state.tuners.push_back(std::move(tuner));
  return state;
}

state_key Key(uint64_t netns, uint16_t row, const char* device = nullptr) {
  state_key key = {};
  key.netns = netns;
  key.tuner = 5;
  key.row = row;
  if (device) key.device = device_id(device);
  return key;
}

Outside SampleOutside() {
  return {.netns = {NetnsId{kBlue}},
          .confined = false,
          .name_of = [](NetnsId id) { return id == kNoNetns ? "global ns" : "netns 'blue'"; },
          .value_of = [](const SysctlPlace&) { return std::optional(Number(20)); },
          .devices_of =
              [](NetnsId) {
                return std::vector<std::string>{"eth0", "eth1"};
              }};
}

const TunableRow& RowNamed(const std::vector<TunableRow>& rows, const std::string& name) {
  static const TunableRow kNone;
  for (const TunableRow& row : rows) {
    if (row.name == name) return row;
  }
  ADD_FAILURE() << "no row " << name;
  return kNone;
}

PublishedEntry Written(const state_key& key, int64_t first, int64_t last) {
  PublishedEntry out = {key, {}};
  out.value.baseline[0] = first;
  out.value.last[0] = last;
  out.value.time_ns = 90'000'000'000;
  out.value.writes = 3;
  return out;
}

OwnerEntry Theirs(const state_key& set, uint16_t row) {
  OwnerEntry out = {set, {}};
  out.value.generation = 2;
  out.value.reclaimed = 1;
  out.value.row = row;
  out.value.count = 1;
  out.value.values[0] = 20;
  out.value.pid = 77;
  out.value.time_ns = 95'000'000'000;
  return out;
}

TEST(RowsOfTest, UntouchedTunablesAreNobodys) {
  const State state = SampleState();
  const auto rows = RowsOf(state, SampleOutside());
  ASSERT_EQ(rows.size(), 3U) << "not the pattern";
  EXPECT_EQ(RowNamed(rows, "net.a").owner, Owner::kNobody);
  EXPECT_EQ(RowNamed(rows, "net.d").key.netns, 0U);
}

TEST(RowsOfTest, WhatWeWroteAndStandsIsOurs) {
  State state = SampleState();
  state.published = {Written(Key(kBlue, 0), 10, 20)};
  const auto rows = RowsOf(state, SampleOutside());
  const TunableRow& row = RowNamed(rows, "net.a");
  EXPECT_EQ(row.owner, Owner::kBpftune);
  EXPECT_EQ(row.first, Number(10));
  EXPECT_EQ(row.written_s, 999'990);
}

TEST(RowsOfTest, WhatHasAnotherValueNowIsNotOurs) {
  State state = SampleState();
  state.published = {Written(Key(kBlue, 0), 10, 30)};
  EXPECT_EQ(RowNamed(RowsOf(state, SampleOutside()), "net.a").owner, Owner::kNobody);
}

TEST(RowsOfTest, WholeSetIsTheirs) {
  State state = SampleState();
  state.published = {Written(Key(kBlue, 1), 10, 20)};
  state.owners = {Theirs(Key(kBlue, 0), 0)};
  const auto rows = RowsOf(state, SampleOutside());
  EXPECT_EQ(RowNamed(rows, "net.a").owner, Owner::kAdministrator);
  EXPECT_EQ(RowNamed(rows, "net.a").theirs, Number(20));
  EXPECT_EQ(RowNamed(rows, "net.b").owner, Owner::kAdministrator);
  EXPECT_EQ(RowNamed(rows, "net.b").theirs, std::nullopt);
  EXPECT_EQ(RowNamed(rows, "net.b").theirs_name, "net.a");
}

TEST(RowsOfTest, ReclaimedIsNotTheirs) {
  State state = SampleState();
  state.owners = {Theirs(Key(kBlue, 0), 0)};
  state.owners[0].value.reclaimed = 2;
  EXPECT_EQ(RowNamed(RowsOf(state, SampleOutside()), "net.a").owner, Owner::kNobody);
}

TEST(RowsOfTest, DeviceHasItsName) {
  State state = SampleState();
  state.published = {Written(Key(kBlue, 2, "eth1"), 10, 20)};
  EXPECT_EQ(RowNamed(RowsOf(state, SampleOutside()), "net.ipv4.neigh.eth1.c").writes, 3U);
}

TEST(RowsOfTest, ConfinedDaemonHasNothingToDoWithTheMachines) {
  const State state = SampleState();
  Outside outside = SampleOutside();
  outside.confined = true;
  EXPECT_EQ(RowsOf(state, outside).size(), 2U);
}

Json Whole(const char* command, const Json& members) {
  Json out = {{"schema", 1}, {"command", command}, {"time", TimeText(1'000'000)}};
  out["instance"] = "all";
  out.update(members);
  return out;
}

TEST(SchemaTest, KnowsARowAndRefusesWhatIsNotInIt) {
  State state = SampleState();
  state.published = {Written(Key(kBlue, 0), 10, 20)};
  state.owners = {Theirs(Key(kBlue, 2, "eth0"), 2)};
  Json rows = Json::array();
  for (const TunableRow& row : RowsOf(state, SampleOutside())) rows.push_back(JsonOf(row));
  Json document = Whole("tunables", {{"tunables", rows}});
  EXPECT_EQ(WhyNot(Schema(), document), "");
  EXPECT_NE(TunablesText(document, {}).find("net.ipv4.neigh.eth0.c"), std::string::npos);

  document["tunables"][0]["owner"] = "the cat";
  EXPECT_NE(WhyNot(Schema(), document), "");
  document["tunables"][0].erase("owner");
  EXPECT_NE(WhyNot(Schema(), document), "");
  EXPECT_NE(WhyNot(Schema(), Whole("status", Json::object())), "");
}

DecisionRecord SampleDecision() {
  DecisionRecord out;
  out.id = 7;
  out.time_ns = 1'796'067'080'000'000'000;
  out.tuner = "sample";
  out.tunable = "net.a";
  out.scenario = "ASKED";
  out.netns = kBlue;
  out.netns_name = "netns 'blue'";
  out.old_values = Number(10);
  out.new_values = Number(20);
  out.evidence = {1, 2, 3, 18'446'744'073'709'551'615U};
  out.comm = "a\"\\\n\xff";
  out.lines = {"one", "two"};
  return out;
}

TEST(DecisionsTest, WhatTheDaemonWritesIsRead) {
  const auto decisions = ParseDecisions(HistoryLine(SampleDecision()) + "\n");
  ASSERT_EQ(decisions.size(), 1U);
  EXPECT_EQ(decisions[0]["time"], "2026-11-30T19:31:20Z");
  EXPECT_EQ(decisions[0]["outcome"], "changed");
  EXPECT_EQ(decisions[0]["new"], Json::array({20}));
  EXPECT_EQ(decisions[0]["evidence"][3].get<uint64_t>(), 18'446'744'073'709'551'615U);
  EXPECT_EQ(decisions[0]["comm"], "a\"\\\n\u00ff");
  const Json document = Whole("history", {{"decisions", decisions}});
  EXPECT_EQ(WhyNot(Schema(), document), "");
  EXPECT_NE(HistoryText(document, {}).find("    two\n"), std::string::npos);
}

TEST(DecisionsTest, DamagedLinesAreLeftOut) {
  const std::string line = HistoryLine(SampleDecision());
  EXPECT_EQ(ParseDecisions("\n" + line + "\n{}\n[1]\nnull\n" + line.substr(0, 60)).size(), 1U);
  std::string other = line;
  other.replace(other.find("\"changed\""), 9, "3        ");
  EXPECT_EQ(ParseDecisions(other).size(), 0U);
}

TEST(HostOfTest, GainIsTheRatioOfTheRates) {
  Json arm = {{"mean_q8", 256 * 20}, {"weight", 4}};
  Json entry = {
      {"key", {{"netns", 0}, {"prefix", 0x0100000aU}, {"family", 2}}},
      {"value",
       {{"bandit",
         {{"runs", 9},
          {"kbytes", 1},
          {"min_rtt_us", 40000},
          {"loss_ppm", 1000},
          {"arms", {{{"mean_q8", 256 * 19}, {"weight", 4}}, arm}}}},
        {"control",
         {{"groups",
           {{{"runs", 3}, {"rate_q8", 256 * 19}}, {{"runs", 5}, {"rate_q8", 256 * 21}}}}}}}}};
  const auto host = HostOf(entry, {"default"});
  ASSERT_TRUE(host);
  EXPECT_EQ((*host)["address"], "10.0.0.1");
  EXPECT_EQ((*host)["best"], "arm 1");
  EXPECT_DOUBLE_EQ((*host)["control_group"]["gain"].get<double>(), 4.0);
  entry["value"].erase("bandit");
  EXPECT_FALSE(HostOf(entry, {}));
}

TEST(DoctorTest, SaysOfEachHookWhetherItFires) {
  State state = SampleState();
  state.daemon.state = DaemonProcess::State::kRuns;
  state.support = {
      "tuner         hook      runs as                 does it fire",
      "sample        flow      flow__sockops           fires",
      "sample        call      - calls are not seen (call__fentry: attached, but the kernel never "
      "runs it)",
      "sample        module    tcp_bbr"};
  Answer answer = DoctorCommand({}, state, nullptr);
  const Json document = Whole("doctor", answer.document);
  EXPECT_EQ(WhyNot(Schema(), document), "");
  EXPECT_EQ(document["works"], "in legacy mode");
  const Json& hooks = document["hooks"];
  EXPECT_EQ(hooks.at(0)["fires"], "fires");
  EXPECT_EQ(hooks.at(0)["advice"], "");
  EXPECT_EQ(hooks.at(1)["fires"], "silent");
  EXPECT_NE(hooks.at(1)["advice"], "");
  EXPECT_EQ(hooks.at(2)["fires"], "");
  const std::string text = DoctorText(document, {});
  for (const char* line :
       {"TUNER   HOOK    DOES IT FIRE  RUNS AS\n", "sample  flow    fires         flow__sockops\n",
        "sample  call    silent        lost: calls are not seen (",
        "sample  module  -             tcp_bbr\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(MetricsTextTest, IsOpenMetrics) {
  Json labels = {{"x", "a\"b\\c\nd"}};
  Json sample = {{"labels", labels}, {"value", 3}};
  Json family = {{"name", "n"}, {"type", "counter"}, {"help", "h."}};
  family["samples"] = Json::array({sample});
  const std::string text = MetricsText(Whole("metrics", {{"metrics", Json::array({family})}}), {});
  EXPECT_EQ(text, "# TYPE n counter\n# HELP n h.\nn_total{x=\"a\\\"b\\\\c?d\"} 3\n# EOF\n");
  EXPECT_EQ(testing::WhyNotOpenMetrics(text), "");
}

// What is checked of the metrics of a daemon, seen to fail.
TEST(OpenMetricsTest, EachRuleIsChecked) {
  const std::string a = "# TYPE a gauge\n";
  EXPECT_EQ(testing::WhyNotOpenMetrics(a + "a 1\na{x=\"y\",z=\"\\\"\\\\\\n\"} -1.5e3\n# EOF\n"),
            "");
  for (const std::string& wrong :
       {a + "a 1\n",                                              // no end
        a + "a 1\n# EOF\na 2\n",                                  // not at the end
        a + "a 1\n\n# EOF\n",                                     // an empty line
        a + "b 1\n# EOF\n",                                       // of another family
        a + "a_total 1\n# EOF\n",                                 // no counter
        a + "a 1\n# HELP a too late\n# EOF\n",                    // after the samples
        a + "# TYPE a gauge\na 1\n# EOF\n",                       // twice
        a + "a 1\n# TYPE b gauge\nb 1\na 2\n# EOF\n",             // not together
        a + "a 1\n# TYPE b gauge\n# TYPE a gauge\na 2\n# EOF\n",  // likewise
        a + "a{x=\"1\"} 1\na{x=\"1\"} 2\n# EOF\n",                // the same sample
        a + "a{x=\"1\",x=\"2\"} 1\n# EOF\n",                      // a label twice
        a + "a{x=\"1\",} 1\n# EOF\n",                             // a comma for nothing
        a + "a{x=\"\\t\"} 1\n# EOF\n",                            // no such escape
        a + "a{x=\"\"\"} 1\n# EOF\n",                             // a quote without
        a + "a{0=\"\"} 1\n# EOF\n",                               // no name
        a + "a null\n# EOF\n",                                    // no number
        a + "# UNIT a seconds\na 1\n# EOF\n",                     // not of its name
        std::string("a 1\n# EOF\n"),                              // of no type
        std::string("# TYPE c counter\nc 1\n# EOF\n"),            // not _total
        std::string("# TYPE c counter\nc_total -1\n# EOF\n"),
        std::string("# TYPE a figure\na 1\n# EOF\n")}) {
    EXPECT_NE(testing::WhyNotOpenMetrics(wrong), "") << wrong;
  }
}

}  // namespace
}  // namespace bpftune::ctl
