// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// initial_sizes: would short transfers on long paths be faster with larger initial buffers,
// tcp_rmem[1] or tcp_wmem[1]? For each path and size: transfers on fresh connections with the
// kernel's own initial sizes and with larger ones in turn, and the ratio of their times. No daemon.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "testing/benchmarks/report.h"
#include "testing/netns_harness/bulk_flow.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kLarge = 1 << 20;

struct Arm {
  const char* name;
  int rmem;
  int wmem;
};
constexpr Arm kArms[] = {{"as the kernel has it", 131072, 16384},
                         {"tcp_rmem[1] 1 MiB", kLarge, 16384},
                         {"tcp_wmem[1] 1 MiB", 131072, kLarge}};

struct Plan {
  int rounds = 7;
  std::vector<int> kilobytes = {100, 300, 1000};
};

// Seconds until the receiver has everything, on a fresh connection.
Result<double> Transfer(const Path& path, const Arm& arm, uint64_t bytes) {
  const auto triple = [](int initial) { return "4096 " + std::to_string(initial) + " 67108864"; };
  for (const auto& host : {path.a.get(), path.b.get()}) {
    for (const auto& [name, initial] :
         {std::pair{"net.ipv4.tcp_rmem", arm.rmem}, std::pair{"net.ipv4.tcp_wmem", arm.wmem}}) {
      auto set = host->SetSysctl(name, triple(initial));
      if (!set) return set.error();
    }
  }
  auto flow = BulkFlow::Start(path.link->a(), path.link->b(), {.total_bytes = bytes});
  if (!flow) return flow.error();
  return flow->WaitForCompletion(60s);
}

Status MeasurePath(double rate_mbit, double rtt_ms, const Plan& plan, Report* report) {
  auto path = Path::Create({.rtt_ms = rtt_ms, .rate_mbit = rate_mbit});
  if (!path) return path.error();
  report->Heading(std::to_string(static_cast<int>(rate_mbit)) + " Mbit/s, " +
                  std::to_string(static_cast<int>(rtt_ms)) + " ms");
  for (const int kilobytes : plan.kilobytes) {
    std::vector<double> seconds[std::size(kArms)];
    // Each arm comes first, second and last in turn: what came before may matter.
    for (int round = 0; round < plan.rounds; ++round) {
      for (size_t i = 0; i < std::size(kArms); ++i) {
        const size_t arm = (i + static_cast<size_t>(round)) % std::size(kArms);
        auto took = Transfer(*path, kArms[arm], uint64_t{1000} * static_cast<uint64_t>(kilobytes));
        if (!took) return took.error();
        seconds[arm].push_back(*took);
      }
    }
    const std::string key = std::to_string(static_cast<int>(rate_mbit)) + "mbit_" +
                            std::to_string(static_cast<int>(rtt_ms)) + "ms_" +
                            std::to_string(kilobytes) + "kB";
    const std::string size = std::to_string(kilobytes) + " kB, ";
    report->Add({.key = key + "_s", .what = size + kArms[0].name, .unit = "s"}, seconds[0]);
    for (size_t i = 1; i < std::size(kArms); ++i) {
      std::vector<double> ratios;
      for (size_t round = 0; round < seconds[i].size(); ++round)
        ratios.push_back(seconds[i][round] / seconds[0][round]);
      report->Add({.key = key + (i == 1 ? "_rmem_ratio" : "_wmem_ratio"),
                   .what = size + kArms[i].name + ": time, ratio"},
                  ratios);
    }
  }
  return Ok();
}

int Main(int argc, char** argv) {
  Plan plan;
  CLI::App app("short transfers on long paths, with larger initial buffers and without");
  app.add_option("--rounds", plan.rounds)->check(CLI::PositiveNumber);
  app.add_option("--kilobytes", plan.kilobytes, "the sizes, separated by commas")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  Report report("initial_sizes");
  for (const double rate : {100.0, 1000.0}) {
    for (const double rtt : {100.0, 200.0}) {
      auto measured = MeasurePath(rate, rtt, plan, &report);
      if (!measured) {
        std::fprintf(stderr, "initial_sizes: %s\n", measured.error().message().c_str());
        return Report::kCouldNotMeasure;
      }
    }
  }
  return report.Finish();
}

}  // namespace
}  // namespace bpftune::testing

int main(int argc, char** argv) { return bpftune::testing::Main(argc, argv); }
