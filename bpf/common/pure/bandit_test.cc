// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "bpf/common/pure/bandit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace {

constexpr __u64 kSecond = 1'000'000'000;
constexpr __u32 kAll = 0xf, kBbr = 1, kNever = 1023;  // a random number that never explores
constexpr __u64 kBytes = 1 << 20;
constexpr __u32 kRttUs = 40'000;

// A remote host; a second passes with every connection.
struct Host {
  bandit state = {};
  __u64 now = 1000 * kSecond;
  __u32 available = kAll, loss_ppm = 0, min_rtt_us = kRttUs;

  bandit_choice Choose(__u32 random = kNever) {
    now += kSecond;
    return bandit_choose(&state, now, available, kBbr, random);
  }
  void Note(__u32 arm, __u32 reward_q8) {
    bandit_note(&state, now, arm, reward_q8, kBytes, loss_ppm, min_rtt_us);
  }
  void Note(__u32 arm, __u32 reward_q8, int times) {
    for (int i = 0; i < times; i++) Note(arm, reward_q8);
  }
};

TEST(BanditTest, IsSmall) { EXPECT_EQ(sizeof(bandit) + sizeof(control), 96u); }

TEST(BanditTest, ChangesNothingBeforeThereAreEnoughRuns) {
  Host host;
  host.loss_ppm = 50'000;
  for (int i = 0; i < BANDIT_MIN_RUNS; i++) {
    for (const __u32 random : {0u, 1u, 0xffffffffu}) {
      EXPECT_EQ(host.Choose(random).arm, 0u);
    }
    host.Note(0, 5000);
  }
  EXPECT_EQ(host.Choose().arm, kBbr);
}

TEST(BanditTest, ChangesNothingBeforeThereAreEnoughBytes) {
  Host host;
  host.loss_ppm = 50'000;
  for (int i = 0; i < 63; i++) {
    bandit_note(&host.state, host.now, 0, 5000, 4096, host.loss_ppm, kRttUs);
    EXPECT_EQ(host.Choose().arm, 0u);
  }
  bandit_note(&host.state, host.now, 0, 5000, 4096, host.loss_ppm, kRttUs);
  EXPECT_EQ(host.Choose().arm, kBbr);
}

TEST(BanditTest, LossOrALongRoundTripTriesBbrFirstAndOften) {
  Host lossy, far, neither;
  lossy.loss_ppm = BANDIT_NOISE_PPM * 2;
  far.min_rtt_us = BANDIT_LONG_RTT_US;
  int tried[3] = {};
  for (int i = 0; i < 12; i++) {
    int which = 0;
    for (Host* host : {&lossy, &far, &neither}) {
      const __u32 arm = host->Choose().arm;
      tried[which++] += arm == kBbr;
      if (arm != kBbr) host->Note(arm, 5000);  // nothing is heard of bbr
    }
  }
  EXPECT_GE(tried[0], 4);
  EXPECT_GE(tried[1], 4);
  EXPECT_LE(tried[2], 2);
  EXPECT_GE(tried[2], 1);
}

TEST(BanditTest, NearByTheDefaultStaysUnlessThePathLosesSegments) {
  Host host;
  host.min_rtt_us = BANDIT_SHORT_RTT_US - 1;
  for (int i = 0; i < 100; i++) {
    ASSERT_EQ(host.Choose(i).arm, 0u);
    host.Note(0, 5000);
  }
  host.loss_ppm = 10'000;
  host.Note(0, 5000, 3);
  EXPECT_EQ(host.Choose().arm, kBbr);
}

TEST(BanditTest, NeverChoosesWhatIsNotAvailable) {
  std::mt19937 random(1);
  for (__u32 available = 0; available < 16; available++) {
    Host host;
    host.available = available;
    host.loss_ppm = 20'000;
    for (int i = 0; i < 2000; i++) {
      const __u32 arm = host.Choose(random()).arm;
      ASSERT_TRUE(((available | 1) >> arm & 1) != 0);
      host.Note(arm, 4000 + random() % 1000);
      if (i % 50 == 0) host.Note(random() % 4, 9000);  // as of an algorithm that went away
    }
  }
}

