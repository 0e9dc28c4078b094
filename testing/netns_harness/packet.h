// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Packets as a TUN device with IFF_VNET_HDR hands them over: a small header that says how the
// payload is to be cut into segments, then IP, TCP or UDP, payload. Here they are measured, and
// pieces cut out of them. Pure: no descriptor, no clock. Used by the link emulator.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bpftune::testing {

// struct virtio_net_hdr. (<linux/virtio_net.h> of Linux 6.1 is not valid C++.) Host byte order.
struct VirtioHeader {
  static constexpr uint8_t kNeedsChecksum = 1;  // flags
  static constexpr uint8_t kTcp4 = 1;           // gso_type
  static constexpr uint8_t kTcp6 = 4;
  static constexpr uint8_t kUdp = 5;
  static constexpr uint8_t kEcn = 0x80;

  uint8_t flags = 0;
  uint8_t gso_type = 0;  // 0: a plain packet
  uint16_t header_bytes = 0;
  uint16_t gso_size = 0;         // payload bytes of a segment
  uint16_t checksum_start = 0;   // where the TCP or UDP header begins
  uint16_t checksum_offset = 0;  // and where in it the checksum is
};
static_assert(sizeof(VirtioHeader) == 10);

// Some segments of a packet, as a packet of their own: to be written one part after the other.
struct Piece {
  VirtioHeader virtio;
  std::array<uint8_t, 256> headers;
  size_t header_bytes;
  std::span<const uint8_t> payload;
};

// One packet in a buffer that somebody else keeps.
class PacketView {
 public:
  // `frame` begins with a VirtioHeader. A frame that makes no sense is one segment, and is left to
  // the receiving kernel to judge.
  explicit PacketView(std::span<const uint8_t> frame);

  uint32_t segments() const { return segments_; }
  uint32_t total_bytes() const { return static_cast<uint32_t>(packet_.size()); }

  // The length of the i-th segment on the wire, from its IP header on.
  uint32_t segment_bytes(uint32_t index) const;

  // Segments `first` to `first` + `count` - 1, with lengths, IPv4 identification, TCP sequence
  // number and flags, and checksums as they must be. The transport checksum is left to be completed
  // by the receiver, as in the original. Precondition: a proper part of segments() > 1.
  Piece Cut(uint32_t first, uint32_t count) const;

 private:
  VirtioHeader virtio_;
  std::span<const uint8_t> packet_;
  uint32_t header_bytes_ = 0;
  uint32_t segments_ = 1;
};

// The Internet checksum's sum (RFC 1071), folded to 16 bits, not complemented.
uint16_t InternetSum(std::span<const uint8_t> bytes, uint32_t start = 0);

}  // namespace bpftune::testing
