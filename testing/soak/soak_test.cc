// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// Mixed traffic for long, with all tuners: what the daemon holds does not grow, and once it has
// found its values it says nothing. A minute here; `tools/soak` takes an hour, or as
// long as one likes (BPFTUNE_SOAK_SECONDS).

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "testing/benchmarks/bpf_usage.h"
#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/soak/mixed_traffic.h"

namespace bpftune::testing {
namespace {

using Clock = std::chrono::steady_clock;

// Raises come within seconds, and each is judged within ten of them.
constexpr double kSettled = 1.0 / 3;
// What malloc and the kernel's page cache round to.
constexpr uint64_t kSlackKiB = 64;

double Seconds() {
  const char* text = std::getenv("BPFTUNE_SOAK_SECONDS");
  return text ? std::stod(text) : 60;
}

struct Sample {
  double at_s;
  uint64_t descriptors;
  uint64_t pss_kib;
  uint64_t bpf_kib;
  size_t lines;
};

Result<Sample> Look(const Daemon& daemon, double at_s) {
  auto pss = ProcNumber(daemon.pid(), "smaps_rollup", "Pss:");
  if (!pss) return pss.error();
  auto bpf = BpfUsageOf(daemon.pid());
  if (!bpf) return bpf.error();
  const std::filesystem::directory_iterator open("/proc/" + std::to_string(daemon.pid()) + "/fd");
  return Sample{at_s, static_cast<uint64_t>(std::distance(begin(open), end(open))), *pss,
                (bpf->ProgramBytes() + bpf->MapBytes()) / 1024, daemon.Lines().size()};
}

// What leaks is at its lowest, late, above its highest, early.
uint64_t Growth(const std::vector<Sample>& samples, uint64_t Sample::*what) {
  const auto quarter = static_cast<std::ptrdiff_t>((samples.size() + 3) / 4);
  const auto less = [what](const Sample& a, const Sample& b) { return a.*what < b.*what; };
  const auto early = std::max_element(samples.begin(), samples.begin() + quarter, less);
  const auto late = std::min_element(samples.end() - quarter, samples.end(), less);
  return std::max((*late).*what, (*early).*what) - (*early).*what;
}

TEST(SoakTest, NothingGrowsAndOnceSettledItIsSilent) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(MixedTraffic traffic, MixedTraffic::Create());
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon(traffic.hosts()));

  const double length_s = Seconds();
  const auto begin = Clock::now();
  std::vector<Sample> samples;
  std::printf("seconds descriptors PSS/KiB BPF/KiB lines\n");
  for (double now_s = 0; now_s < length_s;) {
    ASSERT_OK(traffic.Round());
    now_s = std::chrono::duration<double>(Clock::now() - begin).count();
    ASSERT_OK_AND_ASSIGN(const Sample sample, Look(daemon, now_s));
    std::printf("%7.0f %11lu %7lu %7lu %5zu\n", sample.at_s, sample.descriptors, sample.pss_kib,
                sample.bpf_kib, sample.lines);
    if (now_s >= length_s * kSettled) samples.push_back(sample);
  }
  ASSERT_GE(samples.size(), 4U);

  EXPECT_EQ(Growth(samples, &Sample::descriptors), 0U);
  EXPECT_LE(Growth(samples, &Sample::pss_kib), kSlackKiB);
  EXPECT_LE(Growth(samples, &Sample::bpf_kib), kSlackKiB);
  const double minutes = (samples.back().at_s - samples.front().at_s) / 60;
  EXPECT_LE(static_cast<double>(samples.back().lines - samples.front().lines),
            std::max(1.0, minutes));
  EXPECT_GE(CountChanges(daemon, "net\\."), 1U) << "nothing was tuned at all";
  ASSERT_OK_AND_ASSIGN(const DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
  for (const std::string& line : exit.lines) std::printf("%s\n", line.c_str());
}

}  // namespace
}  // namespace bpftune::testing
