// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Somebody in one namespace writes a tunable of another, through a descriptor. The hook takes it
// for a write in the writer's namespace; what really happened only comparing can tell.

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr char kWmem[] = "net.ipv4.tcp_wmem";
constexpr char kTheirs[] = "4096 16384 1000000";
const BulkCase kCase = {.side = Side::kSend, .cap = 1310720, .rtt_ms = 100, .rate_mbit = 400};

class OverrideElsewhereTest : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }

  static void ExpectFoundByComparing(Daemon& daemon, const Host& host) {
    const auto line = daemon.WaitForLine(
        "'net\\.ipv4\\.tcp_wmem' in netns of pid " + std::to_string(host.pid()) + ".* is \\(" +
            kTheirs + "\\) where bpftune had written .*: somebody else changed it",
        20s);
    EXPECT_TRUE(line);
    const size_t changes = daemon.CountLines(OccurredIn(host, kWmem));
    EXPECT_TRUE(WaitForSummary(daemon, "raises not made because the value is yours", 20s));
    ASSERT_OK_AND_ASSIGN(std::string stands, host.GetSysctl(kWmem));
    EXPECT_EQ(stands, kTheirs);
    EXPECT_EQ(daemon.CountLines(OccurredIn(host, kWmem)), changes);
  }
};

TEST_F(OverrideElsewhereTest, TheNamespaceOfTheDescriptorStopsAtTheNextDecision) {
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(kCase));
  const Host& written = *path.a;
  const Host& writer = *path.b;
  ASSERT_OK(writer.SetSysctl(kWmem, "4096 16384 1310720"));
  ASSERT_OK_AND_ASSIGN(UniqueFd sysctl, OpenSysctl(written, kWmem));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&written, &writer}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  ASSERT_TRUE(daemon.WaitForLine(OccurredIn(written, kWmem), 20s));

  ASSERT_OK_AND_ASSIGN(AdministratorWrite write,
                       AdministrateThrough(sysctl.get(), writer, kTheirs));
  ASSERT_EQ(write.error, 0);

  ASSERT_OK_AND_ASSIGN(BulkFlow limited, BulkFlow::Start(path.link->a(), path.link->b()));
  ExpectFoundByComparing(daemon, written);
  // The writer's own namespace is given back within a second, and tuned when it needs it.
  ASSERT_OK_AND_ASSIGN(BulkFlow back, BulkFlow::Start(path.link->b(), path.link->a()));
  EXPECT_TRUE(daemon.WaitForLine(OccurredIn(writer, kWmem), 20s));
  EXPECT_EQ(daemon.CountLines("modified sysctl"), 0U);
}

TEST_F(OverrideElsewhereTest, IsFoundTooWhereTheDaemonKeepsOutOfTheWritersNamespace) {
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(kCase));
  const Host& written = *path.a;
  ASSERT_OK_AND_ASSIGN(UniqueFd sysctl, OpenSysctl(written, kWmem));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&written}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));
  ASSERT_TRUE(daemon.WaitForLine(OccurredIn(written, kWmem), 20s));

  ASSERT_OK_AND_ASSIGN(AdministratorWrite write,
                       AdministrateThrough(sysctl.get(), *path.b, kTheirs));
  ASSERT_EQ(write.error, 0);

  ASSERT_OK_AND_ASSIGN(BulkFlow limited, BulkFlow::Start(path.link->a(), path.link->b()));
  ExpectFoundByComparing(daemon, written);
}

}  // namespace
}  // namespace bpftune::testing
