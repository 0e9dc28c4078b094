// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// One direction of an emulated link: takes packets from one TUN device, keeps them for as long as
// the model says, gives what survives to the other. Run by the emulator's thread; only Set and
// Statistics are for others.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "controller/result.h"
#include "testing/netns_harness/link_model.h"
#include "testing/netns_harness/link_parameters.h"
#include "testing/netns_harness/packet.h"

namespace bpftune::testing {

// CLOCK_MONOTONIC in nanoseconds.
uint64_t MonotonicNs();

// Memory for packets that are freed in the order in which they came, each in one piece.
class PacketRing {
 public:
  static Result<std::unique_ptr<PacketRing>> Create(size_t capacity);
  ~PacketRing();
  PacketRing(const PacketRing&) = delete;
  PacketRing& operator=(const PacketRing&) = delete;

  // Room for a packet of up to `bytes`, or an empty span. Nothing is taken until Take.
  std::span<uint8_t> Offer(size_t bytes);
  // Takes the first `bytes` of what was offered last; returns the mark that frees them, and all
  // that was taken before them.
  uint64_t Take(size_t bytes);
  void FreeUpTo(uint64_t mark) { tail_ = mark; }

 private:
  PacketRing(uint8_t* memory, size_t capacity) : memory_(memory), capacity_(capacity) {}

  uint8_t* const memory_;
  const size_t capacity_;
  uint64_t head_ = 0;  // bytes ever taken, and passed over at the end of the memory
  uint64_t tail_ = 0;  // bytes ever freed
};

class LinkDirection {
 public:
  // `in` and `out` are the TUN devices, kept open by the caller.
  static Result<std::unique_ptr<LinkDirection>> Create(int in, int out,
                                                       const LinkParameters& parameters,
                                                       uint64_t seed);

  // Takes in one packet that waits at `in`; false if there is none.
  bool TakeOne();
  // Delivers what is due; false if nothing was.
  bool DeliverDue(uint64_t now_ns);
  // When the next packet is due.
  std::optional<uint64_t> next_due_ns() const;

  void Set(const LinkParameters& parameters);
  LinkStatistics Statistics() const;

 private:
  // Consecutive segments of a packet in the ring that are delivered together.
  struct Delivery {
    uint64_t due_ns;
    std::span<const uint8_t> frame;
    uint32_t first_segment;
    uint32_t segments;
    std::optional<uint64_t> free_mark;  // set on the last delivery from a packet
  };

  // A segment that is delivered after its turn. It keeps its packet, whose memory goes in turn.
  struct Straggler {
    std::vector<uint8_t> frame;
    Delivery delivery;
  };

  // Written by one thread, read by any.
  class Counter {
   public:
    void Add(uint64_t n) { Store(Load() + n); }
    void Raise(uint64_t n) {
      if (n > Load()) Store(n);
    }
    uint64_t Load() const { return value_.load(std::memory_order_relaxed); }

   private:
    void Store(uint64_t n) { value_.store(n, std::memory_order_relaxed); }
    std::atomic<uint64_t> value_ = 0;
  };

  LinkDirection(int in, int out, uint64_t seed, std::unique_ptr<PacketRing> ring)
      : in_(in), out_(out), ring_(std::move(ring)), losses_(seed), reorderings_(seed + 1) {}

  void AdoptParameters();
  // Decides the fate of each segment of a packet; returns whether any survives.
  bool Schedule(std::span<const uint8_t> frame, uint64_t now_ns);
  bool Survives(uint32_t bytes, uint64_t now_ns);
  // Keeps the segment that was scheduled last, for later than its turn.
  void Hold(std::span<const uint8_t> frame, uint32_t index);
  void Deliver(const Delivery& delivery, uint64_t now_ns);

  const int in_;
  const int out_;
  std::unique_ptr<PacketRing> ring_;
  std::deque<Delivery> deliveries_;   // in order of due_ns; bounded by the ring
  std::deque<Straggler> stragglers_;  // likewise; bounded by the rate and their delay

  LinkParameters parameters_;
  TransmitQueue queue_;
  LossSequence losses_;
  LossSequence reorderings_;
  uint64_t last_departure_ns_ = 0;  // of the segment scheduled last
  uint64_t last_due_ns_ = 0;        // deliveries never overtake each other ...
  uint64_t last_straggler_ns_ = 0;  // ... nor do stragglers

  std::mutex mutex_;  // the emulator only ever tries to take it
  LinkParameters new_parameters_;
  std::atomic<bool> has_new_parameters_ = false;

  struct {
    Counter segments_in, segments_out, bytes_in, bytes_out, dropped_by_queue, dropped_by_loss,
        reordered, refused, overruns, deliveries, queue_ns_max, late_ns_max, late_ns_sum,
        late_over_1ms;
  } counters_;
};

}  // namespace bpftune::testing
