// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/neigh_queue_logic.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <numeric>

namespace {

// The queue of a neighbour as __neigh_event_send() keeps it, and who looks at it.
class Queue {
 public:
  explicit Queue(uint32_t limit) : limit_(limit) {}

  void Put(uint32_t truesize) {
    while (!waiting_.empty() && Bytes() + truesize > limit_) {
      waiting_.pop_front();
      ++dropped_;
    }
    waiting_.push_back(truesize);
    const neigh_queue_look look = Look();
    if (neigh_queue_is_long(&look)) neigh_queue_note(&seen_, &look);
  }

  neigh_queue_look Look() const {
    return {Bytes(), static_cast<uint32_t>(waiting_.size()), limit_};
  }
  uint32_t dropped() const { return dropped_; }
  const neigh_waiting& seen() const { return seen_; }

 private:
  uint32_t Bytes() const { return std::accumulate(waiting_.begin(), waiting_.end(), 0U); }

  const uint32_t limit_;
  std::deque<uint32_t> waiting_;
  uint32_t dropped_ = 0;
  neigh_waiting seen_ = {};
};

TEST(NeighQueueTest, CountsWhatIsDropped) {
  Queue queue(212992);
  for (int i = 0; i < 1000; ++i) queue.Put(768);
  ASSERT_GT(queue.dropped(), 700U);
  EXPECT_EQ(queue.seen().lost, queue.dropped());
}

TEST(NeighQueueTest, CountsPacketsOfDifferentSizes) {
  Queue queue(212992);
  for (int i = 0; i < 1000; ++i) queue.Put(i % 3 == 0 ? 2304 : 768);
  ASSERT_GT(queue.dropped(), 700U);
  EXPECT_EQ(queue.seen().lost, queue.dropped());
}

TEST(NeighQueueTest, ShortQueueLosesNothing) {
  Queue queue(212992);
  for (int i = 0; i < 277; ++i) queue.Put(768);
  EXPECT_EQ(queue.dropped(), 0U);
  EXPECT_EQ(queue.seen().lost, 0U);
}

TEST(NeighQueueTest, WithTheNeedNothingIsDroppedTheNextTime) {
  for (const uint32_t packets : {300U, 1000U, 10000U}) {
    Queue queue(212992);
    for (uint32_t i = 0; i < packets; ++i) queue.Put(768);
    const neigh_queue_look look = queue.Look();
    const uint64_t need = neigh_queue_need(&queue.seen(), &look);
    EXPECT_GE(need, uint64_t{packets} * 768);
    EXPECT_LE(need, uint64_t{packets} * 768 * 101 / 100);
    Queue next(static_cast<uint32_t>(neigh_queue_raised(212992, need, NEIGH_QUEUE_MOST)));
    for (uint32_t i = 0; i < packets; ++i) next.Put(768);
    EXPECT_EQ(next.dropped(), 0U) << packets;
  }
}

TEST(NeighQueueTest, LimitOfNothingDoesNotDivideByZero) {
  Queue queue(0);
  for (int i = 0; i < 5; ++i) queue.Put(768);
  EXPECT_EQ(queue.dropped(), 4U);
  const neigh_queue_look none = {};
  EXPECT_EQ(neigh_queue_need(&queue.seen(), &none), 0U);
}

TEST(NeighQueueTest, CeilingIsAShareOfWhatIsAvailable) {
  EXPECT_EQ(neigh_queue_ceiling(0), 0U) << "not known: no raise";
  EXPECT_EQ(neigh_queue_ceiling(1 << 20), 1U << 20) << "1 GiB";
  EXPECT_EQ(neigh_queue_ceiling(1 << 30), NEIGH_QUEUE_MOST);
}

TEST(NeighQueueTest, RaiseEndsAtTheCeiling) {
  EXPECT_EQ(neigh_queue_raised(212992, 400000, 1 << 20), 503808U);
  EXPECT_EQ(neigh_queue_raised(212992, 4000000, 1 << 20), 1U << 20);
  EXPECT_EQ(neigh_queue_raised(1 << 20, 4000000, 1 << 20), 0U);
  EXPECT_EQ(neigh_queue_raised(212992, 400000, 0), 0U);
  EXPECT_EQ(neigh_queue_raised(212992, 213000, 1 << 20), 270336U) << "a quarter at least";
}

}  // namespace
