// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/link_direction.h"

#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace bpftune::testing {
namespace {

// 1 Gbit/s for half a second. Memory is touched, and so used, only as packets pile up.
constexpr size_t kRingBytes = 64 << 20;
constexpr size_t kMaxFrameBytes = sizeof(VirtioHeader) + 65535 + 40;
constexpr size_t kAlignment = 64;  // a cache line

double Milliseconds(uint64_t ns) { return static_cast<double>(ns) / 1e6; }

}  // namespace

uint64_t MonotonicNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

Result<std::unique_ptr<PacketRing>> PacketRing::Create(size_t capacity) {
  void* memory = mmap(nullptr, capacity, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return Error::FromErrno("making room for packets");
  madvise(memory, capacity, MADV_DONTFORK);  // a fork would make us copy each page again
  return std::unique_ptr<PacketRing>(new PacketRing(static_cast<uint8_t*>(memory), capacity));
}

PacketRing::~PacketRing() { munmap(memory_, capacity_); }

std::span<uint8_t> PacketRing::Offer(size_t bytes) {
  if (head_ == tail_) head_ = tail_ = 0;  // begin again where memory is warm
  size_t to_end = capacity_ - head_ % capacity_;
  if (to_end < bytes) {
    if (head_ + to_end + bytes - tail_ > capacity_) return {};
    head_ += to_end;
  }
  if (head_ + bytes - tail_ > capacity_) return {};
  return {memory_ + head_ % capacity_, bytes};
}

uint64_t PacketRing::Take(size_t bytes) {
  head_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return head_;
}

Result<std::unique_ptr<LinkDirection>> LinkDirection::Create(int in, int out,
                                                             const LinkParameters& parameters,
                                                             uint64_t seed) {
  auto ring = PacketRing::Create(kRingBytes);
  if (!ring) return ring.error();
  std::unique_ptr<LinkDirection> direction(new LinkDirection(in, out, seed, std::move(*ring)));
  direction->Set(parameters);
  direction->AdoptParameters();
  return direction;
}

bool LinkDirection::TakeOne() {
  std::span<uint8_t> room = ring_->Offer(kMaxFrameBytes);
  if (room.empty()) {
    uint8_t discarded;  // a TUN device throws away what does not fit
    bool was_packet = read(in_, &discarded, sizeof discarded) > 0;
    if (was_packet) counters_.overruns.Add(1);
    return was_packet;
  }
  ssize_t length = read(in_, room.data(), room.size());
  if (length <= static_cast<ssize_t>(sizeof(VirtioHeader))) return false;
  AdoptParameters();
  if (Schedule(room.first(static_cast<size_t>(length)), MonotonicNs())) {
    deliveries_.back().free_mark = ring_->Take(static_cast<size_t>(length));
  }
  return true;
}

bool LinkDirection::Schedule(std::span<const uint8_t> frame, uint64_t now_ns) {
  PacketView packet(frame);
  counters_.segments_in.Add(packet.segments());
  counters_.bytes_in.Add(packet.total_bytes());
  auto delay_ns = static_cast<uint64_t>(parameters_.delay_ms * 1e6);

  bool any = false;
  uint32_t run = 0;  // segments in a row that are delivered in turn, up to the one before `i`
  for (uint32_t i = 0; i <= packet.segments(); i++) {
    bool survives = i < packet.segments() && Survives(packet.segment_bytes(i), now_ns);
    if (survives) last_due_ns_ = std::max(last_due_ns_, last_departure_ns_ + delay_ns);
    bool in_turn = survives && !reorderings_.Next(parameters_.reorder_percent / 100, 1);
    if (in_turn) {
      run++;
      continue;
    }
    if (run > 0) {
      deliveries_.push_back({last_due_ns_, frame, i - run, run, std::nullopt});
      any = true;
      run = 0;
    }
    if (survives) Hold(frame, i);
  }
  return any;
}

void LinkDirection::Hold(std::span<const uint8_t> frame, uint32_t index) {
  last_straggler_ns_ = std::max(last_straggler_ns_,
                                last_due_ns_ + static_cast<uint64_t>(parameters_.reorder_ms * 1e6));
  Straggler& straggler = stragglers_.emplace_back();
  straggler.frame.assign(frame.begin(), frame.end());
  straggler.delivery = {last_straggler_ns_, straggler.frame, index, 1, std::nullopt};
  counters_.reordered.Add(1);
}

bool LinkDirection::Survives(uint32_t bytes, uint64_t now_ns) {
  bool lost = losses_.Next(parameters_.loss_percent / 100, parameters_.loss_burst);
  uint64_t waits_ns = queue_.backlog_ns(now_ns);
  std::optional<uint64_t> departure = queue_.Enqueue(now_ns, bytes);
  if (!departure) {
    counters_.dropped_by_queue.Add(1);
    return false;
  }
  counters_.queue_ns_max.Raise(waits_ns);
  last_departure_ns_ = *departure;
  if (lost) counters_.dropped_by_loss.Add(1);
  return !lost;
}

bool LinkDirection::DeliverDue(uint64_t now_ns) {
  bool any = false;
  for (;;) {
    const bool is_straggler =
        !stragglers_.empty() &&
        (deliveries_.empty() || stragglers_.front().delivery.due_ns < deliveries_.front().due_ns);
    if (!is_straggler && deliveries_.empty()) return any;
    const Delivery& delivery = is_straggler ? stragglers_.front().delivery : deliveries_.front();
    if (delivery.due_ns > now_ns) return any;
    Deliver(delivery, now_ns);
    any = true;
    if (is_straggler) {
      stragglers_.pop_front();
      continue;
    }
    if (delivery.free_mark) ring_->FreeUpTo(*delivery.free_mark);
    deliveries_.pop_front();
  }
}

void LinkDirection::Deliver(const Delivery& delivery, uint64_t now_ns) {
  PacketView packet(delivery.frame);
  ssize_t written;
  if (delivery.segments == packet.segments()) {
    written = write(out_, delivery.frame.data(), delivery.frame.size());
  } else {
    Piece piece = packet.Cut(delivery.first_segment, delivery.segments);
    iovec parts[] = {{&piece.virtio, sizeof piece.virtio},
                     {piece.headers.data(), piece.header_bytes},
                     {const_cast<uint8_t*>(piece.payload.data()), piece.payload.size()}};
    written = writev(out_, parts, 3);
  }
  if (written < 0) {
    counters_.refused.Add(1);
    return;
  }
  counters_.segments_out.Add(delivery.segments);
  counters_.bytes_out.Add(static_cast<uint64_t>(written) - sizeof(VirtioHeader));
  uint64_t late_ns = now_ns - delivery.due_ns;
  counters_.deliveries.Add(1);
  counters_.late_ns_sum.Add(late_ns);
  counters_.late_ns_max.Raise(late_ns);
  if (late_ns > 1'000'000) counters_.late_over_1ms.Add(1);
}

std::optional<uint64_t> LinkDirection::next_due_ns() const {
  std::optional<uint64_t> due;
  if (!deliveries_.empty()) due = deliveries_.front().due_ns;
  if (stragglers_.empty()) return due;
  const uint64_t straggler = stragglers_.front().delivery.due_ns;
  return due ? std::min(*due, straggler) : straggler;
}

void LinkDirection::Set(const LinkParameters& parameters) {
  std::lock_guard lock(mutex_);
  new_parameters_ = parameters;
  has_new_parameters_.store(true);
}

void LinkDirection::AdoptParameters() {
  if (!has_new_parameters_.load()) return;
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;  // somebody is just setting them: with the next packet, then
  parameters_ = new_parameters_;
  queue_.Configure(parameters_.rate_mbit, parameters_.QueueLimitBytes());
  has_new_parameters_.store(false);
}

LinkStatistics LinkDirection::Statistics() const {
  uint64_t deliveries = std::max<uint64_t>(counters_.deliveries.Load(), 1);
  return {
      .segments_in = counters_.segments_in.Load(),
      .segments_out = counters_.segments_out.Load(),
      .bytes_in = counters_.bytes_in.Load(),
      .bytes_out = counters_.bytes_out.Load(),
      .dropped_by_queue = counters_.dropped_by_queue.Load(),
      .dropped_by_loss = counters_.dropped_by_loss.Load(),
      .reordered = counters_.reordered.Load(),
      .refused = counters_.refused.Load(),
      .overruns = counters_.overruns.Load(),
      .queue_ms_max = Milliseconds(counters_.queue_ns_max.Load()),
      .late_ms_max = Milliseconds(counters_.late_ns_max.Load()),
      .late_ms_mean = Milliseconds(counters_.late_ns_sum.Load()) / static_cast<double>(deliveries),
      .late_over_1ms = counters_.late_over_1ms.Load(),
  };
}

}  // namespace bpftune::testing
