// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/scenarios/route_case.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <tuple>
#include <utility>

#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/netlink.h"
#include "testing/netns_harness/sockets.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t kDiscard = 9;
constexpr char kDestinations[] = "fd99::/64";
constexpr int64_t kMtuBeyond = 1280;  // the least that IPv6 has
constexpr int64_t kRememberedSeconds = 86400;
constexpr auto kAnswered = 2s;
// Of rt6_stats_seq_show() in net/ipv6/ip6_fib.c.
constexpr int kEntriesField = 6;

// Destination `number`, which has a route of its own.
std::string Destination(int number) { return "fd99::" + std::to_string(number); }

}  // namespace

Result<RouteCase> RouteCase::Create(int64_t max_size) {
  auto host = Host::Create("routes");
  if (!host) return host.error();
  auto router = Host::Create("router");
  if (!router) return router.error();
  auto beyond = Host::Create("beyond");
  if (!beyond) return beyond.error();
  auto near = VethPair::Create(*host, *router);
  if (!near) return near.error();
  auto far = VethPair::Create(*router, *beyond);
  if (!far) return far.error();
  auto route = router->AddRoute(kDestinations, far->b.ipv6);
  if (!route) return route.error();
  using Setting = std::tuple<const Host*, std::string, int64_t>;
  for (const auto& [where, name, value] :
       {Setting{&*host, kRouteMaxSize, max_size}, Setting{&*host, kRouteGcThresh, max_size / 4},
        Setting{&*host, "net.ipv6.route.mtu_expires", kRememberedSeconds},
        Setting{&*router, "net.ipv6.conf.all.forwarding", 1},
        Setting{&*router, "net.ipv6.conf." + far->a.device + ".mtu", kMtuBeyond}}) {
    auto set = where->SetSysctl(name, std::to_string(value));
    if (!set) return set.error();
  }
  return RouteCase(std::move(*near), std::move(*far));
}

int RouteCase::Remembered() const {
  return host().Run([] {
    std::ifstream file("/proc/thread-self/net/rt6_stats");
    std::string field;
    for (int i = 0; i < kEntriesField; ++i) file >> field;
    return static_cast<int>(std::strtol(field.c_str(), nullptr, 16));
  });
}

Result<int> RouteCase::Use(int count) {
  const UniqueFd socket(
      host().Run([] { return ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0); }));
  if (!socket) return Error::FromErrno("making a UDP socket");
  const std::string packet(kMtuBeyond, 'x');
  for (const int last = used_ + count; used_ < last;) {
    const std::string to = Destination(++used_);
    auto added = host().AddRoute(to + "/128", near_->b.ipv6);
    auto address = MakeAddress(to, kDiscard);
    if (!added) return added.error();
    if (!address) return address.error();
    if (sendto(socket.get(), packet.data(), packet.size(), 0, address->get(), address->length) < 0)
      return Error::FromErrno("sending to '" + to + "'");
  }
  EventuallyTrue([&] { return Remembered() >= used_; }, kAnswered);
  return std::max(used_ - Remembered(), 0);
}

Result<int64_t> RouteCase::ValueOf(const std::string& tunable) const {
  auto text = host().GetSysctl(tunable);
  if (!text) return text.error();
  const auto values = ParseVector(*text);
  if (values.size() != 1) return Error(tunable + " is '" + *text + "'");
  return values[0];
}

Status RouteCase::DropRoutes() {
  return host().Run([this] { return DeleteLink(near_->a.device); });
}

}  // namespace bpftune::testing
