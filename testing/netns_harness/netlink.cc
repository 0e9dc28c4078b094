// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/netlink.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>

#include "controller/unique_fd.h"

namespace bpftune::testing {
namespace {

template <auto put>
struct Put {
  template <typename Object>
  void operator()(Object* object) const {
    put(object);
  }
};
using SocketPtr = std::unique_ptr<nl_sock, Put<nl_socket_free>>;
using LinkPtr = std::unique_ptr<rtnl_link, Put<rtnl_link_put>>;
using AddressPtr = std::unique_ptr<rtnl_addr, Put<rtnl_addr_put>>;
using RoutePtr = std::unique_ptr<rtnl_route, Put<rtnl_route_put>>;
using MessagePtr = std::unique_ptr<nl_msg, Put<nlmsg_free>>;
using NlAddrPtr = std::unique_ptr<nl_addr, Put<nl_addr_put>>;

// libnl has error numbers of its own, so its words go into the message.
Status Outcome(int code, const std::string& doing) {
  if (code >= 0) return Ok();
  return Error(doing + ": " + nl_geterror(code));
}

Result<SocketPtr> OpenNetlink() {
  SocketPtr socket(nl_socket_alloc());
  if (!socket) return Error(ENOMEM, "making a netlink socket");
  Status connected = Outcome(nl_connect(socket.get(), NETLINK_ROUTE), "opening a netlink socket");
  if (!connected) return connected.error();
  return socket;
}

Result<int> IndexOf(const std::string& device) {
  int index = static_cast<int>(if_nametoindex(device.c_str()));
  if (index == 0) return Error::FromErrno("looking up device '" + device + "'");
  return index;
}

Result<NlAddrPtr> ParseAddress(const std::string& text) {
  nl_addr* parsed = nullptr;
  Status status =
      Outcome(nl_addr_parse(text.c_str(), AF_UNSPEC, &parsed), "address '" + text + "'");
  if (!status) return status.error();
  return NlAddrPtr(parsed);
}

Status ChangeLink(const std::string& device, const std::string& doing,
                  const std::function<void(rtnl_link*)>& describe) {
  auto socket = OpenNetlink();
  if (!socket) return socket.error();
  auto index = IndexOf(device);
  if (!index) return index.error();
  LinkPtr now(rtnl_link_alloc());
  LinkPtr change(rtnl_link_alloc());
  rtnl_link_set_ifindex(now.get(), *index);
  describe(change.get());
  return Outcome(rtnl_link_change(socket->get(), now.get(), change.get(), 0),
                 doing + " of '" + device + "'");
}

}  // namespace

Status SetLinkUp(const std::string& device) {
  return ChangeLink(device, "setting the state",
                    [](rtnl_link* link) { rtnl_link_set_flags(link, IFF_UP); });
}

Status WaitUntilRunning(const std::string& device) {
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  device.copy(request.ifr_name, sizeof request.ifr_name - 1);
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (std::chrono::steady_clock::now() < deadline) {
    if (ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) {
      return Error::FromErrno("asking for the state of '" + device + "'");
    }
    if ((request.ifr_flags & IFF_RUNNING) != 0) return Ok();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return Error(ETIMEDOUT, "waiting until '" + device + "' runs");
}

Status SetTransmitQueueLength(const std::string& device, unsigned packets) {
  return ChangeLink(device, "setting the transmit queue",
                    [packets](rtnl_link* link) { rtnl_link_set_txqlen(link, packets); });
}

Status SetMostSegments(const std::string& device, uint32_t segments) {
  const std::string doing = "setting gso_max_segs of '" + device + "'";
  auto socket = OpenNetlink();
  if (!socket) return socket.error();
  auto index = IndexOf(device);
  if (!index) return index.error();
  MessagePtr message(nlmsg_alloc_simple(RTM_SETLINK, 0));
  ifinfomsg link = {};
  link.ifi_index = *index;
  if (nlmsg_append(message.get(), &link, sizeof link, NLMSG_ALIGNTO) != 0 ||
      nla_put_u32(message.get(), IFLA_GSO_MAX_SEGS, segments) != 0) {
    return Error(ENOMEM, doing);
  }
  return Outcome(nl_send_sync(socket->get(), message.release()), doing);  // frees the message
}

Status AddAddress(const std::string& device, const std::string& address) {
  return AddAddresses(device, {address});
}

Status AddAddresses(const std::string& device, const std::vector<std::string>& addresses) {
  auto socket = OpenNetlink();
  if (!socket) return socket.error();
  auto index = IndexOf(device);
  if (!index) return index.error();
  for (const std::string& address : addresses) {
    auto local = ParseAddress(address);
    if (!local) return local.error();
    AddressPtr request(rtnl_addr_alloc());
    rtnl_addr_set_ifindex(request.get(), *index);
    rtnl_addr_set_local(request.get(), local->get());
    if (nl_addr_get_family(local->get()) == AF_INET6) {
      rtnl_addr_set_flags(request.get(), IFA_F_NODAD);
    }
    Status added = Outcome(rtnl_addr_add(socket->get(), request.get(), 0), "adding " + address);
    if (!added) return added.error().Within("device '" + device + "'");
  }
  return Ok();
}

Status AddRoute(const std::string& prefix, const std::string& gateway,
                const std::string& congestion_control) {
  auto socket = OpenNetlink();
  if (!socket) return socket.error();
  auto destination = ParseAddress(prefix);
  if (!destination) return destination.error();
  auto via = ParseAddress(gateway);
  if (!via) return via.error();
  RoutePtr route(rtnl_route_alloc());
  rtnl_route_set_dst(route.get(), destination->get());
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  rtnl_route_nh_set_gateway(hop, via->get());
  rtnl_route_add_nexthop(route.get(), hop);  // the route owns it now
  if (!congestion_control.empty()) {
    // To libnl all metrics are numbers of four bytes; this one is the name itself.
    uint32_t name = 0;
    if (congestion_control.size() > sizeof(name)) {
      return Error("'" + congestion_control + "' does not fit into a route's metric here");
    }
    std::memcpy(&name, congestion_control.data(), congestion_control.size());
    rtnl_route_set_metric(route.get(), RTAX_CC_ALGO, name);
  }
  return Outcome(rtnl_route_add(socket->get(), route.get(), 0),
                 "adding a route to '" + prefix + "' through '" + gateway + "'");
}

Status DeleteLink(const std::string& device) {
  auto socket = OpenNetlink();
  if (!socket) return socket.error();
  LinkPtr link(rtnl_link_alloc());
  rtnl_link_set_name(link.get(), device.c_str());
  return Outcome(rtnl_link_delete(socket->get(), link.get()), "deleting '" + device + "'");
}

Status AddVethPair(const std::string& device, const std::string& peer_device, pid_t peer_pid) {
  auto socket = OpenNetlink();
  if (!socket) return socket.error();
  return Outcome(rtnl_link_veth_add(socket->get(), device.c_str(), peer_device.c_str(), peer_pid),
                 "adding the veth pair '" + device + "'");
}

}  // namespace bpftune::testing
