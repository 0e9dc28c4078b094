// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// demo: bpftune at work, in half a minute, in two network namespaces of its own. A connection over
// a long fast path without bpftune, one with it, and the next one; what bpftune says while it
// works, and what came of it. Leaves with 0 only if something was raised and it was worth it.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iomanip>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/daemon.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

constexpr size_t kColumns = 100;
constexpr double kBarColumns = 60;
constexpr double kSlowStartSeconds = 2;  // not counted, in any connection
constexpr double kLogEverySeconds = 0.05;
constexpr double kWorthIt = 1.1;  // times as fast, at least

struct Plan {
  std::string daemon;
  std::string tuners;
  BulkCase path = {.side = Side::kReceive, .cap = 1310720, .rtt_ms = 100};
  double before_s = 5;
  double with_s = 10;
  double next_s = 8;
  std::string run_dir;  // of the daemon; empty: one that goes
  std::string samples;  // a file for them; empty: none
};

// What was seen second by second, for tools/plot.
class Samples {
 public:
  void Add(const char* part, double mbit, double srtt_ms, const std::string& value) {
    timespec now = {};
    clock_gettime(CLOCK_REALTIME, &now);
    std::ostringstream row;
    row << R"({"time_ns":)" << now.tv_sec << std::setw(9) << std::setfill('0') << now.tv_nsec
        << R"(,"part":")" << part << R"(","mbit":)" << mbit << R"(,"srtt_ms":)" << srtt_ms
        << R"(,"value":)" << value.substr(value.find_last_of(" \t") + 1) << "}";
    rows_.push_back(row.str());
  }
  Status Write(const Plan& plan, const char* tunable) const {
    std::ofstream out(plan.samples);
    out << R"({"tunable":")" << tunable << R"(","rate_mbit":)" << plan.path.rate_mbit
        << R"(,"rtt_ms":)" << plan.path.rtt_ms << R"(,"samples":[)";
    for (size_t i = 0; i < rows_.size(); ++i) out << (i ? ",\n" : "\n") << rows_[i];
    out << "]}\n";
    out.close();
    return out ? Ok() : Status(Error("writing '" + plan.samples + "'"));
  }

 private:
  std::vector<std::string> rows_;
};

// The words of a text; what is in parentheses, a sysctl's three numbers say, stays together.
std::vector<std::string> Words(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream words(text);
  int open = 0;
  for (std::string word; words >> word;) {
    if (open > 0) {
      out.back() += " " + word;
    } else {
      out.push_back(word);
    }
    for (const char c : word) open += c == '(' ? 1 : c == ')' ? -1 : 0;
  }
  return out;
}

// Breaks lines between words; every line begins with `indent`, the first with `begin`.
void Say(const std::string& text, const std::string& begin, const std::string& indent) {
  std::string line = begin;
  bool empty = true;
  for (const std::string& word : Words(text)) {
    if (!empty && line.size() + 1 + word.size() > kColumns) {
      std::printf("%s\n", line.c_str());
      line = indent;
      empty = true;
    }
    line += (empty ? "" : " ") + word;
    empty = false;
  }
  std::printf("%s\n", line.c_str());
}

void Say(const std::string& text) { Say(text, "   ", "   "); }

void Chapter(const std::string& title) { std::printf("\n%s\n\n", title.c_str()); }

// What the daemon says, as it comes. A line that was shown before is not shown again.
class DaemonLog {
 public:
  explicit DaemonLog(const Daemon* daemon) : daemon_(daemon) {}

  void ShowNew() { Show(daemon_->Lines()); }
  void Show(const std::vector<std::string>& all) {
    for (; shown_ < all.size(); ++shown_) {
      const std::string& line = all[shown_];
      if (seen_.insert(line).second) Say(line, "   bpftune | ", "           |   ");
    }
  }

 private:
  const Daemon* daemon_;
  size_t shown_ = 0;
  std::set<std::string> seen_;
};

void ShowSecond(const Plan& plan, double second, double mbit) {
  const double share = std::clamp(mbit / plan.path.rate_mbit, 0.0, 1.0);
  const std::string bar(static_cast<size_t>(std::lround(share * kBarColumns)), '#');
  std::printf("   second %2.0f  %5.0f Mbit/s  %s\n", second, mbit, bar.c_str());
}

// One connection for so long, shown second by second between the lines of the log. Returns what it
// reached at the end.
Result<double> ShowConnection(const Plan& plan, const Path& path, const char* part, double seconds,
                              DaemonLog* log, Samples* samples) {
  auto flow = BulkFlow::Start(path.link->a(), path.link->b(),
                              {.congestion_control = plan.path.congestion_control});
  if (!flow) return flow.error();
  for (double second = 1; second <= seconds; ++second) {
    while (flow->age_s() < second) {
      flow->WaitUntil(std::min(second, flow->age_s() + kLogEverySeconds));
      if (log) log->ShowNew();
    }
    const double mbit = flow->MbitPerSecond(second - 1, second);
    ShowSecond(plan, second, mbit);
    const auto sender = flow->Sender();
    const auto value = path.tuned(plan.path.side).GetSysctl(TunableOf(plan.path.side));
    if (sender && value) samples->Add(part, mbit, sender->srtt_ms, *value);
  }
  if (log) log->ShowNew();
  return flow->MbitPerSecond(std::max(kSlowStartSeconds, seconds - 4), seconds);
}

std::string Megabytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f MB", bytes / 1e6);
  return text;
}

