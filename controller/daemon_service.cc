// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// The daemon as a service: signals, and what it says of itself.

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "controller/daemon.h"
#include "controller/explain.h"

namespace bpftune {

// Whether it is to end.
bool Daemon::TakeSignal() {
  signalfd_siginfo info;
  if (read(signals_.get(), &info, sizeof(info)) != sizeof(info)) return false;
  Drain();
  Reaped(reaper_.Run());  // for the summary
  if (info.ssi_signo != SIGUSR1) {
    service_.Stopping();
    return true;
  }
  for (const std::string& line : SummaryLines()) log_->Notice(line);
  return false;
}

// For a service manager to show.
std::string Daemon::StatusLine() const {
  const std::string tuners = std::to_string(tuners_.tuners().size()) + " tuners ";
  if (objects_frozen_.value_or(false))
    return tuners + "only observe, while all is frozen by a file";
  if (mode_ == Mode::kAuto) return tuners + "at work";
  return tuners + (starts_.IsCrashLoop()
                       ? "only observe, since those before died; the log says more"
                       : "only observe, in a dry run");
}

std::vector<std::string> Daemon::SummaryLines() const {
  std::vector<std::string> out = summary_.Lines();
  if (const auto& seen = reaper_.counts()) {
    out.push_back("Summary: " + std::to_string(seen->appeared) + " network namespaces appeared, " +
                  std::to_string(seen->disappeared) + " disappeared, " + std::to_string(seen->now) +
                  " are there now");
  }
  for (const auto& tuner : tuners_.tuners()) {
    const std::vector<uint64_t> counts = tuner->Counts();
    const std::string report = ReportOf(tuner->description(), counts);
    if (!report.empty()) {
      out.push_back("Summary: tuner '" + tuner->description().name + "': " + report);
    }
    for (size_t row = 0; row < counts.size(); ++row) {
      if (counts[row] == 0) continue;
      out.push_back("Summary: tuner '" + tuner->description().name +
                    "': " + std::to_string(counts[row]) + " " + tuner->description().counters[row]);
    }
  }
  if (unknown_records_ != 0) {
    out.push_back("Summary: " + std::to_string(unknown_records_) + " unknown records in the ring");
  }
  return out;
}

}  // namespace bpftune
