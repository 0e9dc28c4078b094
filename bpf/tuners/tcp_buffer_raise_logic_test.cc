// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/tuners/tcp_buffer_raise_logic.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kSecond = 1'000'000'000;

TEST(LatencyForbidsTest, QueueingFlowGetsNoMoreUnlessLatencyIsKnownNotToFollow) {
  demand d = {};
  correlation unknown = {};
  EXPECT_FALSE(latency_forbids(&unknown, &d)) << "no queue";
  d.queueing = 1;
  EXPECT_TRUE(latency_forbids(&unknown, &d)) << "a queue, and nothing known about it";

  correlation follows = {};
  for (int i = 0; i < 40; ++i) correlation_add(&follows, i * 32, i * 16);
  EXPECT_TRUE(latency_forbids(&follows, &d));

  correlation indifferent = {};
  for (int i = 0; i < 64; ++i) correlation_add(&indifferent, (i % 2) * 512, (i / 2 % 2) * 512);
  EXPECT_FALSE(latency_forbids(&indifferent, &d)) << "the latency is there whatever the buffer";
}

struct CapRow {
  const char* what;
  uint64_t cap, need, ceiling, raised;
};

class RaisedToNeedTable : public ::testing::TestWithParam<CapRow> {};

TEST_P(RaisedToNeedTable, IsAQuarterOverTheNeedWithinTheLimits) {
  const CapRow& row = GetParam();
  EXPECT_EQ(row.raised, raised_to_need(row.cap, row.need, row.ceiling)) << row.what;
}

INSTANTIATE_TEST_SUITE_P(
    Limits, RaisedToNeedTable,
    ::testing::Values(CapRow{"nothing needed", 4 * kMiB, 0, 64 * kMiB, 0},
                      CapRow{"enough already", 4 * kMiB, 4 * kMiB, 64 * kMiB, 0},
                      CapRow{"short by less than an eighth", 8 * kMiB, 9 * kMiB, 64 * kMiB, 0},
                      CapRow{"a quarter over the need", 4 * kMiB, 5 * kMiB, 64 * kMiB, 6553600},
                      CapRow{"no more than twice", 4 * kMiB, 40 * kMiB, 64 * kMiB, 8 * kMiB},
                      CapRow{"no more than memory allows", 4 * kMiB, 40 * kMiB, 6 * kMiB, 6 * kMiB},
                      CapRow{"memory not known", 4 * kMiB, 40 * kMiB, 0, 0},
                      CapRow{"too little to be worth it", 4 * kMiB, 40 * kMiB, 4 * kMiB + 4096, 0},
                      CapRow{"cannot wrap", UINT64_MAX / 2, UINT64_MAX, UINT64_MAX,
                             UINT64_MAX / 4096 * 4096}));

TEST(MemoryCeilingTest, IsAQuarterOfWhereMemoryPressureBegins) {
  EXPECT_EQ(100u * 4096 / 4, memory_ceiling(100, 4096));
  EXPECT_EQ(0u, memory_ceiling(0, 4096)) << "not known: no raise";
}

learning_step StepOf(uint32_t shift) {
  return {.moved_ns = 1, .direction = 1, .step_shift = shift};
}

struct StepRow {
  const char* what;
  uint64_t cap, need;
  uint32_t shift;
  uint64_t ceiling, raised;
};

class RaisedByStepTable : public ::testing::TestWithParam<StepRow> {};

TEST_P(RaisedByStepTable, IsTheStepWhereverTheNeedIs) {
  const StepRow& row = GetParam();
  const learning_step step = StepOf(row.shift);
  EXPECT_EQ(row.raised, raised_by_step(row.cap, row.need, &step, row.ceiling)) << row.what;
}

INSTANTIATE_TEST_SUITE_P(
    Limits, RaisedByStepTable,
    ::testing::Values(
        StepRow{"nothing needed", 4 * kMiB, 0, 0, 64 * kMiB, 0},
        StepRow{"short by less than an eighth", 8 * kMiB, 9 * kMiB, 0, 64 * kMiB, 0},
        StepRow{"a quarter", 4 * kMiB, 40 * kMiB, 2, 64 * kMiB, 5 * kMiB},
        StepRow{"a quarter, beyond the need", 4 * kMiB, 4 * kMiB + 600'000, 2, 64 * kMiB, 5 * kMiB},
        StepRow{"doubled", 4 * kMiB, 40 * kMiB, 0, 64 * kMiB, 8 * kMiB},
        StepRow{"never less than an eighth", 4 * kMiB, 40 * kMiB, 6, 64 * kMiB, 4'718'592},
        StepRow{"no more than memory allows", 4 * kMiB, 40 * kMiB, 0, 6 * kMiB, 6 * kMiB},
        StepRow{"memory not known", 4 * kMiB, 40 * kMiB, 0, 0, 0},
        StepRow{"rounded up", 131'073, 40 * kMiB, 2, 64 * kMiB, 167'936},
        StepRow{"no step that exists", 4 * kMiB, 40 * kMiB, UINT32_MAX, 64 * kMiB, 4'718'592},
        StepRow{"cannot wrap", UINT64_MAX / 2, UINT64_MAX, 0, UINT64_MAX,
                UINT64_MAX / 4096 * 4096}));

// Whatever the need and the step: where raises end there is no shortage, and no more than 16/9.
TEST(RaisedByStepTest, EndsAtSixteenNinthsOfTheNeedAtMost) {
  for (uint64_t need = 200'000; need < 100 * kMiB; need += need / 7) {
    learning_step step = {};
    uint64_t cap = 131072, now = kSecond;
    int raises = 0;
    for (; falls_short(cap, need); now += kSecond) {
      learning_step_move(&step, now, 1, 3600 * kSecond);
      const uint64_t raised = raised_by_step(cap, need, &step, 1024 * kMiB);
      ASSERT_GT(raised, cap);
      ASSERT_LE(raised, 2 * cap + RAISE_ROUNDING);
      cap = raised;
      ++raises;
    }
    EXPECT_LE(cap, need / 9 * 16 + RAISE_ROUNDING) << need;
    EXPECT_LE(raises, 11) << need;
  }
}

}  // namespace