// Arms with these means, well known.
Host Known(std::initializer_list<__u32> rewards) {
  Host host;
  __u32 arm = 0;
  for (const __u32 reward : rewards) host.Note(arm++, reward, 16);
  host.available = (1 << rewards.size()) - 1;
  return host;
}

TEST(BanditTest, TakesTheBestThatIsPlainlyBetterThanTheDefault) {
  EXPECT_EQ(Known({5000, 5018}).Choose().arm, 0u) << "not by less than 5 %";
  EXPECT_EQ(Known({5000, 5019}).Choose().arm, 1u);
  EXPECT_EQ(Known({5000, 5100, 5200, 5150}).Choose().arm, 2u);
  EXPECT_EQ(Known({5200, 5100, 5000, 5150}).Choose().arm, 0u);
  EXPECT_EQ(Known({5000, 5100}).Choose().why, BANDIT_BEST);
  EXPECT_EQ(Known({5100, 5000}).Choose().why, BANDIT_DEFAULT);
}

TEST(BanditTest, MeansThatVaryHaveToDifferByMore) {
  Host host;
  for (int i = 0; i < 8; i++) {
    host.Note(0, i % 2 ? 4900 : 5100, 1);
    host.Note(1, i % 2 ? 4930 : 5130, 1);
  }
  host.available = 3;
  EXPECT_EQ(host.Choose().arm, 0u) << "three tenths of the deviation";
}

TEST(BanditTest, WhatIsPlainlyWorseThanTheDefaultIsKnownToBe) {
  Host host;
  host.Note(0, 5000, 4);
  host.Note(kBbr, 4900);
  EXPECT_FALSE(bandit_is_worse(&host.state, kBbr, host.now)) << "one run is no knowledge";
  host.Note(kBbr, 4900);
  EXPECT_TRUE(bandit_is_worse(&host.state, kBbr, host.now));
  EXPECT_FALSE(bandit_is_worse(&host.state, 2, host.now)) << "never tried";

  Host near;
  near.Note(0, 5000, 4);
  near.Note(kBbr, 5000 - BANDIT_MARGIN_Q8, 4);
  EXPECT_FALSE(bandit_is_worse(&near.state, kBbr, near.now));
}

TEST(BanditTest, WhatVariesHasToBeWorseByMore) {
  Host host;
  for (const __u32 apart : {0u, 400u, 0u, 400u}) {
    host.Note(0, 4900 + apart);
    host.Note(kBbr, 4860 + apart);
  }
  EXPECT_FALSE(bandit_is_worse(&host.state, kBbr, host.now));
}

TEST(BanditTest, ExploresWithEpsilonThatFallsAsEvidenceGrows) {
  const auto explored = [](int runs) {
    int count = 0;
    for (__u32 random = 0; random < 1024; random++) {
      Host host;
      host.Note(0, 5000, runs);
      host.Note(1, 5100, runs);
      host.available = 3;
      host.state.arms[0].idle = 1;
      const bandit_choice choice = host.Choose(random);
      count += choice.arm == 0;
      EXPECT_EQ(choice.why, choice.arm == 0 ? BANDIT_TRIAL : BANDIT_BEST);
    }
    return count;
  };
  EXPECT_EQ(explored(2), 512 / 5);
  EXPECT_EQ(explored(8), 512 / 17);
  EXPECT_EQ(explored(100), BANDIT_EPSILON_MIN);
}

TEST(BanditTest, AnArmThatHasWaitedForTwentyConnectionsIsTried) {
  Host host = Known({5000, 6000, 4000});
  int last[3] = {}, tried[3] = {};
  for (int i = 1; i <= 200; i++) {
    const __u32 arm = host.Choose().arm;
    host.Note(arm, arm == 1 ? 6000 : 4000 + 1000 * (arm == 0));
    tried[arm]++;
    EXPECT_LE(i - last[arm], BANDIT_DUE + 1);
    last[arm] = i;
  }
  EXPECT_GE(tried[1], 175);
}

