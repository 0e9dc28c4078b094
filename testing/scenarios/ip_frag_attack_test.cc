// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Fragments of datagrams that are never completed: more memory is no remedy for them.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/frag_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kThreshold = 256 << 10;  // bytes
constexpr int kOrphans = 500;              // more than that holds

class FragmentAttack : public ::testing::TestWithParam<Family> {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

int64_t ThresholdOf(const Host& host, Family family) {
  const auto text = host.GetSysctl(FragThreshold(family));
  return text ? std::stoll(*text) : -1;
}

std::string MachineThreshold(Family family) {
  std::string path = "/proc/sys/" + FragThreshold(family);
  std::ranges::replace(path, '.', '/');
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_P(FragmentAttack, RaisesNothingWhereNothingIsCompleted) {
  ASSERT_OK_AND_ASSIGN(Host attacker, Host::Create("attacker"));
  ASSERT_OK_AND_ASSIGN(Host target, Host::Create("target"));
  ASSERT_OK_AND_ASSIGN(VethPair cable, VethPair::Create(attacker, target));
  ASSERT_OK(LimitFragments(target, GetParam(), kThreshold));
  ASSERT_OK_AND_ASSIGN(FragmentSource source, FragmentSource::Create(cable.a, cable.b, GetParam()));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&target}));

  EXPECT_TRUE(EventuallyTrue(
      [&] {
        EXPECT_OK(source.SendOrphans(kOrphans));
        return WaitForSummary(daemon, "because few datagrams are completed", 100ms);
      },
      30s));

  EXPECT_TRUE(WaitForSummary(
      daemon, "'ip_frag': [0-9]+ fragments dropped for lack of fragment memory", 5s));
  EXPECT_EQ(CountChanges(daemon, "net"), 0U);
  EXPECT_EQ(ThresholdOf(target, GetParam()), kThreshold);
}

// An honest past earns the benefit of the doubt, once; it is over before the attack is.
TEST_P(FragmentAttack, TakesBackWhatAnHonestPastHasEarned) {
  ASSERT_OK_AND_ASSIGN(Host attacker, Host::Create("attacker"));
  ASSERT_OK_AND_ASSIGN(Host target, Host::Create("target"));
  ASSERT_OK_AND_ASSIGN(VethPair cable, VethPair::Create(attacker, target));
  ASSERT_OK(LimitFragments(target, GetParam(), kThreshold));
  ASSERT_OK(SetReassemblyTimeout(target, GetParam(), 3));
  ASSERT_OK_AND_ASSIGN(FragmentSource source, FragmentSource::Create(cable.a, cable.b, GetParam()));
  for (int i = 0; i < 2000; ++i) ASSERT_OK(source.SendInterleaved(1, 2));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&target}));

  int64_t highest = 0;
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        EXPECT_OK(source.SendOrphans(kOrphans));
        const int64_t now = ThresholdOf(target, GetParam());
        highest = std::max(highest, now);
        return highest > kThreshold && now == kThreshold;
      },
      60s));

  EXPECT_GT(highest, kThreshold);
  EXPECT_LE(highest, 16 * kThreshold) << "four times by the past, and four times on top of that";
  EXPECT_TRUE(daemon.WaitForLine("^Due to fragments that do not arrive change " +
                                     FragThreshold(GetParam()) + ".* -> \\(" +
                                     std::to_string(kThreshold) + "\\)",
                                 5s));
  EXPECT_TRUE(daemon.WaitForLine(
      "^[0-9]+ datagrams wait for fragments that do not arrive .* take [0-9]+ bytes", 5s));
}

// What an attacker can drive up is the attacked namespace's, not the neighbour's, not the
// machine's.
TEST_P(FragmentAttack, ReachesItsCeilingWhileAnotherNamespaceKeepsItsService) {
  ASSERT_OK_AND_ASSIGN(Host attacker, Host::Create("attacker"));
  ASSERT_OK_AND_ASSIGN(Host target, Host::Create("target"));
  ASSERT_OK_AND_ASSIGN(Host bystander, Host::Create("bystander"));
  ASSERT_OK_AND_ASSIGN(VethPair cable, VethPair::Create(attacker, target));
  ASSERT_OK_AND_ASSIGN(VethPair other, VethPair::Create(attacker, bystander));
  for (const Host& host : {target, bystander}) {
    ASSERT_OK(LimitFragments(host, GetParam(), kThreshold));
  }
  ASSERT_OK(SetReassemblyTimeout(target, GetParam(), 3));
  ASSERT_OK_AND_ASSIGN(FragmentSource source, FragmentSource::Create(cable.a, cable.b, GetParam()));
  ASSERT_OK_AND_ASSIGN(FragmentSource honest, FragmentSource::Create(other.a, other.b, GetParam()));
  for (int i = 0; i < 2000; ++i) ASSERT_OK(source.SendInterleaved(1, 2));
  const std::string machine = MachineThreshold(GetParam());
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&target, &bystander}));

  int64_t highest = 0;
  int served = 0;
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        EXPECT_OK(source.SendOrphans(kOrphans));
        EXPECT_OK(honest.SendInterleaved(1, 2));
        ++served;
        highest = std::max(highest, ThresholdOf(target, GetParam()));
        return highest > kThreshold && ThresholdOf(target, GetParam()) == kThreshold;
      },
      60s));

  EXPECT_LE(highest, 16 * kThreshold);
  ASSERT_OK_AND_ASSIGN(const ReassemblyCounts counts, ReassembliesOf(bystander, GetParam()));
  EXPECT_EQ(counts.completed, served);
  EXPECT_EQ(ThresholdOf(bystander, GetParam()), kThreshold);
  EXPECT_EQ(MachineThreshold(GetParam()), machine);
  EXPECT_GE(daemon.CountLines(OccurredIn(target, FragThreshold(GetParam()))), 2U);
  EXPECT_EQ(daemon.CountLines(OccurredIn(bystander, FragThreshold(GetParam()))), 0U);
}

INSTANTIATE_TEST_SUITE_P(Families, FragmentAttack, ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& row) {
                           return row.param == Family::kIpv4 ? "IPv4" : "IPv6";
                         });

}  // namespace
}  // namespace bpftune::testing
