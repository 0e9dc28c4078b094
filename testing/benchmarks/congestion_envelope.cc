// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// congestion_envelope: what connections deliver over a path that loses segments, with the default
// congestion control, with bbr, and with the default and the daemon. For each loss rate: short
// transfers one after the other, or several at once, each column with the same losses; of the
// daemon's those after the first few, from which it learns.
//
// Rows of issue C, beside the default: --flows 4 --loss 0 with --queue 0.1 and with --queue 10;
// --loss 0 --before 5 --before-connections 30 --learning 20 --connections 30, a path that gets
// better.

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
  int flows = 1;               // at once: a round
  int connections = 60;        // rounds
  int learning = 10;           // the first so many do not count
  int reference = 10;          // rounds of the other two columns
  double before_percent = 0;   // loss ...
  int before_connections = 0;  // ... during so many rounds in front of the others
};

// Of one column, each round.
struct Column {
  std::vector<double> mbit;         // of all flows
  std::vector<double> again;        // percent of the segments were sent again
  std::vector<double> round_trips;  // smoothed, over the least one
};

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

LinkParameters PathOf(const Plan& plan, double loss_percent) {
  return {.rate_mbit = plan.rate_mbit,
          .delay_ms = plan.rtt_ms / 2,
          .loss_percent = loss_percent,
          .queue_bdp = plan.queue_bdp};
}

// One round, added to `out`.
Status Run(const Plan& plan, const LossyPath& path, const std::string& algorithm, Column* out) {
  std::vector<BulkFlow> flows;
  for (int i = 0; i < plan.flows; ++i) {
    auto flow = StartFlow(path, {.congestion_control = algorithm});
    if (!flow) return flow.error();
    flows.push_back(std::move(*flow));
  }
  flows.back().WaitUntil(plan.seconds);
  double mbit = 0;
  double srtt_ms = 0;
  uint64_t sent = 0;
  uint64_t again = 0;
  for (const BulkFlow& flow : flows) {
    auto sender = flow.Sender();
    if (!sender) return sender.error();
    mbit += flow.MbitPerSecond(0, plan.seconds);
    srtt_ms += sender->srtt_ms / plan.flows;
    sent += sender->segments_sent;
    again += sender->segments_retransmitted;
  }
  out->mbit.push_back(mbit);
  out->again.push_back(100.0 * static_cast<double>(again) / static_cast<double>(sent));
  out->round_trips.push_back(srtt_ms / plan.rtt_ms);
  return Ok();
}

// An empty algorithm: the default, and the daemon.
Result<Column> Measure(const Plan& plan, double loss_percent, std::string algorithm) {
  auto path = LossyPath::Create(PathOf(plan, loss_percent));
  if (!path) return path.error();
  std::vector<Daemon> daemon;  // one or none
  if (algorithm.empty()) {
    auto started = StartDaemon({path->a.get(), path->b.get()});
    if (!started) return started.error();
    daemon.push_back(std::move(*started));
  } else if (algorithm == "default") {
    algorithm = path->algorithm;
  }
  Column not_counted;
  Column counted;
  if (!daemon.empty()) {
    path->link->Set(Direction::kAToB, PathOf(plan, plan.before_percent));
    for (int i = 0; i < plan.before_connections; ++i) {
      auto run = Run(plan, *path, algorithm, &not_counted);
      if (!run) return run.error();
    }
    path->link->Set(Direction::kAToB, PathOf(plan, loss_percent));
  }
  const int count = daemon.empty() ? plan.reference : plan.connections;
  for (int i = 0; i < count; ++i) {
    const bool counts = daemon.empty() || i >= plan.learning;
    auto run = Run(plan, *path, algorithm, counts ? &counted : &not_counted);
    if (!run) return run.error();
  }
  return counted;
}

Status MeasureLoss(const Plan& plan, double loss_percent, Report* report) {
  char name[16];
  (void)std::snprintf(name, sizeof(name), "%g", loss_percent);
  const std::string loss = name;
  report->Heading("loss " + loss + " %");
  double best = 0;
  for (const char* of : {"default", "bbr", "bpftune"}) {
    const std::string who = of;
    const bool is_daemon = who == "bpftune";
    auto column = Measure(plan, loss_percent, is_daemon ? "" : who);
    if (!column) return column.error();
    const std::string key = "loss_" + loss + "_" + who;
    const std::string what = is_daemon ? who : "always " + who;
    report->Add({.key = key, .what = what, .unit = "Mbit/s"}, column->mbit);
    report->Add({.key = key + "_again", .what = "  sent again", .unit = "%"}, column->again);
    report->Add({.key = key + "_rtt", .what = "  round trip, of the least"}, column->round_trips);
    if (is_daemon) {
      report->Add(
          {.key = "loss_" + loss + "_share", .what = "bpftune's median, share of the better"},
          {Median(column->mbit) / best});
    }
    best = std::max(best, Median(column->mbit));
  }
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
  app.add_option("--flows", plan.flows, "at once")->check(CLI::PositiveNumber);
  app.add_option("--connections", plan.connections, "with the daemon");
  app.add_option("--learning", plan.learning, "of them not counted");
  app.add_option("--before", plan.before_percent, "loss in front of these")
      ->check(CLI::Range(0.0, 50.0));
  app.add_option("--before-connections", plan.before_connections, "with the daemon, in that loss")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--reference", plan.reference, "without the daemon")->check(CLI::PositiveNumber);
  app.add_option("--loss", losses, "percent")->check(CLI::Range(0.0, 50.0));
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
