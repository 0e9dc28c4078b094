// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The daemon under test: the real binary as a child process, everything it prints recorded. When a
// test has failed, the record is printed as the object goes.
//
//   ASSERT_OK_AND_ASSIGN(Daemon daemon, Daemon::Start(path, {"-s"}));
//   auto line = daemon.WaitForLine("change net.ipv4.tcp_rmem.* -> \\((.*)\\)", 10s);
//   ASSERT_TRUE(line);
//   EXPECT_GT(ParseVector(line->captures[0])[2], 1310720);

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/result.h"
#include "testing/netns_harness/host.h"

namespace bpftune::testing {

struct Line {
  size_t number = 0;  // the first line printed is 0
  std::chrono::steady_clock::time_point when;
  std::string text;
  std::vector<std::string> captures;  // what the groups of the expression matched
};

struct DaemonExit {
  int code = -1;                   // exit status, -1 if it died by a signal
  int signal = 0;                  // 0 if it exited
  std::vector<std::string> lines;  // all it ever printed
};

struct DaemonOptions {
  std::vector<std::string> environment = {};  // "NAME=value", in addition to ours
  std::optional<Host> inside = {};            // the namespace to run in; our own if none
};

class Daemon {
 public:
  // Stdout and stderr go to one pipe, stdin is /dev/null. Fails when `path` cannot be executed.
  static Result<Daemon> Start(const std::string& path, const std::vector<std::string>& arguments,
                              const DaemonOptions& options = {});

  Daemon(Daemon&&) noexcept;
  Daemon& operator=(Daemon&&) noexcept;
  ~Daemon();  // SIGKILL if it still runs

  pid_t pid() const;
  bool IsRunning();

  // The first line from number `from` on in which `pattern` (ECMAScript) is found, printed already
  // or within `timeout`. Nothing when the time is up or the daemon is gone without printing it.
  std::optional<Line> WaitForLine(const std::string& pattern, std::chrono::milliseconds timeout,
                                  size_t from = 0) const;
  std::vector<std::string> Lines() const;
  size_t CountLines(const std::string& pattern) const;

  // SIGTERM, then all output to its end. An error, and SIGKILL, when it does not go in time.
  Result<DaemonExit> Stop(std::chrono::milliseconds timeout = std::chrono::seconds(10));
  // SIGKILL, as a crash would.
  Result<DaemonExit> Kill();
  // After SIGSTOP it runs no more, not even to finish its pulse.
  void Signal(int signal);
  // Waits for it to go by itself.
  Result<DaemonExit> WaitForExit(std::chrono::milliseconds timeout);

 private:
  struct State;
  explicit Daemon(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace bpftune::testing
