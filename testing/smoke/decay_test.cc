// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// What nobody needs any more comes down again, step by step, to where it was found and no further.

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/listen_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

TEST(DecayTest, RaisedMaximumComesDownToWhereItWasWhenNobodyNeedsIt) {
  BPFTUNE_NEEDS_PRIVILEGE();
  const BulkCase c = {
      .side = Side::kSend, .cap = 131072, .rtt_ms = 40, .rate_mbit = 20, .seconds = 10};
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get()}));
  {
    ASSERT_OK_AND_ASSIGN(BulkFlow flow, RunFlow(path, c));
    ASSERT_TRUE(daemon.WaitForLine("^Due to need to increase", 60s));
  }
  ASSERT_OK_AND_ASSIGN(const int64_t raised, path.Cap(c.side));
  ASSERT_GT(raised, c.cap);

  // The need that was measured fades by half in ten minutes; the maximum follows it, step by step.
  size_t from = 0;
  for (int64_t cap = raised; cap > c.cap;) {
    auto lower =
        daemon.WaitForLine("^Due to nothing needing the upper half .* change", 20min, from);
    ASSERT_TRUE(lower) << "stays at " << cap;
    from = lower->number + 1;
    ASSERT_TRUE(daemon.WaitForLine("no connection needed the upper half", 5s, from));
    ASSERT_OK_AND_ASSIGN(const int64_t next, path.Cap(c.side));
    ASSERT_LT(next, cap);
    cap = next;
  }
  ASSERT_OK_AND_ASSIGN(const int64_t at_rest, path.Cap(c.side));
  EXPECT_EQ(c.cap, at_rest) << "where it was found, and not below";
  EXPECT_FALSE(daemon.WaitForLine("^Due to", 3min, from));
  ASSERT_OK(daemon.Stop());
}

TEST(DecayTest, RaisedBacklogStaysForItsListenerAndComesDownAfterIt) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("server"));
  ASSERT_OK(host.SetSysctl(kSomaxconn, "128"));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&host}));
  const std::string lowered = "^Due to nothing needing the upper half of the listen backlog change";
  {
    ASSERT_OK_AND_ASSIGN(Listener listener, ListenFor(Loopback(host), 512));
    ASSERT_TRUE(daemon.WaitForLine("change net.core.somaxconn.* -> \\(512\\)", 60s));
    EXPECT_FALSE(daemon.WaitForLine(lowered, 15min)) << "it may listen again";
  }

  size_t from = 0;
  for (std::string value = "512"; value != "128";) {
    auto lower = daemon.WaitForLine(lowered, 20min, from);
    ASSERT_TRUE(lower) << "stays at " << value;
    from = lower->number + 1;
    ASSERT_TRUE(daemon.WaitForLine("no listener asked for or used the upper half", 5s, from));
    ASSERT_OK_AND_ASSIGN(const std::string next, host.GetSysctl(kSomaxconn));
    ASSERT_LT(std::stoi(next), std::stoi(value));
    ASSERT_GE(std::stoi(next), 128) << "where it was found, and not below";
    value = next;
  }
  EXPECT_FALSE(daemon.WaitForLine("^Due to", 3min, from));
  ASSERT_OK(daemon.Stop());
}

}  // namespace
}  // namespace bpftune::testing
