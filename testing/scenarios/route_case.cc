// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/scenarios/route_case.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/netlink.h"
#include "testing/netns_harness/sockets.h"

namespace bpftune::testing {
namespace {

constexpr uint16_t kDiscard = 9;

// Destination `number`, which has a route of its own.
std::string Destination(int number) { return "fd99::" + std::to_string(number); }

}  // namespace

Result<RouteCase> RouteCase::Create(int64_t max_size) {
  auto host = Host::Create("routes");
  if (!host) return host.error();
  auto peer = Host::Create("neighbour");
  if (!peer) return peer.error();
  auto pair = VethPair::Create(*host, *peer);
  if (!pair) return pair.error();
  for (const auto& [name, value] :
       {std::pair<std::string, int64_t>{kRouteMaxSize, max_size}, {kRouteGcThresh, max_size / 4}}) {
    auto set = host->SetSysctl(name, std::to_string(value));
    if (!set) return set.error();
  }
  return RouteCase(std::move(*pair));
}

Result<int> RouteCase::Use(int count) {
  const UniqueFd socket(
      host().Run([] { return ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0); }));
  if (!socket) return Error::FromErrno("making a UDP socket");
  int refused = 0;
  for (const int last = used_ + count; used_ < last;) {
    const std::string to = Destination(++used_);
    auto added = host().AddRoute(to + "/128", pair_->b.ipv6);
    auto address = MakeAddress(to, kDiscard);
    if (!added) return added.error();
    if (!address) return address.error();
    if (sendto(socket.get(), "", 0, 0, address->get(), address->length) == 0) continue;
    if (errno != ENETUNREACH) return Error::FromErrno("sending to '" + to + "'");
    ++refused;
  }
  return refused;
}

Result<int64_t> RouteCase::ValueOf(const std::string& tunable) const {
  auto text = host().GetSysctl(tunable);
  if (!text) return text.error();
  const auto values = ParseVector(*text);
  if (values.size() != 1) return Error(tunable + " is '" + *text + "'");
  return values[0];
}

Status RouteCase::DropRoutes() {
  return host().Run([this] { return DeleteLink(pair_->a.device); });
}

}  // namespace bpftune::testing
