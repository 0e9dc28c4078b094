// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// window_limited: what tuning the buffers gains, and how near it comes to having had the right
// value from the start. For each path: untuned, tuned and ample runs in turn, several rounds; JSON
// on standard output, one object a cell.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

struct Run {
  double mbit_after_3s = 0;
  double mbit_after_5s = 0;
  size_t writes = 0;
  double final_bdp = 0;
};

Result<Run> RunOnce(const BulkCase& c, bool with_daemon, int connection, bool verbose) {
  auto path = Path::Create(c);
  if (!path) return path.error();
  std::vector<Daemon> daemon;
  if (with_daemon) {
    auto started = StartDaemon({path->a.get(), path->b.get()});
    if (!started) return started.error();
    daemon.push_back(std::move(*started));
  }
  for (int earlier = 1; earlier < connection; ++earlier) {
    BulkCase warm_up = c;
    warm_up.seconds = 8;
    auto flow = RunFlow(*path, warm_up);
    if (!flow) return flow.error();
  }
  auto flow = RunFlow(*path, c);
  if (!flow) return flow.error();
  auto cap = path->Cap(c.side);
  if (!cap) return cap.error();
  Run run = {flow->MbitPerSecond(3, c.seconds), flow->MbitPerSecond(5, c.seconds), 0,
             static_cast<double>(*cap) / BdpBytes(c)};
  if (with_daemon) {
    run.writes = CountChanges(daemon.front());
    if (verbose) {
      for (double s = 0; s + 1 <= c.seconds; s += 1)
        std::fprintf(stderr, "%.0f ", flow->MbitPerSecond(s, s + 1));
      std::fprintf(stderr, "\n");
      for (const std::string& line : daemon.front().Lines())
        std::fprintf(stderr, "  %s\n", line.c_str());
    }
    auto stopped = daemon.front().Stop();
    if (!stopped) return stopped.error();
    if (verbose) {
      for (const std::string& line : stopped->lines) {
        if (line.starts_with("Summary: tuner")) std::fprintf(stderr, "  %s\n", line.c_str());
      }
    }
  }
  return run;
}

nlohmann::json Spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {{"min", values.front()}, {"median", values[values.size() / 2]}, {"max", values.back()}};
}

int Main(int argc, char** argv) {
  BulkCase c;
  std::string side = "send";
  int rounds = 3;
  int connection = 1;
  bool verbose = false;
  CLI::App app("throughput of a window-limited bulk flow: untuned, tuned, ample from the start");
  app.add_option("--side", side, "send or receive")->check(CLI::IsMember({"send", "receive"}));
  app.add_option("--rtt-ms", c.rtt_ms);
  app.add_option("--rate-mbit", c.rate_mbit);
  app.add_option("--queue-bdp", c.queue_bdp);
  app.add_option("--cap", c.cap, "maximum to start with, bytes");
  app.add_option("--cc", c.congestion_control);
  app.add_option("--seconds", c.seconds);
  app.add_option("--rounds", rounds)->check(CLI::PositiveNumber);
  app.add_option("--connection", connection, "judge the Nth connection, after earlier ones of 8 s");
  app.add_flag("-v,--verbose", verbose, "show each second and the daemon's log");
  bool tuned_only = false;
  app.add_flag("--tuned-only", tuned_only, "leave out the runs to compare with");
  CLI11_PARSE(app, argc, argv);
  c.side = side == "send" ? Side::kSend : Side::kReceive;

  std::map<std::string, std::vector<double>> figures;
  for (int round = 0; round < rounds; ++round) {
    struct Arm {
      const char* name;
      int64_t cap;
      bool daemon;
    };
    std::vector<Arm> arms = {
        {"untuned", c.cap, false}, {"tuned", c.cap, true}, {"ample", kAmpleCap, false}};
    if (tuned_only) arms = {{"tuned", c.cap, true}};
    for (const Arm& arm : arms) {
      BulkCase with_cap = c;
      with_cap.cap = arm.cap;
      auto run = RunOnce(with_cap, arm.daemon, connection, verbose);
      if (!run) {
        std::fprintf(stderr, "window_limited: %s\n", run.error().message().c_str());
        return 1;
      }
      const std::string name = arm.name;
      figures[name + "_mbit_after_3s"].push_back(run->mbit_after_3s);
      figures[name + "_mbit_after_5s"].push_back(run->mbit_after_5s);
      if (!arm.daemon) continue;
      figures["writes"].push_back(static_cast<double>(run->writes));
      figures["final_bdp"].push_back(run->final_bdp);
    }
    if (tuned_only) continue;
    for (const std::string s : {"_mbit_after_3s", "_mbit_after_5s"}) {
      figures["ratio_to_ample" + s.substr(5)].push_back(figures["tuned" + s].back() /
                                                        figures["ample" + s].back());
      figures["gain" + s.substr(5)].push_back(figures["tuned" + s].back() /
                                              figures["untuned" + s].back());
    }
  }
  nlohmann::json out = {{"benchmark", "window_limited"},
                        {"side", side},
                        {"rtt_ms", c.rtt_ms},
                        {"rate_mbit", c.rate_mbit},
                        {"queue_bdp", c.queue_bdp},
                        {"cap", c.cap},
                        {"congestion_control", c.congestion_control},
                        {"connection", connection},
                        {"rounds", rounds}};
  for (const auto& [name, values] : figures) out[name] = Spread(values);
  std::printf("%s\n", out.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace bpftune::testing

int main(int argc, char** argv) { return bpftune::testing::Main(argc, argv); }
