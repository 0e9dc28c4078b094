// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/packet.h"

#include <algorithm>
#include <cstring>

namespace bpftune::testing {
namespace {

constexpr size_t kIpv6HeaderBytes = 40;
constexpr uint32_t kUdpHeaderBytes = 8;
constexpr size_t kTcpDataOffset = 12;
constexpr size_t kTcpFlags = 13;
constexpr uint8_t kFin = 0x01, kPush = 0x08, kCongestionWindowReduced = 0x80;
constexpr uint8_t kProtocolTcp = 6, kProtocolUdp = 17;

uint16_t Load16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
void Store16(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
uint32_t Load32(const uint8_t* at) {
  return static_cast<uint32_t>(Load16(at)) << 16 | Load16(at + 2);
}
void Store32(uint8_t* at, uint32_t value) {
  Store16(at, value >> 16);
  Store16(at + 2, value);
}

bool IsUdp(const VirtioHeader& virtio) {
  return (virtio.gso_type & ~VirtioHeader::kEcn) == VirtioHeader::kUdp;
}

// Rewrites the IP header for `transport_bytes` behind it, `skipped` segments into the original, and
// returns the sum of the pseudo header.
uint16_t RewriteIp(std::span<uint8_t> ip, uint32_t transport_bytes, uint32_t skipped,
                   uint8_t protocol) {
  uint32_t start = protocol + transport_bytes;
  if (ip[0] >> 4 == 6) {
    Store16(&ip[4], static_cast<uint32_t>(ip.size() - kIpv6HeaderBytes) + transport_bytes);
    return InternetSum(ip.subspan(8, 32), start);
  }
  Store16(&ip[2], static_cast<uint32_t>(ip.size()) + transport_bytes);
  Store16(&ip[4], Load16(&ip[4]) + skipped);
  Store16(&ip[10], 0);
  Store16(&ip[10], ~InternetSum(ip));
  return InternetSum(ip.subspan(12, 8), start);
}

}  // namespace

uint16_t InternetSum(std::span<const uint8_t> bytes, uint32_t start) {
  uint32_t sum = start;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += Load16(&bytes[i]);
  if (bytes.size() % 2 != 0) sum += static_cast<uint32_t>(bytes.back() << 8);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

PacketView::PacketView(std::span<const uint8_t> frame) {
  if (frame.size() < sizeof virtio_) return;
  std::memcpy(&virtio_, frame.data(), sizeof virtio_);
  packet_ = frame.subspan(sizeof virtio_);
  size_t transport = virtio_.checksum_start;
  if (virtio_.gso_type == 0 || virtio_.gso_size == 0 || transport < 20 ||
      packet_.size() < transport + 20) {
    return;
  }
  size_t tcp_bytes = static_cast<size_t>(packet_[transport + kTcpDataOffset] >> 4) * 4;
  size_t headers = transport + (IsUdp(virtio_) ? kUdpHeaderBytes : tcp_bytes);
  if (headers > Piece().headers.size() || headers >= packet_.size()) return;
  header_bytes_ = static_cast<uint32_t>(headers);
  segments_ = (total_bytes() - header_bytes_ + virtio_.gso_size - 1) / virtio_.gso_size;
}

uint32_t PacketView::segment_bytes(uint32_t index) const {
  if (segments_ == 1) return total_bytes();
  uint32_t before = index * virtio_.gso_size;
  return header_bytes_ +
         std::min<uint32_t>(virtio_.gso_size, total_bytes() - header_bytes_ - before);
}

Piece PacketView::Cut(uint32_t first, uint32_t count) const {
  uint32_t begin = first * virtio_.gso_size;
  uint32_t bytes =
      std::min<uint32_t>(count * virtio_.gso_size, total_bytes() - header_bytes_ - begin);
  Piece piece{virtio_, {}, header_bytes_, packet_.subspan(header_bytes_ + begin, bytes)};
  std::copy_n(packet_.begin(), header_bytes_, piece.headers.begin());
  piece.virtio.header_bytes = static_cast<uint16_t>(header_bytes_);
  if (count == 1) piece.virtio.gso_type = piece.virtio.gso_size = 0;

  uint32_t ip_bytes = virtio_.checksum_start;
  uint32_t transport_bytes = header_bytes_ - ip_bytes + bytes;
  bool is_udp = IsUdp(virtio_);
  uint16_t pseudo_sum = RewriteIp(std::span(piece.headers).first(ip_bytes), transport_bytes, first,
                                  is_udp ? kProtocolUdp : kProtocolTcp);
  uint8_t* transport = &piece.headers[ip_bytes];
  if (is_udp) {
    Store16(transport + 4, transport_bytes);
    Store16(transport + 6, pseudo_sum);
    return piece;
  }
  Store32(transport + 4, Load32(transport + 4) + begin);
  Store16(transport + 16, pseudo_sum);
  bool has_last = first + count == segments_;
  if (!has_last) transport[kTcpFlags] &= static_cast<uint8_t>(~(kFin | kPush));
  if (first != 0) transport[kTcpFlags] &= static_cast<uint8_t>(~kCongestionWindowReduced);
  return piece;
}

}  // namespace bpftune::testing
