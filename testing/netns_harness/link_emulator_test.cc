// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// The pure parts of the emulator: queue, loss, cutting of super-packets, memory. What it does to
// real packets is in link_accuracy_test.cc.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "testing/netns_harness/link_direction.h"
#include "testing/netns_harness/link_model.h"
#include "testing/netns_harness/link_parameters.h"
#include "testing/netns_harness/packet.h"

namespace bpftune::testing {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;

TransmitQueue MakeQueue(double rate_mbit, uint64_t limit_bytes) {
  TransmitQueue queue;
  queue.Configure(rate_mbit, limit_bytes);
  return queue;
}

TEST(TransmitQueueTest, ASegmentTakesItsLengthAtTheRateOfTheLine) {
  TransmitQueue queue = MakeQueue(/*rate_mbit=*/100, /*limit_bytes=*/100'000);

  EXPECT_EQ(queue.Enqueue(kMillisecond, 1500), kMillisecond + 120'000);
}

TEST(TransmitQueueTest, SegmentsWaitForThoseBeforeThem) {
  TransmitQueue queue = MakeQueue(100, 100'000);
  ASSERT_TRUE(queue.Enqueue(0, 1500));

  EXPECT_EQ(queue.Enqueue(20'000, 1500), 240'000U);
  EXPECT_EQ(queue.backlog_ns(20'000), 220'000U);
}

TEST(TransmitQueueTest, AnIdleLineDoesNotSaveUp) {
  TransmitQueue queue = MakeQueue(100, 100'000);
  ASSERT_TRUE(queue.Enqueue(0, 1500));

  EXPECT_EQ(queue.Enqueue(1000 * kMillisecond, 1500), 1000 * kMillisecond + 120'000);
}

TEST(TransmitQueueTest, TakesExactlyTheBytesOfItsLimit) {
  TransmitQueue queue = MakeQueue(100, 15'000);
  for (int i = 0; i < 10; i++) EXPECT_TRUE(queue.Enqueue(0, 1500)) << i;

  EXPECT_FALSE(queue.Enqueue(0, 1));
  EXPECT_FALSE(queue.Enqueue(119'000, 1500)) << "the first segment has not left yet";
  EXPECT_TRUE(queue.Enqueue(120'000, 1500));
}

TEST(TransmitQueueTest, WithoutARateNothingWaitsOrIsDropped) {
  TransmitQueue queue = MakeQueue(0, 0);
  for (int i = 0; i < 100; i++) EXPECT_EQ(queue.Enqueue(7, 65'000), 7U);
}

TEST(LinkParametersTest, QueueIsInUnitsOfRateTimesRoundTrip) {
  EXPECT_EQ((LinkParameters{.rate_mbit = 1000, .delay_ms = 50}).QueueLimitBytes(), 12'500'000U);
  EXPECT_EQ((LinkParameters{.rate_mbit = 100, .delay_ms = 10, .queue_bdp = 4}).QueueLimitBytes(),
            1'000'000U);
  EXPECT_EQ((LinkParameters{.rate_mbit = 1}).QueueLimitBytes(), 65'536U);
  EXPECT_EQ((LinkParameters{.rate_mbit = 1000, .queue_bytes = 3000}).QueueLimitBytes(), 3000U);
}

std::vector<bool> Losses(uint64_t seed, double share, double burst, int count) {
  LossSequence sequence(seed);
  std::vector<bool> losses;
  losses.reserve(count);
  for (int i = 0; i < count; i++) losses.push_back(sequence.Next(share, burst));
  return losses;
}

double Share(const std::vector<bool>& losses) {
  return static_cast<double>(std::count(losses.begin(), losses.end(), true)) /
         static_cast<double>(losses.size());
}

double MeanBurst(const std::vector<bool>& losses) {
  int bursts = 0;
  for (size_t i = 1; i < losses.size(); i++) bursts += losses[i] && !losses[i - 1];
  return static_cast<double>(std::count(losses.begin(), losses.end(), true)) / bursts;
}

TEST(LossSequenceTest, LosesTheShareAskedFor) {
  for (double share : {0.001, 0.01, 0.05, 0.5}) {
    EXPECT_NEAR(Share(Losses(1, share, 1, 1'000'000)), share, share * 0.15) << share;
  }
}

TEST(LossSequenceTest, BurstsHaveTheMeanLengthAskedForAndTheSameShare) {
  auto losses = Losses(1, 0.02, 10, 1'000'000);
  EXPECT_NEAR(Share(losses), 0.02, 0.004);
  EXPECT_NEAR(MeanBurst(losses), 10, 1);
  EXPECT_NEAR(MeanBurst(Losses(1, 0.02, 1, 1'000'000)), 1 / 0.98, 0.05);
}

TEST(LossSequenceTest, TheSameSeedLosesTheSameSegments) {
  EXPECT_EQ(Losses(7, 0.05, 1, 10'000), Losses(7, 0.05, 1, 10'000));
  EXPECT_EQ(Losses(7, 0.05, 5, 10'000), Losses(7, 0.05, 5, 10'000));
  EXPECT_NE(Losses(7, 0.05, 1, 10'000), Losses(8, 0.05, 1, 10'000));
}

TEST(LossSequenceTest, ATimeWithoutLossDoesNotShiftWhatIsLostAfterIt) {
  auto throughout = Losses(7, 0.05, 1, 2000);
  LossSequence sequence(7);
  for (int i = 0; i < 1000; i++) EXPECT_FALSE(sequence.Next(0, 1));
  for (size_t i = 1000; i < 2000; i++) EXPECT_EQ(sequence.Next(0.05, 1), throughout[i]) << i;
}

// ---- super-packets ----

enum class Transport { kTcp, kUdp };

struct SuperPacketCase {
  const char* description;
  bool v6;
  Transport transport;
};

constexpr uint16_t kSegmentBytes = 1000;
constexpr uint32_t kSequence = 0xffffff00;  // wraps within the packet
constexpr uint16_t kIdentification = 0xfffe;
constexpr uint8_t kFinPushCwr = 0x01 | 0x08 | 0x80;

void Append16(std::vector<uint8_t>& to, uint32_t value) {
  to.push_back(static_cast<uint8_t>(value >> 8));
  to.push_back(static_cast<uint8_t>(value));
}

uint32_t Read16(const std::vector<uint8_t>& from, size_t at) {
  return static_cast<uint32_t>(from[at] << 8 | from[at + 1]);
}

// A frame as the kernel gives it: 4 segments, the last with 100 bytes. TCP has 12 bytes of options.
std::vector<uint8_t> MakeSuperPacket(const SuperPacketCase& c) {
  bool is_tcp = c.transport == Transport::kTcp;
  size_t transport_header = is_tcp ? 32 : 8;
  size_t payload = 3 * kSegmentBytes + 100;
  auto length = static_cast<uint32_t>(transport_header + payload);
  uint8_t protocol = is_tcp ? 6 : 17;

  std::vector<uint8_t> packet;
  if (c.v6) {
    packet = {0x60, 0, 0, 0};
    Append16(packet, length);
    packet.insert(packet.end(), {protocol, 64});
    for (uint8_t i = 0; i < 32; i++) packet.push_back(static_cast<uint8_t>(i * 37));
  } else {
    packet = {0x45, 0};
    Append16(packet, length + 20);
    Append16(packet, kIdentification);
    packet.insert(packet.end(), {0x40, 0, 64, protocol, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2});
  }
  auto ip_header = static_cast<uint16_t>(packet.size());
  packet.resize(packet.size() + transport_header);
  if (is_tcp) {
    for (int i = 0; i < 4; i++) {
      packet[ip_header + 4U + static_cast<size_t>(i)] =
          static_cast<uint8_t>(kSequence >> (24 - 8 * i));
    }
    packet[ip_header + 12U] = 8 << 4;
    packet[ip_header + 13U] = 0x10 | kFinPushCwr;
  }
  for (size_t i = 0; i < payload; i++) packet.push_back(static_cast<uint8_t>(i * 7 + i / 251));

  VirtioHeader virtio{.flags = VirtioHeader::kNeedsChecksum,
                      .gso_type = !is_tcp ? VirtioHeader::kUdp
                                  : c.v6  ? VirtioHeader::kTcp6
                                          : VirtioHeader::kTcp4,
                      .header_bytes = static_cast<uint16_t>(ip_header + transport_header),
                      .gso_size = kSegmentBytes,
                      .checksum_start = ip_header,
                      .checksum_offset = static_cast<uint16_t>(is_tcp ? 16 : 6)};
  auto* bytes = reinterpret_cast<const uint8_t*>(&virtio);
  packet.insert(packet.begin(), bytes, bytes + sizeof virtio);
  return packet;
}

std::vector<uint8_t> Join(const Piece& piece) {
  std::vector<uint8_t> packet(piece.headers.begin(),
                              piece.headers.begin() + static_cast<long>(piece.header_bytes));
  packet.insert(packet.end(), piece.payload.begin(), piece.payload.end());
  return packet;
}

// Completes the checksum as the kernel does for VirtioHeader::kNeedsChecksum, then says whether a
// receiver that knows nothing of all this would find it right.
bool TransportChecksumIsRight(const SuperPacketCase& c, const Piece& piece) {
  std::vector<uint8_t> packet = Join(piece);
  size_t start = piece.virtio.checksum_start;
  auto complement = static_cast<uint16_t>(~InternetSum(std::span(packet).subspan(start)));
  packet[start + piece.virtio.checksum_offset] = static_cast<uint8_t>(complement >> 8);
  packet[start + piece.virtio.checksum_offset + 1U] = static_cast<uint8_t>(complement);

  auto transport = std::span(packet).subspan(start);
  auto addresses = c.v6 ? std::span(packet).subspan(8, 32) : std::span(packet).subspan(12, 8);
  uint32_t protocol = c.transport == Transport::kTcp ? 6 : 17;
  uint32_t pseudo = InternetSum(addresses, protocol + static_cast<uint32_t>(transport.size()));
  return InternetSum(transport, pseudo) == 0xffff;
}

class CutTest : public ::testing::TestWithParam<SuperPacketCase> {
 protected:
  size_t ip_header() const { return GetParam().v6 ? 40 : 20; }
  size_t transport_header() const { return GetParam().transport == Transport::kTcp ? 32 : 8; }
  size_t headers() const { return ip_header() + transport_header(); }

  const std::vector<uint8_t> frame_ = MakeSuperPacket(GetParam());
  const PacketView packet_{frame_};
};

TEST_P(CutTest, MeasuresTheSegments) {
  ASSERT_EQ(packet_.segments(), 4U);
  EXPECT_EQ(packet_.segment_bytes(0), headers() + kSegmentBytes);
  EXPECT_EQ(packet_.segment_bytes(3), headers() + 100);
}

TEST_P(CutTest, LengthsSayWhatIsThere) {
  for (uint32_t first = 0; first < 4; first++) {
    for (uint32_t count = 1; first + count <= 4 && count < 4; count++) {
      std::vector<uint8_t> piece = Join(packet_.Cut(first, count));
      uint32_t said = GetParam().v6 ? Read16(piece, 4) + 40 : Read16(piece, 2);
      EXPECT_EQ(said, piece.size()) << first << "+" << count;
      if (GetParam().transport == Transport::kUdp) {
        EXPECT_EQ(Read16(piece, ip_header() + 4), piece.size() - ip_header());
      }
    }
  }
}

TEST_P(CutTest, ChecksumsAreRightForEachPiece) {
  for (uint32_t first = 0; first < 4; first++) {
    for (uint32_t count = 1; first + count <= 4 && count < 4; count++) {
      Piece piece = packet_.Cut(first, count);
      EXPECT_TRUE(TransportChecksumIsRight(GetParam(), piece)) << first << "+" << count;
      if (GetParam().v6) continue;
      EXPECT_EQ(InternetSum(std::span(piece.headers).first(20)), 0xffff) << "IPv4 header";
    }
  }
}

TEST_P(CutTest, PiecesTogetherAreThePayload) {
  std::vector<uint8_t> together;
  for (auto [first, count] : {std::pair{0U, 1U}, {1U, 2U}, {3U, 1U}}) {
    Piece piece = packet_.Cut(first, count);
    together.insert(together.end(), piece.payload.begin(), piece.payload.end());
  }
  size_t start = sizeof(VirtioHeader) + headers();
  EXPECT_EQ(together,
            std::vector<uint8_t>(frame_.begin() + static_cast<long>(start), frame_.end()));
}

TEST_P(CutTest, OneSegmentIsAPlainPacketAndSeveralAreNot) {
  EXPECT_EQ(packet_.Cut(1, 1).virtio.gso_type, 0);
  EXPECT_EQ(packet_.Cut(1, 1).virtio.gso_size, 0);
  EXPECT_NE(packet_.Cut(1, 2).virtio.gso_type, 0);
  EXPECT_EQ(packet_.Cut(1, 2).virtio.gso_size, kSegmentBytes);
  EXPECT_EQ(packet_.Cut(1, 1).virtio.flags, VirtioHeader::kNeedsChecksum);
}

INSTANTIATE_TEST_SUITE_P(AllProtocols, CutTest,
                         ::testing::Values(SuperPacketCase{"Tcp4", false, Transport::kTcp},
                                           SuperPacketCase{"Tcp6", true, Transport::kTcp},
                                           SuperPacketCase{"Udp4", false, Transport::kUdp},
                                           SuperPacketCase{"Udp6", true, Transport::kUdp}),
                         [](const auto& tested) { return tested.param.description; });

TEST(CutTcpTest, SequenceNumbersGoOnAndWrap) {
  auto frame = MakeSuperPacket({"", false, Transport::kTcp});
  std::vector<uint8_t> piece = Join(PacketView(frame).Cut(2, 1));
  uint32_t sequence = Read16(piece, 24) << 16 | Read16(piece, 26);
  EXPECT_EQ(sequence, kSequence + 2 * kSegmentBytes);
}

TEST(CutTcpTest, IdentificationsGoOnAndWrap) {
  auto frame = MakeSuperPacket({"", false, Transport::kTcp});
  EXPECT_EQ(Read16(Join(PacketView(frame).Cut(3, 1)), 4), (kIdentification + 3) & 0xffff);
}

TEST(CutTcpTest, TheFirstPieceTellsOfTheWindowAndTheLastEndsTheStream) {
  auto frame = MakeSuperPacket({"", false, Transport::kTcp});
  PacketView packet(frame);
  auto flags = [](const Piece& piece) { return piece.headers[20 + 13] & kFinPushCwr; };
  EXPECT_EQ(flags(packet.Cut(0, 2)), 0x80);
  EXPECT_EQ(flags(packet.Cut(1, 2)), 0);
  EXPECT_EQ(flags(packet.Cut(2, 2)), 0x09);
}

TEST(PacketViewTest, APlainPacketIsOneSegment) {
  std::vector<uint8_t> frame(sizeof(VirtioHeader) + 60);
  EXPECT_EQ(PacketView(frame).segments(), 1U);
  EXPECT_EQ(PacketView(frame).segment_bytes(0), 60U);
}

TEST(PacketViewTest, AFrameThatMakesNoSenseIsOneSegment) {
  auto frame = MakeSuperPacket({"", false, Transport::kTcp});
  auto with = [&frame](auto change) {
    auto copy = frame;
    auto* virtio = reinterpret_cast<VirtioHeader*>(copy.data());
    change(*virtio);
    return PacketView(copy).segments();
  };
  EXPECT_EQ(with([](VirtioHeader& v) { v.gso_size = 0; }), 1U);
  EXPECT_EQ(with([](VirtioHeader& v) { v.checksum_start = 0xffff; }), 1U);
  EXPECT_EQ(with([](VirtioHeader& v) { v.checksum_start = 300; }), 1U);
  EXPECT_EQ(PacketView({}).segments(), 1U);
  EXPECT_EQ(PacketView({}).total_bytes(), 0U);
}

// ---- memory ----

TEST(PacketRingTest, OffersNothingWhenFullAndAgainWhenFreed) {
  auto ring = PacketRing::Create(4096);
  ASSERT_TRUE(ring);
  std::vector<uint64_t> marks;
  for (int i = 0; i < 4; i++) {
    ASSERT_EQ((*ring)->Offer(1024).size(), 1024U) << i;
    marks.push_back((*ring)->Take(1024));
  }
  EXPECT_TRUE((*ring)->Offer(1024).empty());
  (*ring)->FreeUpTo(marks[0]);
  EXPECT_EQ((*ring)->Offer(1024).size(), 1024U);
}

TEST(PacketRingTest, NeverOffersWhatIsStillTaken) {
  constexpr size_t kMost = 1000;
  auto ring = PacketRing::Create(8192);
  ASSERT_TRUE(ring);
  struct Held {
    std::span<uint8_t> room;
    uint8_t mark;
    uint64_t end;
  };
  std::deque<Held> held;
  for (int i = 0; i < 10'000; i++) {
    std::span<uint8_t> room = (*ring)->Offer(kMost);
    if (room.empty() || i % 7 == 0) {
      if (held.empty()) continue;
      for (uint8_t byte : held.front().room) ASSERT_EQ(byte, held.front().mark) << i;
      (*ring)->FreeUpTo(held.front().end);
      held.pop_front();
      continue;
    }
    room = room.first(1 + static_cast<size_t>(i) * 37 % kMost);
    std::fill(room.begin(), room.end(), static_cast<uint8_t>(i));
    held.push_back({room, static_cast<uint8_t>(i), (*ring)->Take(room.size())});
  }
}

}  // namespace
}  // namespace bpftune::testing
