// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Any bytes as numbers, series and clocks for everything in this folder, held against wide
// integers and long double. The first byte chooses what is tried.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bpf/common/pure/correlation.h"
#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/limits.h"
#include "bpf/common/pure/peak.h"
#include "bpf/common/pure/rate.h"

namespace {

__extension__ typedef unsigned __int128 Wide;

#define CHECK(condition)                                           \
  do {                                                             \
    if (!(condition)) {                                            \
      std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
      std::abort();                                                \
    }                                                              \
  } while (0)

// Numbers from the input; zeros when it is used up.
class Bytes {
 public:
  Bytes(const uint8_t *data, size_t size) : data_(data), size_(size) {}

  bool empty() const { return size_ == 0; }

  template <typename T>
  T Next() {
    T value = 0;
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

void TryLimits(Bytes &in) {
  const __u64 a = in.Next<__u64>(), b = in.Next<__u64>(), c = in.Next<__u64>();
  const Wide sum = Wide{a} + b, product = Wide{a} * b, most = PURE_U64_MAX;
  CHECK(sat_add(a, b) == std::min(sum, most));
  CHECK(sat_mul(a, b) == std::min(product, most));
  CHECK(sat_sub(a, b) == (a > b ? a - b : 0));
  CHECK(permille(std::min(a, b), std::max(a, b)) <= 1000);

  const __u64 got = mul_div(a, b, c);
  if (c == 0) {
    CHECK(got == PURE_U64_MAX);
  } else {
    const Wide exact = std::min(product / c, most);
    CHECK(got <= exact);
    CHECK(product > most || got == exact);
    CHECK(Wide{got} + 1 + (exact >> 28) >= exact);
  }

  CHECK(a > b || ilog2_q8(a) <= ilog2_q8(b));
  const long double log = a ? 256 * std::log2(static_cast<long double>(a)) : 0;
  CHECK(ilog2_q8(a) <= log + 1e-12L && ilog2_q8(a) > log - 1.001L);

  const __u32 shift = in.Next<__u32>();
  CHECK(grow_by_shift(a, shift, b) <= b && (a >= b || grow_by_shift(a, shift, b) > a));
  CHECK(shrink_by_shift(a, shift, b) >= b && (a <= b || shrink_by_shift(a, shift, b) < a));
}

void TryLearning(Bytes &in) {
  learning_step step = {};
  const __u64 lowest = in.Next<__u64>(), highest = in.Next<__u64>(), horizon = in.Next<__u64>();
  __u64 value = in.Next<__u64>();
  while (!in.empty()) {
    const int8_t direction = in.Next<int8_t>();
    learning_step_move(&step, in.Next<__u64>(), direction, horizon);
    CHECK(step.step_shift <= LEARNING_SHIFT_SMALLEST);
    const __u64 next = learning_step_apply(&step, value, lowest, highest);
    CHECK(next <= highest && (next >= lowest || lowest > highest));
    if (value >= lowest && value <= highest) {
      CHECK(step.direction <= 0 ||
            (next >= value && next <= std::max(sat_mul(value, 2), __u64{1})));
      CHECK(step.direction >= 0 || (next <= value && next >= value / 2));
    }
    value = next;
  }
}

void TryPeak(Bytes &in) {
  const __u64 half_life = in.Next<__u64>();
  peak p = {};
  while (!in.empty()) {
    const __u64 now = in.Next<__u64>(), value = in.Next<__u64>(), later = in.Next<__u64>();
    peak_note(&p, now, value, half_life);
    CHECK(peak_now(&p, now, half_life) >= value);
    CHECK(peak_now(&p, sat_add(now, later), half_life) <= peak_now(&p, now, half_life));
    if (half_life == 0 || p.noted_ns != now) continue;
    const long double exact =
        p.value * std::exp2(-static_cast<long double>(sat_add(now, later) - now) / half_life);
    CHECK(std::fabs(peak_now(&p, sat_add(now, later), half_life) - exact) <= 0.004L * exact + 2);
  }
}

void TryRate(Bytes &in) {
  rate bytes = {}, segments = {};
  const __u64 window = in.Next<__u64>();
  while (!in.empty()) {
    const __u64 now = in.Next<__u64>(), count = in.Next<__u64>();
    const rate before = bytes;
    const __u64 got = rate_update(&bytes, now, count, window);
    CHECK(got >= before.max_bytes_per_s - before.max_bytes_per_s / 32);
    if (got > before.max_bytes_per_s) {
      CHECK(now > before.window_start_ns && now - before.window_start_ns >= window);
      CHECK(Wide{got} * (now - before.window_start_ns) <=
            Wide{count - before.count_at_start} * RATE_NS_PER_SEC);
    }
    rate_update_segments(&segments, now, in.Next<__u32>(), in.Next<__u32>(), window);
    const __u64 bdp = bdp_bytes(got, in.Next<__u32>());
    const __u32 headroom = in.Next<__u32>(), share = in.Next<uint8_t>();
    CHECK(headroom < 16 || need_bytes(bdp, headroom, share) >= bdp - (bdp >> 26));
  }
}

void TryCorrelation(Bytes &in) {
  correlation c = {};
  long double mx = 0, my = 0, vx = 0, vy = 0, cov = 0;
  // Inputs of 16 bits pass the limit of 4096 as well, and make longer series.
  for (unsigned n = 0; !in.empty(); n++) {
    const __s32 x = in.Next<int16_t>(), y = in.Next<int16_t>();
    correlation_add(&c, x, y);
    const long double dx = std::clamp(x, -4096, 4096) - mx, dy = std::clamp(y, -4096, 4096) - my;
    const long double a = std::ldexp(1.0L, -std::min(static_cast<int>(std::bit_width(n)), 5));
    mx += a * dx;
    my += a * dy;
    vx += a * ((1 - a) * dx * dx - vx);
    vy += a * ((1 - a) * dy * dy - vy);
    cov += a * ((1 - a) * dx * dy - cov);

    CHECK(std::llabs(c.mean_x) <= 1LL << 28 && std::llabs(c.mean_y) <= 1LL << 28);
    CHECK(c.var_x >= 0 && c.var_x <= 1LL << 42 && c.var_y >= 0 && c.var_y <= 1LL << 42);
    CHECK(std::llabs(c.cov) <= 1LL << 42);
    if (!correlation_is_known(&c) || vx < 100 || vy < 100) continue;
    const long double r = cov / std::sqrt(vx * vy);
    for (__u32 threshold : {100u, 700u, 900u})
      CHECK(std::fabs(r - threshold / 1000.0L) < 0.01L ||
            (correlation_at_least(&c, threshold) != 0) == (r > threshold / 1000.0L));
    CHECK(std::fabs(std::max(r, 0.0L) * 1000 - correlation_permille(&c)) < 10);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Bytes in(data, size);
  switch (in.Next<uint8_t>() % 5) {
    case 0:
      TryLimits(in);
      break;
    case 1:
      TryLearning(in);
      break;
    case 2:
      TryPeak(in);
      break;
    case 3:
      TryRate(in);
      break;
    case 4:
      TryCorrelation(in);
      break;
  }
  return 0;
}
