// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Accept queues that overflow, for reasons that net.core.somaxconn can help and others.

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/listen_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kBurst = 400;  // connections, three times what the queue holds

// An application that accepts whatever waits at once, except during a burst.
class PromptApplication {
 public:
  explicit PromptApplication(const Listener& listener)
      : listener_(listener), thread_([this](const std::stop_token& stop) { Serve(stop); }) {}

  void BurstFrom(const Endpoint& from) {
    const std::lock_guard<std::mutex> lock(accepting_);
    EXPECT_OK(BeginConnections(from, listener_.address, kBurst));
  }

 private:
  void Serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!WaitForEvents(listener_.socket.get(), POLLIN, 10ms)) continue;
      const std::lock_guard<std::mutex> lock(accepting_);
      AcceptAll(listener_);
    }
  }

  const Listener& listener_;
  std::mutex accepting_;
  std::jthread thread_;
};

class ListenQueue : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    ASSERT_OK_AND_ASSIGN(Host host, Host::Create("server"));
    ASSERT_OK(host.SetSysctl(kSomaxconn, "128"));
    host_.push_back(std::move(host));
  }

  void Start() {
    ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&host()}));
    daemon_.push_back(std::move(daemon));
  }

  const Host& host() { return host_.front(); }
  Daemon& daemon() { return daemon_.front(); }
  Endpoint at() { return Loopback(host()); }

  // Bursts against an application that accepts promptly, until `seen`, which may wait a little, is
  // true.
  bool BurstsUntil(const Listener& listener, const std::function<bool()>& seen) {
    PromptApplication application(listener);
    for (int round = 0; round < 20; ++round) {
      application.BurstFrom(at());
      if (seen()) return true;
    }
    return false;
  }
  bool Says(const std::string& pattern) { return daemon().WaitForLine(pattern, 2s).has_value(); }
  bool Sums(const std::string& pattern) { return WaitForSummary(daemon(), pattern, 2s); }

  void ExpectNoChangeBut(const std::string& seen) {
    EXPECT_TRUE(WaitForSummary(daemon(), "'tcp_listen': 1 listeners overflowed " + seen, 30s));
    ASSERT_OK(daemon().Stop());
    EXPECT_EQ(CountChanges(daemon(), kSomaxconn), 0U);
    ASSERT_OK_AND_ASSIGN(std::string stands, host().GetSysctl(kSomaxconn));
    EXPECT_EQ(stands, "128");
  }

  std::vector<Host> host_;      // one
  std::vector<Daemon> daemon_;  // one, once it is started
};

TEST_F(ListenQueue, OfAPromptApplicationIsRaisedWhenItOverflows) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_OK_AND_ASSIGN(Listener listener, ListenFor(at(), kAsMuchAsThereIs));

  ASSERT_TRUE(BurstsUntil(listener, [&] { return Says(OccurredIn(host(), kSomaxconn)); }));
  const auto raised = daemon().WaitForLine(
      "change net.core.somaxconn\\(max\\) from \\(128\\) -> \\(([0-9]+)\\)", 5s);
  const auto said = daemon().WaitForLine(
      "^The accept queue on port " + std::to_string(listener.address.port()) +
          " overflowed: it holds 128, ([0-9]+) handshakes were dropped.* must listen again",
      5s);
  ASSERT_TRUE(raised && said);
  // To hold those that were dropped when it looked, in steps of 64, and at most to twice.
  const int needed = 128 + std::stoi(said->captures[0]);
  EXPECT_EQ(std::stoi(raised->captures[0]), std::min((needed + 63) / 64 * 64, 256));

  // The listener still has its 128: raising more would not help it.
  EXPECT_TRUE(BurstsUntil(listener, [&] { return Sums("overflowed at a limit of their own"); }));
  EXPECT_EQ(CountChanges(daemon(), kSomaxconn), 1U);
}

TEST_F(ListenQueue, OfAListenerOlderThanTheDaemonIsSeenToo) {
  ASSERT_OK_AND_ASSIGN(Listener older, ListenFor(at(), 4096));
  ASSERT_NO_FATAL_FAILURE(Start());

  const std::string words =
      "^The accept queue on port " + std::to_string(older.address.port()) + " overflowed";
  EXPECT_TRUE(BurstsUntil(older, [&] { return Says(words); }));
}

TEST_F(ListenQueue, OfAnApplicationThatDoesNotAcceptIsLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_OK_AND_ASSIGN(Listener listener, ListenFor(at(), kAsMuchAsThereIs));
  ASSERT_TRUE(WaitForSummary(daemon(), "1 listeners seen", 30s));

  ASSERT_OK_AND_ASSIGN(auto burst, BeginConnections(at(), listener.address, kBurst));

  ExpectNoChangeBut("because the application is slow");
}

TEST_F(ListenQueue, ThatIsShortByTheApplicationsOwnChoiceIsLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_OK_AND_ASSIGN(Listener listener, ListenFor(at(), 16));

  EXPECT_TRUE(BurstsUntil(listener, [&] { return Sums("overflowed at a limit of their own"); }));

  ExpectNoChangeBut("at a limit of their own");
}

}  // namespace
}  // namespace bpftune::testing
