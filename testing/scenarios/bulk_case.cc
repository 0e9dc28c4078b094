// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/scenarios/bulk_case.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include "testing/netns_harness/expect.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

std::string Triple(int64_t initial, int64_t most) {
  return "4096 " + std::to_string(std::min(initial, most)) + " " + std::to_string(most);
}

}  // namespace

double BdpBytes(const BulkCase& c) { return c.rate_mbit * 1e6 / 8 * c.rtt_ms / 1e3; }

const char* TunableOf(Side side) {
  return side == Side::kReceive ? "net.ipv4.tcp_rmem" : "net.ipv4.tcp_wmem";
}

Result<Path> Path::Create(const BulkCase& c) {
  Path path;
  auto a = Host::Create("sender");
  if (!a) return a.error();
  auto b = Host::Create("receiver");
  if (!b) return b.error();
  auto link = Link::Create(
      *a, *b, {.rate_mbit = c.rate_mbit, .delay_ms = c.rtt_ms / 2, .queue_bdp = c.queue_bdp});
  if (!link) return link.error();
  const int64_t rmem = c.side == Side::kReceive ? c.cap : kAmpleCap;
  const int64_t wmem = c.side == Side::kSend ? c.cap : kAmpleCap;
  for (const Host& host : {*a, *b}) {
    for (const auto& [name, value] :
         {std::pair<std::string, std::string>{"net.ipv4.tcp_rmem", Triple(131072, rmem)},
          {"net.ipv4.tcp_wmem", Triple(16384, wmem)},
          {"net.ipv4.tcp_no_metrics_save", "1"}}) {
      auto set = host.SetSysctl(name, value);
      if (!set) return set.error();
    }
  }
  path.a = std::make_unique<Host>(std::move(*a));
  path.b = std::make_unique<Host>(std::move(*b));
  path.link = std::make_unique<Link>(std::move(*link));
  return path;
}

Result<int64_t> Path::Cap(Side side) const {
  auto text = tuned(side).GetSysctl(TunableOf(side));
  if (!text) return text.error();
  const auto values = ParseVector(*text);
  if (values.size() != 3) return Error(std::string(TunableOf(side)) + " is '" + *text + "'");
  return values[2];
}

namespace {

// Of this process, and of the test under way: where a namespace is known by a number that is used
// again, the next test must not find what this one has left of it.
std::string RunDir() {
  std::string name = "bpftune-" + std::to_string(getpid());
  if (const auto* test = ::testing::UnitTest::GetInstance()->current_test_info()) {
    name.append("-").append(test->test_suite_name()).append("-").append(test->name());
  }
  std::ranges::replace(name, '/', '-');
  return ::testing::TempDir() + name;
}

}  // namespace

std::vector<std::string> Apart(std::vector<std::string> arguments) {
  for (const auto& [option, value] :
       {std::pair<std::string, std::string>{"--run-dir", RunDir()}, {"--pin-dir", ""}}) {
    if (std::ranges::find(arguments, option) != arguments.end()) continue;
    arguments.push_back(option);
    arguments.push_back(value);
  }
  return arguments;
}

Result<Daemon> StartDaemon(const std::vector<const Host*>& hosts,
                           const std::vector<std::string>& more_arguments) {
  std::vector<std::string> arguments = {"-s", "-l", kTunersPath};
  for (const Host* host : hosts) {
    arguments.push_back("-n");
    arguments.push_back(host->netns_path());
  }
  arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
  auto daemon = Daemon::Start(kDaemonPath, Apart(arguments));
  // A second here; an emulated machine needs half a minute to verify all programs.
  if (daemon && !daemon->WaitForLine("per-netns policy", 90s)) {
    return Error("the daemon did not say within 90 s what it supports");
  }
  return daemon;
}

size_t CountChanges(const Daemon& daemon, const std::string& tunable) {
  return daemon.CountLines("^Due to .* change " + tunable);
}

bool WaitForLooks(Daemon& daemon) {
  const size_t from = daemon.Lines().size();
  daemon.Signal(SIGUSR1);
  return daemon.WaitForLine("looks at all connections", 5s, from).has_value();
}

Result<BulkFlow> RunFlow(const Path& path, const BulkCase& c) {
  auto flow =
      BulkFlow::Start(path.link->a(), path.link->b(), {.congestion_control = c.congestion_control});
  if (flow) flow->WaitUntil(c.seconds);
  return flow;
}

}  // namespace bpftune::testing
