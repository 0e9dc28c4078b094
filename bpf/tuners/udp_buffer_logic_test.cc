// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/udp_buffer_logic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kStart = 1'000'000 * kMs;
constexpr uint64_t kFound = 212'992;  // bytes: what the kernel began with for decades
constexpr uint64_t kPage = 4096;

// ---- requests

struct RequestRow {
  const char* what;
  uint32_t asked, given, limit;
  uint64_t after_ms;
  size_state state;
};

TEST(JudgeRequestTest, ComparesWhatTheSocketGotWithWhatItAskedFor) {
  const RequestRow rows[] = {
      {"not in effect yet", 8 << 20, kFound, kFound, 99, SIZE_UNKNOWN},
      {"cut", 8 << 20, kFound, kFound, 100, SIZE_CUT},
      {"cut to a limit that was lower then", 8 << 20, kFound, 4 << 20, 100, SIZE_CUT},
      {"cut to a limit that would do now", 8 << 20, kFound, 8 << 20, 100, SIZE_OLDER},
      {"as asked", 8 << 20, 8 << 20, 8 << 20, 100, SIZE_GIVEN},
      {"the least there is is more", 100, 1152, kFound, 100, SIZE_GIVEN},
      {"by privilege", 8 << 20, 8 << 20, kFound, 100, SIZE_FORCED},
      {"even more by privilege", 8 << 20, 16 << 20, kFound, 100, SIZE_FORCED},
  };
  for (const RequestRow& row : rows) {
    size_request request = {};
    request.time_ns = kStart;
    request.asked = row.asked;
    EXPECT_EQ(judge_request(&request, row.given, row.limit, kStart + row.after_ms * kMs), row.state)
        << row.what;
  }
}

struct MaximumRow {
  const char* what;
  uint64_t value, asked, ceiling, raised;
};

TEST(RaisedMaximumTest, GivesWhatIsAskedForWhereMemoryAllowsIt) {
  const MaximumRow rows[] = {
      {"just what is asked for", kFound, 7'500'000, 8 << 20, 7'500'000},
      {"a little more than there is", kFound, kFound + 1, 8 << 20, kFound + 1},
      {"what memory allows", kFound, 64 << 20, 8 << 20, 8 << 20},
      {"at the ceiling", 8 << 20, 64 << 20, 8 << 20, 0},
      {"above the ceiling", 16 << 20, 64 << 20, 8 << 20, 0},
      {"a ceiling that moves a little", 8 << 20, 64 << 20, 9 << 20, 0},
      {"a ceiling that has moved much", 8 << 20, 64 << 20, 10 << 20, 10 << 20},
      {"nothing known of memory", kFound, 8 << 20, 0, 0},
      {"not more than there is", 8 << 20, 8 << 20, 64 << 20, 0},
  };
  for (const MaximumRow& row : rows) {
    EXPECT_EQ(raised_maximum(row.value, row.asked, row.ceiling), row.raised) << row.what;
  }
}

