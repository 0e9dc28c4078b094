// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Any bytes as counters, runs, clocks and states for what chooses a congestion control: loss,
// reward, control group and bandit. The first byte chooses what is tried.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bpf/common/pure/bandit.h"
#include "bpf/common/pure/control.h"
#include "bpf/common/pure/loss.h"
#include "bpf/common/pure/reward.h"

namespace {

#define CHECK(condition)                                           \
  do {                                                             \
    if (!(condition)) {                                            \
      std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
      std::abort();                                                \
    }                                                              \
  } while (0)

// Values from the input; zeros when it is used up.
class Bytes {
 public:
  Bytes(const uint8_t *data, size_t size) : data_(data), size_(size) {}

  bool empty() const { return size_ == 0; }

  template <typename T>
  T Next() {
    T value = {};
    const size_t n = std::min(size_, sizeof(value));
    if (n != 0) std::memcpy(&value, data_, n);
    data_ += n;
    size_ -= n;
    return value;
  }

 private:
  const uint8_t *data_;
  size_t size_;
};

void TryLoss(Bytes &in) {
  loss state = {};
  const auto limits = in.Next<loss_limits>();
  unsigned looks_with_loss = 0;
  __u32 seen = 0;
  for (bool first = true; !in.empty(); first = false) {
    const auto look = in.Next<loss_look>();
    looks_with_loss += !first && look.retransmitted != seen;
    seen = look.retransmitted;
    const __u32 verdict = loss_update(&state, &look, in.Next<__u32>(), &limits);
    CHECK(verdict == state.verdict && verdict <= LOSS_NOISE);
    CHECK(state.loss_ppm <= LOSS_PPM && state.closed <= 3 && state.open <= 1);
    CHECK(verdict == LOSS_NONE || looks_with_loss >= 3);
    if (verdict != LOSS_NOISE) continue;
    CHECK(state.segments >= LOSS_MIN_SEGMENTS);
    CHECK(state.loss_ppm >= limits.low_ppm && state.loss_ppm <= LOSS_MOST_PPM);
    CHECK(!state.marks[1].queued || state.open);  // while open, the marks are one ahead
  }
}

void TryReward(Bytes &in) {
  reward_run run = {};
  long double bytes = 0, us = 0;
  __u64 then_ns = 0, then_bytes = 0;
  while (!in.empty()) {
    const auto look = in.Next<reward_look>();
    if (then_ns != 0 && !look.limited && look.bytes_acked >= then_bytes) {
      bytes += look.bytes_acked - then_bytes;
      const __u64 whole_us = sat_sub(look.now_ns, then_ns) / 1000;  // as the run counts
      us += whole_us;
    }
    then_ns = std::max(look.now_ns, __u64{1});
    then_bytes = look.bytes_acked;
    reward_run_add(&run, &look);
    const __u32 min_rtt = in.Next<__u32>(), reward = reward_q8(&run, min_rtt);
    CHECK(reward <= reward_rate_q8(&run) && reward_rate_q8(&run) <= 16383);
    CHECK(reward_loss_ppm(&run) <= 1'000'000);
    if (!reward_is_known(&run, min_rtt)) continue;
    CHECK(min_rtt > 0 && run.bytes >= REWARD_MIN_BYTES);
    if (bytes > 1e18L || bytes * 1e6L / us > 1e19L) continue;  // what saturates is no rate
    const long double exact = 256 * std::log2(std::max(bytes * 1e6L / us, 1.0L));
    CHECK(reward_rate_q8(&run) <= exact + 1e-6L);
    CHECK(exact < 256 * 10 || reward_rate_q8(&run) >= exact - 2);  // the rate is an integer
  }
}

void TryControl(Bytes &in) {
  control c = {};
  long double least[2] = {1e9L, 1e9L}, most[2] = {-1, -1};
  while (!in.empty()) {
    const int group = in.Next<uint8_t>() & 1;
    const __u32 reward = in.Next<__u32>(), rate = in.Next<uint16_t>();
    control_note(&c, static_cast<control_group>(group), reward, rate);
    const __u32 cut = std::min<__u32>(reward, CONTROL_MOST_Q8);
    least[group] = std::min(least[group], static_cast<long double>(cut));
    most[group] = std::max(most[group], static_cast<long double>(cut));
    const control_mean &mean = c.groups[group];
    CHECK(mean.reward_q8 >= least[group] && mean.reward_q8 <= most[group]);
    CHECK(c.variance < 1U << 30 && c.difference < 2 * CONTROL_ZERO);
    CHECK(mean.weight >= 1 && mean.weight <= CONTROL_MOST_WEIGHT);
    if (control_says_worse(&c)) CHECK(most[CONTROL_GROUP_DEFAULT] > least[CONTROL_GROUP_TUNED]);
    (void)control_rate_permille(&c);
  }
}

void TryBandit(Bytes &in) {
  auto state = in.Next<bandit>();
  __u32 runs = state.runs;
  while (!in.empty()) {
    const __u64 now = in.Next<__u64>();
    const __u32 available = in.Next<uint8_t>(), lossy = in.Next<uint8_t>();
    const bandit_choice choice = bandit_choose(&state, now, available, lossy, in.Next<__u32>());
    CHECK(choice.arm < BANDIT_ARMS && ((available | 1) >> choice.arm & 1) != 0);
    CHECK(choice.why != BANDIT_DEFAULT || choice.arm == 0);
    CHECK(choice.why != BANDIT_BEST || choice.arm != 0);
    if (runs < BANDIT_MIN_RUNS || now < state.back_until_ns) CHECK(choice.arm == 0);

    const bandit_arm before = state.arms[choice.arm];
    const __u32 reward = in.Next<__u32>(), cut = std::min<__u32>(reward, BANDIT_MOST_Q8);
    bandit_note(&state, now, choice.arm, reward, in.Next<__u64>(), in.Next<__u32>(),
                in.Next<__u32>());
    const bandit_arm &arm = state.arms[choice.arm];
    const __u32 low = std::min<__u32>({before.mean_q8, before.pending_q8, cut});
    const __u32 high = std::max<__u32>({before.mean_q8, before.pending_q8, cut});
    CHECK(arm.mean_q8 >= low && arm.mean_q8 <= high);
    CHECK(arm.weight <= std::max<int>(before.weight, BANDIT_MOST_WEIGHT));
    CHECK(arm.idle == 0);
    CHECK(state.runs >= runs);
    runs = state.runs;
    if (in.Next<uint8_t>() == 0) bandit_back_off(&state, now);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Bytes in(data, size);
  switch (in.Next<uint8_t>() % 4) {
    case 0:
      TryLoss(in);
      break;
    case 1:
      TryReward(in);
      break;
    case 2:
      TryControl(in);
      break;
    case 3:
      TryBandit(in);
      break;
  }
  return 0;
}
