// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Fragment memory that nobody needs any more comes down again, to where it was found and no
// further.

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/frag_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kThreshold = 256 << 10;  // bytes

TEST(IpFragDecayTest, RaisedThresholdComesDownToWhereItWasWhenNobodyNeedsIt) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host sender, Host::Create("sender"));
  ASSERT_OK_AND_ASSIGN(Host receiver, Host::Create("receiver"));
  ASSERT_OK_AND_ASSIGN(VethPair cable, VethPair::Create(sender, receiver));
  ASSERT_OK(LimitFragments(receiver, Family::kIpv4, kThreshold));
  ASSERT_OK_AND_ASSIGN(FragmentSource source,
                       FragmentSource::Create(cable.a, cable.b, Family::kIpv4));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&receiver}));
  for (int i = 0; i < 100; ++i) ASSERT_OK(source.SendInterleaved(1, 40));
  ASSERT_OK(source.SendInterleaved(16, 40));
  const std::string tunable = FragThreshold(Family::kIpv4);
  ASSERT_TRUE(daemon.WaitForLine("^Due to need to increase fragment memory change", 60s));

  const std::string lowered =
      "^Due to nothing needing the upper half of fragment memory change " + tunable;
  size_t from = 0;
  for (int64_t value = INT64_MAX; value != kThreshold;) {
    auto lower = daemon.WaitForLine(lowered, 20min, from);
    ASSERT_TRUE(lower) << "stays at " << value;
    from = lower->number + 1;
    ASSERT_TRUE(daemon.WaitForLine("fragments have not taken half of it", 5s, from));
    ASSERT_OK_AND_ASSIGN(const std::string text, receiver.GetSysctl(tunable));
    const int64_t next = std::stoll(text);
    ASSERT_LT(next, value);
    ASSERT_GE(next, kThreshold) << "where it was found, and not below";
    value = next;
  }
  EXPECT_FALSE(daemon.WaitForLine("^Due to", 3min, from));
  ASSERT_OK(daemon.Stop());
}

}  // namespace
}  // namespace bpftune::testing