TEST(BanditTest, OneOddRunChangesNothingAndIsTriedAgain) {
  Host host = Known({5000, 6000});
  host.Note(0, 9000);
  EXPECT_EQ(host.state.arms[0].mean_q8, 5000);
  const bandit_choice choice = host.Choose();
  EXPECT_EQ(choice.arm, 0u) << "was it chance?";
  EXPECT_EQ(choice.why, BANDIT_TRIAL);
  host.Note(0, 5000);
  EXPECT_EQ(host.state.arms[0].mean_q8, 5000) << "it was";
  EXPECT_EQ(host.Choose().arm, 1u);
}

TEST(BanditTest, TwoThatAgreeReplaceTheMean) {
  Host host = Known({5000, 6000});
  host.Note(0, 9000);
  host.Note(0, 9100);
  EXPECT_EQ(host.state.arms[0].mean_q8, 9050);
  EXPECT_EQ(host.state.arms[0].weight, BANDIT_KNOWN);
  host.Note(1, 3000);
  host.Note(1, 3000);
  EXPECT_EQ(host.state.arms[1].mean_q8, 3000);
}

TEST(BanditTest, WhatVariesOftenSurprisesNoMore) {
  Host host;
  std::mt19937 random(1);
  for (int i = 0; i < 200; i++) host.Note(0, random() % 2 ? 5000 : 6000);
  EXPECT_NEAR(host.state.arms[0].mean_q8, 5500, 300);
  EXPECT_GT(host.state.arms[0].deviation_q8, 300);
}

TEST(BanditTest, ForgetsWithTime) {
  Host host = Known({5000, 6000});
  host.now += BANDIT_HALF_LIFE_NS - 2 * kSecond;
  EXPECT_EQ(host.Choose().arm, 1u);
  EXPECT_EQ(host.state.arms[1].weight, 16);
  host.now += 2 * kSecond;
  host.Choose();
  EXPECT_EQ(host.state.arms[1].weight, 8);
  host.now += 5 * BANDIT_HALF_LIFE_NS;
  EXPECT_EQ(host.Choose().arm, 0u) << "nothing is known any more";
  EXPECT_EQ(host.state.arms[1].weight, 0);
}

TEST(BanditTest, KeepsTheDefaultForTenMinutesAfterItWasSentBack) {
  Host host = Known({5000, 6000});
  bandit_back_off(&host.state, host.now);
  for (int i = 0; i < 599; i++) ASSERT_EQ(host.Choose(0).arm, 0u);
  host.Note(0, 5000, 2);
  host.now += 2 * kSecond;
  EXPECT_EQ(host.Choose().arm, 1u) << "a trial";
  EXPECT_EQ(host.state.arms[1].weight, 0);
}

TEST(BanditTest, MeansAgreeWithLongDouble) {
  std::mt19937 random(1);
  std::normal_distribution<double> noise(5000, 40);
  Host host;
  long double mean = 0;
  for (int i = 0; i < 10'000; i++) {
    const auto reward = static_cast<__u32>(noise(random));
    host.Note(0, reward);
    mean += (reward - mean) / std::min(i + 1, static_cast<int>(BANDIT_MOST_WEIGHT));
    ASSERT_NEAR(host.state.arms[0].mean_q8, mean, 16) << i;
  }
}

TEST(BanditTest, AnyBytesAreAValidState) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; i++) {
    bandit state;
    auto* bytes = reinterpret_cast<unsigned char*>(&state);
    for (size_t j = 0; j < sizeof(state); j++) bytes[j] = static_cast<unsigned char>(random());
    const auto any = [&] { return static_cast<__u32>(random() >> (random() % 64)); };
    const __u32 available = any();
    for (int j = 0; j < 4; j++) {
      const bandit_choice choice = bandit_choose(&state, random(), available, any(), any());
      ASSERT_LT(choice.arm, 4u);
      ASSERT_TRUE(((available | 1) >> choice.arm & 1) != 0);
      bandit_note(&state, random(), any(), any(), random(), any(), any());
    }
  }
}

}  // namespace
