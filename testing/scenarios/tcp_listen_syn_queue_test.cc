// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Handshakes under way, without SYN cookies: those of clients, and those of a flood.

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <string>
#include <utility>

#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/link.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/listen_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr char kSyncookies[] = "net.ipv4.tcp_syncookies";
constexpr char kFloodSource[] = "10.99.0.1";

class SynQueue : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

// A client and a server to which answers to kFloodSource are lost.
struct FloodedPair {
  VethPair cable;

  static Result<FloodedPair> Create() {
    auto client = Host::Create("client");
    if (!client) return client.error();
    auto server = Host::Create("server");
    if (!server) return server.error();
    auto cable = VethPair::Create(*client, *server);
    if (!cable) return cable.error();
    const std::string& own = cable->b.ipv4;
    const std::string nobody = own.substr(0, own.rfind('.')) + ".200";
    auto routed = server->AddRoute("10.99.0.0/16", nobody);
    if (!routed) return routed.error();
    auto limited = server->SetSysctl(kMaxSynBacklog, "64");
    if (!limited) return limited.error();
    return FloodedPair{std::move(*cable)};
  }
  const Host& server() const { return cable.b.host; }

  // Handshakes that nobody will complete, and beside them clients of another port of the server,
  // so that the daemon looks.
  void Flood(const Listener& target, const Listener& other) const {
    auto half_open = BeginConnections(cable.a, target.address, 20, kFloodSource);
    EXPECT_OK(half_open);
    auto clients = BeginConnections(cable.a, other.address, 50);
    EXPECT_OK(clients);
    AcceptAll(other);
  }
};

TEST_F(SynQueue, FloodRaisesNothing) {
  ASSERT_OK_AND_ASSIGN(FloodedPair pair, FloodedPair::Create());
  ASSERT_OK(pair.server().SetSysctl(kSyncookies, "0"));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&pair.server()}));
  ASSERT_OK_AND_ASSIGN(Listener target, ListenFor(pair.cable.b, kAsMuchAsThereIs));
  ASSERT_OK_AND_ASSIGN(Listener other, ListenFor(pair.cable.b, kAsMuchAsThereIs));

  EXPECT_TRUE(EventuallyTrue(
      [&] {
        pair.Flood(target, other);
        return WaitForSummary(daemon, "because handshakes are not completed", 100ms);
      },
      60s));
  ASSERT_OK(daemon.Stop());

  EXPECT_EQ(CountChanges(daemon, "net"), 0U);
  EXPECT_EQ(daemon.CountLines("listeners overflowed"), 0U);
  ASSERT_OK_AND_ASSIGN(std::string cookies, pair.server().GetSysctl(kSyncookies));
  EXPECT_EQ(cookies, "0") << "the administrator's business, either way";
}

TEST_F(SynQueue, FloodThatSynCookiesAnswerRaisesNothing) {
  ASSERT_OK_AND_ASSIGN(FloodedPair pair, FloodedPair::Create());
  ASSERT_OK(pair.server().SetSysctl(kSomaxconn, "64"));  // beyond that there are cookies
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&pair.server()}));
  ASSERT_OK_AND_ASSIGN(Listener target, ListenFor(pair.cable.b, kAsMuchAsThereIs));
  ASSERT_OK_AND_ASSIGN(Listener other, ListenFor(pair.cable.b, kAsMuchAsThereIs));

  EXPECT_TRUE(EventuallyTrue(
      [&] {
        pair.Flood(target, other);
        return TcpExtCount(pair.server(), "SyncookiesSent") > 100;
      },
      60s));
  EXPECT_TRUE(WaitForListenerLook(daemon));
  ASSERT_OK(daemon.Stop());

  EXPECT_EQ(CountChanges(daemon, "net"), 0U);
  ASSERT_OK_AND_ASSIGN(std::string cookies, pair.server().GetSysctl(kSyncookies));
  EXPECT_EQ(cookies, "1");
}

TEST_F(SynQueue, OfClientsThatCompleteIsRaised) {
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create({.rtt_ms = 100}));
  const Host& server = *path.b;
  ASSERT_OK(server.SetSysctl(kSyncookies, "0"));
  ASSERT_OK(server.SetSysctl(kMaxSynBacklog, "16"));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&server}));
  ASSERT_OK_AND_ASSIGN(Listener listener, ListenFor(path.link->b(), kAsMuchAsThereIs));

  // More clients than 16 can be under way, the oldest of which go away again.
  std::deque<UniqueFd> clients;
  EXPECT_TRUE(EventuallyTrue(
      [&] {
        auto more = BeginConnections(path.link->a(), listener.address, 5);
        EXPECT_OK(more);
        for (UniqueFd& client : *more) clients.push_back(std::move(client));
        while (clients.size() > 500) clients.pop_front();
        AcceptAll(listener);
        return daemon.CountLines(OccurredIn(server, kMaxSynBacklog)) != 0;
      },
      60s));

  EXPECT_TRUE(daemon.WaitForLine(
      "change net.ipv4.tcp_max_syn_backlog\\(max\\) from \\(16\\) -> \\(32\\)", 5s));
  EXPECT_TRUE(daemon.WaitForLine("without SYN cookies; .* were completed in the same time", 5s));
}

}  // namespace
}  // namespace bpftune::testing