void Introduce(const Plan& plan, const std::string& rmem) {
  std::printf("bpftune demo: a long fast path, and a receive buffer that is too small for it\n\n");
  std::printf("   client ==== %.0f Mbit/s, round trip %.0f ms ====> server, %s = %s\n\n",
              plan.path.rate_mbit, plan.path.rtt_ms, TunableOf(plan.path.side), rmem.c_str());
  Say("To keep this path busy, " + Megabytes(BdpBytes(plan.path)) +
      " must be under way. The server's buffer takes at most " +
      Megabytes(static_cast<double>(plan.path.cap)) +
      " (the last of the three numbers), and not all of it is data. Both hosts are network "
      "namespaces that go when the demo ends; nothing else on this machine is changed.");
}

struct Outcome {
  double before_mbit = 0;
  double with_mbit = 0;
  double next_mbit = 0;
  size_t raises = 0;
  std::string value_before;
  std::string value_after;
};

void Compare(const char* what, double before, double after) {
  std::printf("   %-22s %5.0f -> %4.0f Mbit/s   %.1f times\n", what, before, after,
              before > 0 ? after / before : 0);
}

bool Conclude(const Outcome& outcome, const char* tunable) {
  Chapter("Before -> after");
  Compare("that connection", outcome.before_mbit, outcome.with_mbit);
  Compare("the next connection", outcome.before_mbit, outcome.next_mbit);
  std::printf("   %-22s (%s) -> (%s), in %zu steps\n\n", tunable, outcome.value_before.c_str(),
              outcome.value_after.c_str(), outcome.raises);
  const bool worth_it = outcome.raises > 0 && std::max(outcome.with_mbit, outcome.next_mbit) >
                                                  kWorthIt * outcome.before_mbit;
  if (worth_it) {
    Say("On this machine, until Ctrl-C, with the same kind of log:  tools/run");
  } else {
    Say("That is not what should have happened: nothing was raised, or it did not help. On a "
        "machine that is too busy to carry such a path this can be; otherwise please report it, "
        "with the output above.");
  }
  return worth_it;
}

Result<bool> Show(const Plan& plan) {
  const char* tunable = TunableOf(plan.path.side);
  auto path = Path::Create(plan.path);
  if (!path) return path.error();
  const Host& server = path->tuned(plan.path.side);
  Outcome outcome;
  Samples samples;
  auto value_before = server.GetSysctl(tunable);
  if (!value_before) return value_before.error();
  outcome.value_before = *value_before;
  Introduce(plan, outcome.value_before);

  Chapter("1. A connection without bpftune");
  auto before = ShowConnection(plan, *path, "without bpftune", plan.before_s, nullptr, &samples);
  if (!before) return before.error();
  outcome.before_mbit = *before;

  Chapter(
      "2. bpftune starts; a new connection (a line of its log that only repeats one is left out)");
  std::vector<std::string> arguments = {
      "-s", "-l", plan.tuners, "-n", path->a->netns_path(), "-n", path->b->netns_path()};
  if (!plan.run_dir.empty()) arguments.insert(arguments.end(), {"--run-dir", plan.run_dir});
  auto daemon = Daemon::Start(plan.daemon, Apart(arguments));
  if (!daemon) return daemon.error();
  DaemonLog log(&*daemon);
  const bool ready = daemon->WaitForLine("per-netns policy", std::chrono::seconds(30)).has_value();
  log.ShowNew();
  if (!ready) return Error("bpftune did not become ready");
  std::printf("\n");
  auto with = ShowConnection(plan, *path, "bpftune starts", plan.with_s, &log, &samples);
  if (!with) return with.error();
  outcome.with_mbit = *with;

  Chapter("3. The next connection");
  auto next = ShowConnection(plan, *path, "the next connection", plan.next_s, &log, &samples);
  if (!next) return next.error();
  outcome.next_mbit = *next;
  outcome.raises = CountChanges(*daemon, tunable);

  Chapter("4. bpftune stops, and says what it has done");
  auto value_after = server.GetSysctl(tunable);
  if (!value_after) return value_after.error();
  outcome.value_after = *value_after;
  auto stopped = daemon->Stop();
  if (!stopped) return stopped.error();
  log.Show(stopped->lines);
  if (!plan.samples.empty()) {
    if (auto written = samples.Write(plan, tunable); !written) return written.error();
  }
  return Conclude(outcome, tunable);
}

int Main(int argc, char** argv) {
  Plan plan;
  CLI::App app("Shows bpftune at work in network namespaces of its own.", "demo");
  app.add_option("DAEMON", plan.daemon, "the program bpftune")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("TUNERS", plan.tuners, "directory of the tuner objects (*.bpf.o)")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--rtt-ms", plan.path.rtt_ms, "round trip of the path")
      ->check(CLI::Range(1, 500))
      ->capture_default_str();
  app.add_option("--rate-mbit", plan.path.rate_mbit, "what the path carries")
      ->check(CLI::Range(10, 2000))
      ->capture_default_str();
  app.add_option("--samples", plan.samples, "write what is seen to this file, for tools/plot");
  app.add_option("--run-dir", plan.run_dir, "of the daemon, where it leaves its history");
  CLI11_PARSE(app, argc, argv);
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  if (const auto why_not = WhyNotPrivileged()) {
    std::fprintf(stderr,
                 "The demo makes network namespaces and loads BPF programs, and may not do so here "
                 "(%s).\nRun it as root: sudo tools/run --demo\n",
                 why_not->c_str());
    return 1;
  }
  auto shown = Show(plan);
  if (!shown) {
    std::fprintf(stderr, "demo: %s\n", shown.error().message().c_str());
    return 1;
  }
  return *shown ? 0 : 1;
}

}  // namespace
}  // namespace bpftune::testing

int main(int argc, char** argv) { return bpftune::testing::Main(argc, argv); }
