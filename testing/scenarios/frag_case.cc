// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/scenarios/frag_case.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

namespace bpftune::testing {
namespace {

constexpr size_t kPayload = 1400;  // of a fragment; offsets are in units of 8 bytes

std::string Tunable(Family family, const std::string& name) {
  return family == Family::kIpv6 ? "net.ipv6.ip6frag_" + name : "net.ipv4.ipfrag_" + name;
}

template <typename Header>
void Put(std::array<char, 2048>* packet, size_t at, const Header& header) {
  std::memcpy(packet->data() + at, &header, sizeof(header));
}

// A name and a number in each line.
std::map<std::string, int64_t> ReadListed(std::istream&& in) {
  std::map<std::string, int64_t> out;
  std::string name;
  for (int64_t number = 0; in >> name >> number;) out[name] = number;
  return out;
}

// Names in the first line, numbers in the second: the first group of the file, which is "Ip:".
std::map<std::string, int64_t> ReadPaired(std::istream&& in) {
  std::string first;
  std::string second;
  std::getline(in, first);
  std::getline(in, second);
  std::istringstream names(first);
  std::istringstream numbers(second);
  std::map<std::string, int64_t> out;
  std::string number;
  for (std::string name; names >> name && numbers >> number;)
    out[name] = std::atoll(number.c_str());
  return out;
}

}  // namespace

std::string FragThreshold(Family family) { return Tunable(family, "high_thresh"); }

Status LimitFragments(const Host& host, Family family, int64_t bytes) {
  auto low = host.SetSysctl(Tunable(family, "low_thresh"), std::to_string(bytes / 2));
  if (!low) return low;
  return host.SetSysctl(FragThreshold(family), std::to_string(bytes));
}

Status SetReassemblyTimeout(const Host& host, Family family, int seconds) {
  return host.SetSysctl(Tunable(family, "time"), std::to_string(seconds));
}

Result<ReassemblyCounts> ReassembliesOf(const Host& host, Family family) {
  const bool is_ipv6 = family == Family::kIpv6;
  const auto counts = host.Run([&] {
    return is_ipv6 ? ReadListed(std::ifstream("/proc/thread-self/net/snmp6"))
                   : ReadPaired(std::ifstream("/proc/thread-self/net/snmp"));
  });
  const std::string prefix = is_ipv6 ? "Ip6" : "";
  const auto completed = counts.find(prefix + "ReasmOKs");
  const auto failed = counts.find(prefix + "ReasmFails");
  if (completed == counts.end() || failed == counts.end()) {
    return Error("there are no counters of reassembly");
  }
  return ReassemblyCounts{completed->second, failed->second};
}

Result<FragmentSource> FragmentSource::Create(const Endpoint& from, const Endpoint& to,
                                              Family family) {
  auto source = MakeAddress(from.address(family), /*port=*/0);
  if (!source) return source.error();
  auto destination = MakeAddress(to.address(family), /*port=*/0);
  if (!destination) return destination.error();
  const int domain = family == Family::kIpv6 ? AF_INET6 : AF_INET;
  UniqueFd socket(
      from.host.Run([&] { return ::socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW); }));
  if (!socket) return Error::FromErrno("making a raw socket");
  const int bytes = 16 << 20;  // a burst goes out at once
  if (setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0) {
    return Error::FromErrno("enlarging a send buffer");
  }
  return FragmentSource(std::move(socket), family, *source, *destination);
}

// With its own IP header, since IPPROTO_RAW; the kernel fills in the checksum and length of IPv4.
Status FragmentSource::Send(uint32_t id, int index, bool is_last) {
  std::array<char, 2048> packet = {};
  const auto offset = static_cast<uint16_t>(static_cast<size_t>(index) * kPayload / 8);
  size_t headers = 0;
  if (family_ == Family::kIpv6) {
    ip6_hdr header = {};
    header.ip6_vfc = 6 << 4;
    header.ip6_plen = htons(sizeof(ip6_frag) + kPayload);
    header.ip6_nxt = IPPROTO_FRAGMENT;
    header.ip6_hlim = 64;
    header.ip6_src = reinterpret_cast<const sockaddr_in6*>(from_.get())->sin6_addr;
    header.ip6_dst = reinterpret_cast<const sockaddr_in6*>(to_.get())->sin6_addr;
    ip6_frag fragment = {};
    fragment.ip6f_nxt = IPPROTO_UDP;
    fragment.ip6f_offlg = htons(static_cast<uint16_t>(offset << 3 | (is_last ? 0 : 1)));
    fragment.ip6f_ident = htonl(id);
    Put(&packet, 0, header);
    Put(&packet, sizeof(header), fragment);
    headers = sizeof(header) + sizeof(fragment);
  } else {
    iphdr header = {};
    header.version = 4;
    header.ihl = sizeof(header) / 4;
    header.id = htons(static_cast<uint16_t>(id));
    header.frag_off = htons(static_cast<uint16_t>(offset | (is_last ? 0 : IP_MF)));
    header.ttl = 64;
    header.protocol = IPPROTO_UDP;
    header.saddr = reinterpret_cast<const sockaddr_in*>(from_.get())->sin_addr.s_addr;
    header.daddr = reinterpret_cast<const sockaddr_in*>(to_.get())->sin_addr.s_addr;
    Put(&packet, 0, header);
    headers = sizeof(header);
  }
  const size_t length = headers + kPayload;
  const ssize_t sent = sendto(socket_.get(), packet.data(), length, 0, to_.get(), to_.length);
  if (sent != static_cast<ssize_t>(length)) return Error::FromErrno("sending a fragment");
  return Ok();
}

Status FragmentSource::SendInterleaved(int datagrams, int fragments) {
  for (int index = 0; index < fragments; ++index) {
    for (int i = 1; i <= datagrams; ++i) {
      auto sent = Send(last_id_ + static_cast<uint32_t>(i), index, index == fragments - 1);
      if (!sent) return sent;
    }
  }
  last_id_ += static_cast<uint32_t>(datagrams);
  return Ok();
}

Status FragmentSource::SendOrphans(int count) {
  for (int i = 0; i < count; ++i) {
    if (auto sent = Send(++last_id_, /*index=*/0, /*is_last=*/false); !sent) return sent;
  }
  return Ok();
}

}  // namespace bpftune::testing
