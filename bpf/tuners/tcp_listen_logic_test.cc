// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/tcp_listen_logic.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kStart = 1'000'000 * kMs;

// A listener under test, limited to 128 by somaxconn, and the clock.
class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest() {
    look_.now_ns = kStart;
    look_.most = 128;
    look_.somaxconn = 128;
    look_.max_syn_backlog = 64;
    look_.syncookies = 1;
    judge_listener(&listener_, &look_);
  }

  // What has happened `after_ms` after the last look.
  listen_finding Look(uint64_t after_ms, uint32_t queued, uint32_t more_completed,
                      uint32_t more_drops) {
    look_.now_ns += after_ms * kMs;
    look_.queued = queued;
    look_.completed += more_completed;
    look_.drops += more_drops;
    return judge_listener(&listener_, &look_);
  }

  listener listener_ = {};
  listen_look look_ = {};
};

TEST_F(ListenerTest, OverflowBetweenTwoLooksIsSomaxconnsFault) {
  const listen_finding found = Look(1000, 0, 129, 50);
  EXPECT_TRUE(found.overflowed);
  EXPECT_EQ(found.dropped, 50U);
  EXPECT_EQ(found.need, 128U + 50);
}

TEST_F(ListenerTest, FullQueueIsJudgedWhenItHasBeenEmptied) {
  const listen_finding full = Look(100, 129, 129, 30);
  EXPECT_TRUE(full.waiting);
  EXPECT_FALSE(full.overflowed || full.slow);
  const listen_finding half = Look(100, 64, 0, 5);
  EXPECT_FALSE(half.waiting);
  EXPECT_TRUE(half.overflowed);
  EXPECT_EQ(half.dropped, 35U);
}

TEST_F(ListenerTest, QueueThatStaysFullForASecondBelongsToASlowApplication) {
  Look(100, 129, 129, 30);
  const listen_finding slow = Look(1000, 129, 0, 1);
  EXPECT_TRUE(slow.slow);
  EXPECT_FALSE(slow.overflowed || slow.waiting);
  EXPECT_FALSE(Look(100, 129, 0, 0).slow) << "nothing dropped since";
  const listen_finding emptied = Look(100, 0, 10, 7);
  EXPECT_TRUE(emptied.slow) << "what was dropped while it was full";
  EXPECT_FALSE(emptied.overflowed);
  EXPECT_TRUE(Look(1000, 0, 200, 3).overflowed) << "it begins anew";
}

TEST_F(ListenerTest, DropsWithoutEnoughHandshakesToFillTheQueueAreNoOverflow) {
  const listen_finding found = Look(1000, 0, 127, 5000);
  EXPECT_FALSE(found.overflowed || found.slow || found.own_limit);
}

TEST_F(ListenerTest, DropsBeforeTheFirstLookAreNotItsOwn) {
  listener fresh = {};
  look_.drops = 1000;
  look_.completed = 1000;
  EXPECT_FALSE(judge_listener(&fresh, &look_).overflowed);
  listener_ = fresh;
  EXPECT_FALSE(Look(1000, 0, 200, 0).overflowed);
}

TEST_F(ListenerTest, ForgottenArrivalsAreNotMany) {
  Look(1000, 0, 1000, 0);
  look_.completed = 1;  // the table had no room for them
  EXPECT_FALSE(Look(1000, 0, 0, 50).overflowed);
}

struct LimitRow {
  const char* what;
  uint32_t asked, most, somaxconn;
  bool cut, overflowed;
};

TEST_F(ListenerTest, IsHelpedOnlyWhereSomaxconnIsItsLimit) {
  const LimitRow rows[] = {
      {"not known, at somaxconn", 0, 128, 128, false, true},
      {"not known, below: older than a raise, or its own", 0, 128, 256, false, false},
      {"got what it asked for", 128, 128, 128, false, false},
      {"cut", 200, 128, 128, true, true},
      {"cut by a value raised since", 200, 128, 256, false, false},
      {"whatever there is", 0xffffffff, 128, 128, false, true},
      {"whatever there is, of a value raised since", 0x7fffffff, 128, 256, false, false},
      {"the most that is a number", 65535, 128, 128, true, true},
      {"one more", 65536, 128, 128, false, true},
  };
  for (const LimitRow& row : rows) {
    listener_ = {};
    listener_.asked = row.asked;
    look_.most = row.most;
    look_.somaxconn = row.somaxconn;
    look_.queued = 0;
    EXPECT_EQ(judge_listener(&listener_, &look_).cut, row.cut) << row.what;
    const listen_finding found = Look(1000, 0, 200, 10);
    EXPECT_EQ(found.overflowed, row.overflowed) << row.what;
    EXPECT_EQ(found.own_limit, !row.overflowed) << row.what;
  }
}

