// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// congestion_envelope: what connections deliver over a path that loses segments, with the default
// congestion control, with bbr, and with the default and the daemon. For each loss rate: short
// transfers one after the other, each column with the same losses; of the daemon's those after the
// first few, from which it learns.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "testing/benchmarks/report.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/conn_case.h"

namespace bpftune::testing {
namespace {

struct Plan {
  double rate_mbit = 100;
  double rtt_ms = 40;
  double queue_bdp = 1;
  double seconds = 2;
  int connections = 60;
  int learning = 10;   // the first so many do not count
  int reference = 10;  // connections of the other two columns
};

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// Mbit/s of each connection; an empty algorithm: the default, and the daemon.
Result<std::vector<double>> Measure(const Plan& plan, double loss_percent, std::string algorithm) {
  auto path = LossyPath::Create({.rate_mbit = plan.rate_mbit,
                                 .delay_ms = plan.rtt_ms / 2,
                                 .loss_percent = loss_percent,
                                 .queue_bdp = plan.queue_bdp});
  if (!path) return path.error();
  std::vector<Daemon> daemon;  // one or none
  if (algorithm.empty()) {
    auto started = StartDaemon({path->a.get(), path->b.get()});
    if (!started) return started.error();
    daemon.push_back(std::move(*started));
  } else if (algorithm == "default") {
    algorithm = path->algorithm;
  }
  std::vector<double> out;
  const int count = daemon.empty() ? plan.reference : plan.connections;
  for (int i = 0; i < count; ++i) {
    auto flow = StartFlow(*path, {.congestion_control = algorithm});
    if (!flow) return flow.error();
    flow->WaitUntil(plan.seconds);
    if (daemon.empty() || i >= plan.learning) out.push_back(flow->MbitPerSecond(0, plan.seconds));
  }
  return out;
}

Status MeasureLoss(const Plan& plan, double loss_percent, Report* report) {
  char name[16];
  (void)std::snprintf(name, sizeof(name), "%g", loss_percent);
  const std::string loss = name;
  report->Heading("loss " + loss + " %");
  double best = 0;
  for (const char* algorithm : {"default", "bbr"}) {
    auto mbit = Measure(plan, loss_percent, algorithm);
    if (!mbit) return mbit.error();
    best = std::max(best, Median(*mbit));
    report->Add({.key = "loss_" + loss + "_" + algorithm,
                 .what = std::string("always ") + algorithm,
                 .unit = "Mbit/s"},
                *mbit);
  }
  auto mbit = Measure(plan, loss_percent, "");
  if (!mbit) return mbit.error();
  report->Add({.key = "loss_" + loss + "_bpftune", .what = "bpftune", .unit = "Mbit/s"}, *mbit);
  report->Add({.key = "loss_" + loss + "_share", .what = "bpftune's median, share of the better"},
              {Median(*mbit) / best});
  return Ok();
}

int Main(int argc, char** argv) {
  Plan plan;
  std::vector<double> losses = {0, 0.1, 0.5, 1, 2, 5};
  CLI::App app("what connections deliver over a path that loses segments");
  app.add_option("--rate", plan.rate_mbit, "of the path, Mbit/s")->check(CLI::PositiveNumber);
  app.add_option("--rtt", plan.rtt_ms, "of the path, ms")->check(CLI::PositiveNumber);
  app.add_option("--queue", plan.queue_bdp, "of the path, in units of rate x RTT")
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", plan.seconds, "of each connection")->check(CLI::PositiveNumber);
  app.add_option("--connections", plan.connections, "with the daemon");
  app.add_option("--learning", plan.learning, "of them not counted");
  app.add_option("--reference", plan.reference, "without the daemon")->check(CLI::PositiveNumber);
  app.add_option("--loss", losses, "percent")->check(CLI::Range(0, 50));
  CLI11_PARSE(app, argc, argv);
  if (plan.connections <= plan.learning) {
    std::fprintf(stderr, "congestion_envelope: --connections must be more than --learning\n");
    return Report::kCouldNotMeasure;
  }
  Report report("congestion_envelope");
  for (const double loss : losses) {
    auto measured = MeasureLoss(plan, loss, &report);
    if (measured) continue;
    std::fprintf(stderr, "congestion_envelope: %s\n", measured.error().message().c_str());
    return Report::kCouldNotMeasure;
  }
  return report.Finish();
}

}  // namespace
}  // namespace bpftune::testing

int main(int argc, char** argv) { return bpftune::testing::Main(argc, argv); }