TEST(SizeCeilingTest, IsAPartOfWhatUdpMayTakeAndOfWhatIsThere) {
  const uint64_t pressure = 32'768;  // pages: a machine of 1 GiB
  EXPECT_EQ(size_ceiling(pressure, 200'000, kPage, MAXIMUM_PART, SIZE_MOST), 8U << 20);
  EXPECT_EQ(size_ceiling(pressure, 200'000, kPage, DEFAULT_PART, DEFAULT_MOST), 512U << 10);
  EXPECT_EQ(size_ceiling(pressure, 16'384, kPage, MAXIMUM_PART, SIZE_MOST), 4U << 20)
      << "memory is short";
  EXPECT_EQ(size_ceiling(0, 200'000, kPage, MAXIMUM_PART, SIZE_MOST), 0U) << "not known";
  EXPECT_EQ(size_ceiling(pressure, 0, kPage, MAXIMUM_PART, SIZE_MOST), 0U) << "not known";
  EXPECT_EQ(size_ceiling(UINT64_MAX, UINT64_MAX, 65536, MAXIMUM_PART, SIZE_MOST), SIZE_MOST);
}

// Any number of sockets that ask for any sizes, while memory comes and goes.
TEST(RaisedMaximumTest, EndsAtTheCeilingInFewStepsWhateverIsAskedFor) {
  uint64_t value = kFound;
  int changes = 0;
  for (uint64_t i = 0; i < 100'000; ++i) {
    const uint64_t available = 150'000 + i * 7919 % 1000;
    const uint64_t ceiling = size_ceiling(1 << 20, available, kPage, MAXIMUM_PART, SIZE_MOST);
    const uint64_t raised = raised_maximum(value, SIZE_MOST, ceiling);
    if (raised == 0) continue;
    ++changes;
    value = raised;
    EXPECT_LE(value, ceiling);
  }
  EXPECT_EQ(changes, 1);
}

TEST(SqueezedSizeTest, ComesDownAtOnceWhereMemoryAllowsByFarLess) {
  EXPECT_EQ(squeezed_size(16 << 20, kFound, 4 << 20), 4U << 20);
  EXPECT_EQ(squeezed_size(16 << 20, kFound, 1000), kFound) << "never below what was found";
  EXPECT_EQ(squeezed_size(16 << 20, kFound, 8 << 20), 0U) << "not by far";
  EXPECT_EQ(squeezed_size(kFound, kFound, 1000), 0U) << "is where it was found";
  EXPECT_EQ(squeezed_size(16 << 20, kFound, 0), 0U) << "not known";
}

// ---- losses

class BurstTest : public ::testing::Test {
 protected:
  BurstTest() { burst_.size = kFound; }

  void Lose(uint64_t count, uint64_t every_ns) {
    for (uint64_t i = 0; i < count; ++i) {
      now_ += every_ns;
      burst_note(&burst_, now_);
    }
  }
  burst_state JudgeAfter(uint64_t ms) { return judge_burst(&burst_, now_ += ms * kMs); }

  burst burst_ = {};
  uint64_t now_ = kStart;
};

TEST_F(BurstTest, IsJudgedWhenItIsOver) {
  EXPECT_EQ(JudgeAfter(0), BURST_NONE);
  Lose(1000, kMs / 10);
  EXPECT_EQ(JudgeAfter(99), BURST_UNDER_WAY);
  EXPECT_EQ(JudgeAfter(1), BURST_OVER);
  EXPECT_EQ(burst_.over_lost, 1000U);
  burst_.over_lost = 0;
  EXPECT_EQ(JudgeAfter(0), BURST_NONE) << "once";
}

TEST_F(BurstTest, WithoutAPauseForASecondIsTooMuchForItsReader) {
  Lose(1001, kMs);
  EXPECT_EQ(JudgeAfter(0), BURST_LONG);
  EXPECT_EQ(JudgeAfter(100), BURST_NONE) << "nothing was learned of the size";
  Lose(100, kMs);
  EXPECT_EQ(JudgeAfter(100), BURST_OVER) << "it begins anew";
}

TEST_F(BurstTest, OfAFewDatagramsIsNoReason) {
  Lose(BURST_LEAST - 1, kMs);
  EXPECT_EQ(JudgeAfter(100), BURST_NONE);
  Lose(BURST_LEAST - 1, 200 * kMs);  // each by itself
  EXPECT_EQ(JudgeAfter(100), BURST_NONE);
}

TEST_F(BurstTest, IsNotForgottenForTheNextThatBeginsBeforeALook) {
  Lose(50, kMs);
  now_ += 200 * kMs;
  Lose(20, kMs);
  EXPECT_EQ(JudgeAfter(0), BURST_OVER);
  EXPECT_EQ(burst_.over_lost, 50U);
}

TEST_F(BurstTest, SaysWhenANewOneBegins) {
  EXPECT_TRUE(burst_note(&burst_, now_));
  EXPECT_FALSE(burst_note(&burst_, now_ + 99 * kMs));
  EXPECT_TRUE(burst_note(&burst_, now_ + 199 * kMs));
}

TEST_F(BurstTest, ExtremesDoNotWrap) {
  burst_.over_lost = UINT64_MAX;
  EXPECT_EQ(burst_need(&burst_), UINT64_MAX);
  burst_.last_ns = UINT64_MAX;
  burst_.first_ns = burst_.lost = 1;
  EXPECT_EQ(judge_burst(&burst_, 0), BURST_OVER);
  EXPECT_LE(raised_default(UINT64_MAX, UINT64_MAX, DEFAULT_MOST), DEFAULT_MOST);
}

TEST(RaisedDefaultTest, GoesByWhatWasLostButAQuarterAtLeastAndTwiceAtMost) {
  EXPECT_EQ(raised_default(kFound, kFound + 1, 1 << 20), 266'240U);
  EXPECT_EQ(raised_default(kFound, kFound + 100'000, 1 << 20), 315'392U);
  EXPECT_EQ(raised_default(kFound, 100 * kFound, 1 << 20), 2 * kFound);
  EXPECT_EQ(raised_default(kFound, 100 * kFound, 300'000), 300'000U);
  EXPECT_EQ(raised_default(kFound, 100 * kFound, kFound), 0U) << "at the ceiling";
  EXPECT_EQ(raised_default(kFound, 100 * kFound, 0), 0U) << "nothing known of memory";
}

// The loop: datagrams come in, a reader takes them, its socket is made anew after each raise.
struct Server {
  uint64_t arriving_a_ms;  // while there are any
  uint64_t burst_ms, every_ms;
  uint64_t reads_a_ms;

  // The default size after a minute.
  uint64_t Settles(uint64_t ceiling) const {
    uint64_t value = kFound, queued = 0, now = kStart;
    burst b = {};
    b.size = kFound;
    for (uint64_t ms = 0; ms < 60'000; ++ms, now += kMs) {
      const uint64_t arriving = ms % every_ms < burst_ms ? arriving_a_ms : 0;
      queued -= std::min(queued, reads_a_ms);
      for (uint64_t i = 0; i < arriving; ++i) {
        if ((queued + 1) * DATAGRAM_BYTES > b.size) {
          burst_note(&b, now + i);
        } else {
          ++queued;
        }
      }
      if (ms % 100 != 0 || judge_burst(&b, now) != BURST_OVER) continue;
      const uint64_t raised = raised_default(value, burst_need(&b), ceiling);
      if (raised != 0) value = raised;
      b = {};
      b.size = static_cast<uint32_t>(value);
    }
    return value;
  }
};

TEST(DefaultLoopTest, HoldsABurstAndNoMore) {
  const Server server = {.arriving_a_ms = 20, .burst_ms = 100, .every_ms = 1000, .reads_a_ms = 5};
  const uint64_t needed = 100 * (20ULL - 5) * DATAGRAM_BYTES;
  const uint64_t settled = server.Settles(16 << 20);
  EXPECT_GE(settled, needed);
  EXPECT_LE(settled, 2 * needed);
}

TEST(DefaultLoopTest, LeavesItAloneWhereNothingIsLost) {
  const Server server = {.arriving_a_ms = 20, .burst_ms = 10, .every_ms = 1000, .reads_a_ms = 5};
  EXPECT_EQ(server.Settles(16 << 20), kFound);
}

TEST(DefaultLoopTest, FloodThatItsReaderCannotKeepUpWithRaisesNothing) {
  const Server server = {.arriving_a_ms = 50, .burst_ms = 1000, .every_ms = 1000, .reads_a_ms = 5};
  EXPECT_EQ(server.Settles(16 << 20), kFound);
}

TEST(DefaultLoopTest, FloodInBurstsEndsAtTheCeiling) {
  const Server attack = {.arriving_a_ms = 500, .burst_ms = 400, .every_ms = 1000, .reads_a_ms = 5};
  EXPECT_EQ(attack.Settles(1 << 20), 1U << 20);
}

}  // namespace
