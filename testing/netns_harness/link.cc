// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/link.h"

#include <atomic>

#include "testing/netns_harness/netlink.h"

namespace bpftune::testing {
namespace {

// Packets the device holds until the emulator reads them: so many that the emulator's queue is the
// only one that can overflow.
constexpr unsigned kDeviceQueuePackets = 10000;

Result<UniqueFd> AttachTun(const Endpoint& end) {
  auto attach = [&end]() -> Result<UniqueFd> {
    auto tun = OpenTun(end.device);
    if (!tun) return tun.error();
    Status status = SetTransmitQueueLength(end.device, kDeviceQueuePackets);
    if (status) status = AddAddress(end.device, end.ipv4 + "/24");
    if (status) status = AddAddress(end.device, end.ipv6 + "/64");
    if (!status) return status.error();
    return tun;
  };
  // Without a link-local address IPv6 does not look for routers: a link carries what the test
  // sends, and nothing else.
  auto tun = end.host.Run(attach);
  Status status = tun ? Ok() : Status(tun.error());
  if (status) status = end.host.SetSysctl("net.ipv6.conf." + end.device + ".addr_gen_mode", "1");
  if (status) status = end.host.Run([&end] { return SetLinkUp(end.device); });
  if (!status) return status.error().Within("host '" + end.host.name() + "'");
  return tun;
}

}  // namespace

Result<Link> Link::Create(const Host& a, const Host& b, const LinkParameters& both_ways,
                          const LinkOptions& options) {
  static std::atomic<int> links = 0;
  std::string number = std::to_string(1 + links++ % 255);  // as in VethPair::Create()
  auto end = [&number](const Host& host, const std::string& last) {
    return Endpoint{host, "link" + number, "10.77." + number + "." + last,
                    "fd77:" + number + "::" + last};
  };
  Endpoint end_a = end(a, "1");
  Endpoint end_b = end(b, "2");
  auto tun_a = AttachTun(end_a);
  if (!tun_a) return tun_a.error();
  auto tun_b = AttachTun(end_b);
  if (!tun_b) return tun_b.error();
  auto emulator =
      LinkEmulator::Start(std::move(*tun_a), std::move(*tun_b), both_ways, options.seed);
  if (!emulator) return emulator.error();
  return Link(std::move(end_a), std::move(end_b), std::move(*emulator));
}

void Link::SetBoth(const LinkParameters& parameters) {
  Set(Direction::kAToB, parameters);
  Set(Direction::kBToA, parameters);
}

}  // namespace bpftune::testing
