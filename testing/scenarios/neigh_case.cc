// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/scenarios/neigh_case.h"

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "testing/netns_harness/netlink.h"
#include "testing/netns_harness/sockets.h"

namespace bpftune::testing {
namespace {

constexpr char kFarDevice[] = "far";
// What waits for an answer stays with its socket.
constexpr int kBuffer = 64 << 20;

// Of neighbour `n`, from 1 on.
std::string AddressOf(Family family, int n) {
  std::ostringstream out;
  if (family == Family::kIpv4) {
    out << "10.50." << n / 256 << "." << n % 256;
  } else {
    // The same last 24 bits: all are asked by one multicast group, and thousands of groups on a
    // device take minutes.
    out << "fd50::" << std::hex << n << ":0:1";
  }
  return out.str();
}

Status Join(const Host& host, const std::string& device, Family family, const std::string& last) {
  const bool ipv4 = family == Family::kIpv4;
  return host.Run([&] {
    auto added =
        AddAddress(device, (ipv4 ? "10.50.255." : "fd50::") + last + (ipv4 ? "/16" : "/64"));
    return added ? SetLinkUp(device) : added;
  });
}

Result<UniqueFd> DatagramSocket(const Host& host, Family family) {
  const int domain = family == Family::kIpv4 ? AF_INET : AF_INET6;
  UniqueFd fd(
      host.Run([&] { return socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }));
  if (!fd) return Error::FromErrno("making a UDP socket");
  for (const int option : {SO_RCVBUFFORCE, SO_SNDBUFFORCE}) {
    if (setsockopt(fd.get(), SOL_SOCKET, option, &kBuffer, sizeof kBuffer) != 0) {
      return Error::FromErrno("making room in a UDP socket");
    }
  }
  return fd;
}

std::string StatFile(Family family) {
  return family == Family::kIpv4 ? "/proc/net/stat/arp_cache" : "/proc/net/stat/ndisc_cache";
}

std::string FileOf(Family family, int which) {
  std::string path = "/proc/sys/" + ThresholdName(family) + std::to_string(which);
  std::replace(path.begin(), path.end(), '.', '/');
  return path;
}

}  // namespace

Result<Neighbourhood> Neighbourhood::Create(Family family, int answering,
                                            const std::string& device) {
  auto sender = Host::Create("sender");
  if (!sender) return sender.error();
  auto neighbours = Host::Create("neighbours");
  if (!neighbours) return neighbours.error();
  Neighbourhood out(family, device, std::move(*sender), std::move(*neighbours));
  const pid_t far = out.neighbours_.pid();
  const Status made = out.sender_.Run([&] { return AddVethPair(device, kFarDevice, far); });
  for (const Status& step : {made, Join(out.sender_, device, family, "254"),
                             Join(out.neighbours_, kFarDevice, family, "253"),
                             out.sender_.Run([&] { return WaitUntilRunning(device); })}) {
    if (!step) return step.error();
  }
  if (auto there = out.Appear(1, answering); !there) return there.error();
  auto from = DatagramSocket(out.sender_, family);
  auto to = DatagramSocket(out.neighbours_, family);
  if (!from || !to) return from ? to.error() : from.error();
  auto any = MakeAddress(family == Family::kIpv4 ? "0.0.0.0" : "::", 0);
  if (!any) return any.error();
  if (bind(to->get(), any->get(), any->length) != 0) {
    return Error::FromErrno("binding the socket of the neighbours");
  }
  auto bound = LocalAddress(to->get());
  if (!bound) return bound.error();
  out.port_ = bound->port();
  out.from_ = std::move(*from);
  out.to_ = std::move(*to);
  return out;
}

Status Neighbourhood::SendToEach(int count, std::chrono::nanoseconds pause) {
  prctl(PR_SET_TIMERSLACK, 1);  // of 50 us by default
  auto next = std::chrono::steady_clock::now();
  for (int n = 1; n <= count; ++n) {
    auto to = MakeAddress(AddressOf(family_, n), port_);
    if (!to) return to.error();
    // A full table is an error for IPv6, for IPv4 it is none; either way the datagram is lost.
    (void)sendto(from_.get(), "", 1, 0, to->get(), to->length);
    next += pause;
    if (pause.count() != 0) std::this_thread::sleep_until(next);
  }
  return Ok();
}

Status Neighbourhood::SendMany(int n, int datagrams) {
  auto to = MakeAddress(AddressOf(family_, n), port_);
  if (!to) return to.error();
  for (int i = 0; i < datagrams; ++i) {
    if (sendto(from_.get(), "", 1, 0, to->get(), to->length) != 1) {
      return Error::FromErrno("sending to a neighbour");
    }
  }
  return Ok();
}

Status Neighbourhood::Appear(int first, int last) {
  std::vector<std::string> addresses;
  for (int n = first; n <= last; ++n) {
    addresses.push_back(AddressOf(family_, n).append(family_ == Family::kIpv4 ? "/32" : "/128"));
  }
  return neighbours_.Run([&] { return AddAddresses(kFarDevice, addresses); });
}

std::string Neighbourhood::QueueTunable() const {
  std::string device = device_;
  std::replace(device.begin(), device.end(), '.', '/');
  return (family_ == Family::kIpv4 ? "net.ipv4.neigh." : "net.ipv6.neigh.") + device +
         ".unres_qlen_bytes";
}

int Neighbourhood::Arrived() {
  char byte;
  while (recv(to_.get(), &byte, sizeof byte, 0) >= 0) ++arrived_;
  return arrived_;
}

uint64_t TableCount(Family family, const std::string& column) {
  std::ifstream in(StatFile(family));
  std::string line, name;
  std::getline(in, line);
  std::istringstream names(line);
  size_t at = 0;
  while (names >> name && name != column) ++at;
  uint64_t sum = 0;
  while (std::getline(in, line)) {
    std::istringstream numbers(line);
    std::string number;
    for (size_t i = 0; i <= at; ++i) numbers >> number;
    const uint64_t value = std::stoull(number, nullptr, 16);
    sum = column == "entries" ? value : sum + value;
  }
  return sum;
}

std::string ThresholdName(Family family) {
  return family == Family::kIpv4 ? "net.ipv4.neigh.default.gc_thresh"
                                 : "net.ipv6.neigh.default.gc_thresh";
}

std::vector<int64_t> Thresholds(Family family) {
  std::vector<int64_t> out;
  for (int which = 1; which <= 3; ++which) {
    std::ifstream in(FileOf(family, which));
    int64_t value = -1;
    in >> value;
    out.push_back(value);
  }
  return out;
}

void SetThreshold(Family family, int which, int64_t value) {
  std::ofstream(FileOf(family, which)) << value << std::endl;
}

void SetThresholds(Family family, const std::vector<int64_t>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    SetThreshold(family, static_cast<int>(i) + 1, values[i]);
  }
}

}  // namespace bpftune::testing
