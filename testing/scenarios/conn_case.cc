// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/scenarios/conn_case.h"

#include <chrono>
#include <csignal>
#include <utility>

namespace bpftune::testing {

Result<std::string> UseLossBasedDefault(const Host& host) {
  if (host.SetSysctl(kCongestionControl, "cubic")) return std::string("cubic");
  auto set = host.SetSysctl(kCongestionControl, "reno");
  if (!set) return set.error();
  return std::string("reno");
}

Result<LossyPath> LossyPath::Create(const LinkParameters& parameters, uint64_t seed) {
  auto a = Host::Create("sender");
  if (!a) return a.error();
  auto b = Host::Create("receiver");
  if (!b) return b.error();
  LossyPath path;
  for (const Host& host : {*a, *b}) {
    for (const auto& [name, value] :
         {std::pair<std::string, std::string>{"net.ipv4.tcp_rmem", "4096 131072 67108864"},
          {"net.ipv4.tcp_wmem", "4096 16384 67108864"},
          {"net.ipv4.tcp_no_metrics_save", "1"}}) {
      auto set = host.SetSysctl(name, value);
      if (!set) return set.error();
    }
    auto algorithm = UseLossBasedDefault(host);
    if (!algorithm) return algorithm.error();
    path.algorithm = *algorithm;
  }
  auto link = Link::Create(*a, *b, parameters, {.seed = seed});
  if (!link) return link.error();
  path.a = std::make_unique<Host>(std::move(*a));
  path.b = std::make_unique<Host>(std::move(*b));
  path.link = std::make_unique<Link>(std::move(*link));
  return path;
}

Result<BulkFlow> StartFlow(const LossyPath& path, const BulkFlowOptions& options) {
  return BulkFlow::Start(path.link->a(), path.link->b(), options);
}

std::string AlgorithmOf(const BulkFlow& flow) {
  auto sender = flow.Sender();
  return sender ? sender->congestion_control : sender.error().message();
}

bool HasBbr(const BulkFlow& flow) {
  const std::string algorithm = AlgorithmOf(flow);
  return algorithm == kGentleBbr || algorithm == "bbr";
}

uint64_t CountOf(Daemon& daemon, const std::string& text) {
  using namespace std::chrono_literals;
  const size_t from = daemon.Lines().size();
  daemon.Signal(SIGUSR1);
  // The last line of a summary: of the last tuner, which has looked when it started.
  if (!daemon.WaitForLine("'tcp_listen': .* looks at all listeners", 10s, from)) return 0;
  const auto line = daemon.WaitForLine("'tcp_conn': ([0-9]+) " + text, 0s, from);
  return line ? std::stoull(line->captures[0]) : 0;
}

}  // namespace bpftune::testing