class SynQueueTest : public ListenerTest {
 protected:
  SynQueueTest() { look_.syncookies = 0; }  // 48 of 64 to unknown hosts

  listen_finding Second(uint32_t requests, uint32_t more_completed, uint32_t more_drops) {
    look_.requests = requests;
    Look(500, 0, more_completed / 2, more_drops);
    return Look(500, 0, more_completed - more_completed / 2, 0);
  }
};

TEST_F(SynQueueTest, FullOfHandshakesThatAreCompletedIsTooShort) {
  const listen_finding found = Second(48, 480, 200);
  EXPECT_TRUE(found.syn_full);
  EXPECT_FALSE(found.flooded || found.overflowed);
  EXPECT_EQ(found.syn_lost, 200U);
  EXPECT_EQ(found.syn_completed, 480U);
}

TEST_F(SynQueueTest, FullOfHandshakesThatAreNotIsAFlood) {
  const listen_finding found = Second(48, 10, 100000);
  EXPECT_TRUE(found.flooded);
  EXPECT_FALSE(found.syn_full || found.overflowed);
}

TEST_F(SynQueueTest, FloodOfABusyListenerIsNotTakenForAnOverflow) {
  look_.max_syn_backlog = 1024;  // the backlog of 128 is the lower limit
  const listen_finding found = Second(128, 120, 100000);
  EXPECT_TRUE(found.flooded);
  EXPECT_FALSE(found.syn_full || found.overflowed || found.own_limit);
  EXPECT_FALSE(Second(128, 500, 100000).overflowed);
}

TEST_F(SynQueueTest, IsNotTheReasonWhereItIsNotFullOrNotUsed) {
  EXPECT_FALSE(Second(41, 480, 200).syn_full) << "not full";
  look_.syncookies = 1;
  EXPECT_FALSE(Second(64, 480, 200).syn_full) << "cookies instead";
  look_.syncookies = 0;
  look_.most = look_.somaxconn = 40;
  EXPECT_FALSE(Second(40, 480, 200).syn_full) << "the backlog is smaller";
}

TEST_F(SynQueueTest, OddLimitsDoNotWrap) {
  for (const uint32_t limit : {0U, 1U, 2U, 0x7fffffffU}) {
    look_.max_syn_backlog = limit;
    look_.most = look_.somaxconn = 0xffffffff;
    EXPECT_LE(syn_limit(&look_), limit);
    Second(0, 0, 1);
  }
}

TEST(BacklogCeilingTest, IsWhatAQuarterOfTcpsMemoryHolds) {
  EXPECT_EQ(backlog_ceiling(0, 4096), 0U) << "not known: no raise";
  EXPECT_EQ(backlog_ceiling(1024, 4096), 256U) << "a machine of 64 MiB";
  EXPECT_EQ(backlog_ceiling(1 << 20, 4096), 65535U);
  EXPECT_EQ(backlog_ceiling(UINT64_MAX, 65536), 65535U);
}

struct RaiseRow {
  const char* what;
  uint64_t value, need, ceiling;
  bool exact;
  uint64_t raised;
};

TEST(RaisedBacklogTest, GivesWhatIsAskedAndStepsWhereTheNeedIsAGuess) {
  const RaiseRow rows[] = {
      {"asked", 128, 8192, 65535, true, 8192},
      {"asked over the ceiling", 128, 8192, 1000, true, 1000},
      {"asked, at the ceiling", 1000, 8192, 1000, true, 0},
      {"asked, above the ceiling already", 2000, 8192, 1000, true, 0},
      {"overflowed by far", 128, 5000, 65535, false, 256},
      {"overflowed by little", 4096, 4100, 65535, false, 5120},
      {"rounded up, but not over the double", 16, 500, 65535, false, 32},
      {"overflowed, at the ceiling", 1000, 5000, 1000, false, 0},
      {"not known how much memory there is", 128, 8192, 0, true, 0},
  };
  for (const RaiseRow& row : rows) {
    listen_demand demand = {};
    demand.need = row.need;
    demand.exact = row.exact;
    EXPECT_EQ(raised_backlog(row.value, &demand, row.ceiling), row.raised) << row.what;
  }
}

// A flood that completes its handshakes, and a listener that is restarted after each raise.
TEST(RaisedBacklogTest, EndsAtTheCeilingHoweverLongItOverflows) {
  uint64_t value = 128;
  for (int i = 0; i < 100; ++i) {
    listen_demand demand = {};
    demand.need = BACKLOG_MOST;
    const uint64_t raised = raised_backlog(value, &demand, 30000);
    if (!raised) break;
    EXPECT_LE(raised, 2 * value);
    value = raised;
  }
  EXPECT_EQ(value, 30000U);
}

}  // namespace
