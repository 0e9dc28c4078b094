// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// nginx, which asks listen() for a backlog of 511, and curl with more connections at once than
// net.core.somaxconn has let it have.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <optional>
#include <regex>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/client_case.h"
#include "testing/scenarios/listen_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kRequests = 300;

class ClientsNginx : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    ASSERT_OK_AND_ASSIGN(Host server, Host::Create("server"));
    ASSERT_OK_AND_ASSIGN(Host client, Host::Create("client"));
    ASSERT_OK(server.SetSysctl(kSomaxconn, "128"));
    ASSERT_OK_AND_ASSIGN(cable_, VethPair::Create(client, server));
    folder_ = ::testing::TempDir() + "nginx-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    std::ofstream out(folder_ + "/nginx.conf");
    out << "daemon off; master_process off; pid pid; error_log stderr notice;\n"
           "events { }\n"
           "http {\n"
           "  access_log off;\n";
    for (const char* use : {"client_body", "fastcgi", "proxy", "scgi", "uwsgi"}) {
      out << "  " << use << "_temp_path " << use << ";\n";
    }
    out << "  server { listen " << cable_->b.ipv4
        << ":80; location / { return 200; } }\n"
           "}\n";
  }

  const Host& server() { return cable_->b.host; }

  Result<Daemon> StartNginx() {
    auto nginx = StartClient(kNginx, {"-p", folder_, "-e", "stderr", "-c", "nginx.conf"}, server());
    // It says so when it listens.
    if (nginx && !nginx->WaitForLine("using the .* event method", 10s)) {
      return Error("nginx did not start");
    }
    return nginx;
  }

  // Requests for which nginx has no time until `seen`.
  void Burst(Daemon& nginx, const std::function<bool()>& seen) {
    nginx.Signal(SIGSTOP);
    const std::string count = std::to_string(kRequests);
    ASSERT_OK_AND_ASSIGN(Daemon curl,
                         StartClient(kCurl,
                                     {"--no-progress-meter", "--parallel", "--parallel-immediate",
                                      "--parallel-max", count, "--write-out", "%{http_code}\n",
                                      "http://" + cable_->b.ipv4 + "/[1-" + count + "]"},
                                     cable_->a.host));
    EXPECT_TRUE(EventuallyTrue(seen, 10s));
    nginx.Signal(SIGCONT);
    ASSERT_OK(curl.WaitForExit(60s));
    EXPECT_EQ(curl.CountLines("^200$"), kRequests);
  }

  int64_t Overflows() { return TcpExtCount(server(), "ListenOverflows"); }
  // All wait, of as many as nginx has asked for.
  bool AllWait() {
    auto sockets = RunClient(kSs, {"--no-header", "--listening", "--tcp"}, server());
    const std::regex all("^LISTEN +" + std::to_string(kRequests) + " +511 ");
    return sockets && std::regex_search(*sockets, all);
  }

  std::optional<VethPair> cable_;
  std::string folder_;
};

TEST_F(ClientsNginx, HasRoomForTheBurstOnceItIsStartedAgain) {
  {
    ASSERT_OK_AND_ASSIGN(Daemon nginx, StartNginx());
    ASSERT_NO_FATAL_FAILURE(Burst(nginx, [this] { return Overflows() > 0; }));
    ASSERT_OK(nginx.Stop());
  }
  const int64_t before = Overflows();
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&server()}));
  {
    ASSERT_OK_AND_ASSIGN(Daemon nginx, StartNginx());
    EXPECT_TRUE(
        daemon.WaitForLine("change net.core.somaxconn\\(max\\) from \\(128\\) -> \\(511\\)", 10s));
    EXPECT_TRUE(
        daemon.WaitForLine("^The application on port 80 asked listen\\(\\) for a backlog of "
                           "511 and was given 128\\. .* must listen again",
                           10s));
    ASSERT_OK(nginx.Stop());
  }
  ASSERT_OK_AND_ASSIGN(Daemon nginx, StartNginx());
  ASSERT_NO_FATAL_FAILURE(Burst(nginx, [this] { return AllWait(); }));
  EXPECT_EQ(Overflows(), before);
  ASSERT_OK(nginx.Stop());
  EXPECT_EQ(CountChanges(daemon, kSomaxconn), 1U);
}

}  // namespace
}  // namespace bpftune::testing
