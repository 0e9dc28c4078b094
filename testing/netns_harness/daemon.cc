// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/daemon.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <regex>
#include <thread>
#include <utility>

#include "controller/unique_fd.h"
#include "testing/netns_harness/child_process.h"

namespace bpftune::testing {
namespace {

using Clock = std::chrono::steady_clock;

// How long we wait for the end of the output of a daemon that is gone: a child of its own may have
// inherited the pipe.
constexpr std::chrono::seconds kLastWords{2};

// What exec wants: pointers to strings, and a null at the end.
std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const std::vector<std::string>& additions) {
  std::vector<std::string> all = additions;  // the first of two with the same name counts
  for (char** variable = environ; *variable != nullptr; variable++) all.emplace_back(*variable);
  return all;
}

}  // namespace

struct Daemon::State {
  State(ChildProcess started, UniqueFd output_pipe)
      : child(std::move(started)), output(std::move(output_pipe)) {
    reader = std::thread([this] { Read(); });
  }
  ~State();

  void Read();
  void AddOutput(const char* text, size_t length);
  void FinishReading();  // the daemon is gone
  Result<DaemonExit> Collect(std::chrono::milliseconds timeout);

  ChildProcess child;
  UniqueFd output;
  UniqueFd stop_reading{eventfd(0, EFD_CLOEXEC)};

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Line> lines;
  std::string unfinished_line;
  bool is_at_end = false;

  std::thread reader;
};

Daemon::State::~State() {
  child.Signal(SIGKILL);
  (void)child.Wait(kLastWords);
  FinishReading();
  if (!::testing::Test::HasFailure()) return;
  std::fprintf(stderr, "---- all that process %d printed ----\n", child.pid());
  for (const Line& line : lines) std::fprintf(stderr, "%s\n", line.text.c_str());
  std::fprintf(stderr, "----\n");
}

void Daemon::State::Read() {
  char text[4096];
  for (;;) {
    pollfd waiting[] = {{output.get(), POLLIN, 0}, {stop_reading.get(), POLLIN, 0}};
    poll(waiting, 2, -1);
    ssize_t length = waiting[0].revents != 0 ? read(output.get(), text, sizeof text) : 0;
    if (length <= 0) break;
    AddOutput(text, static_cast<size_t>(length));
  }
  std::lock_guard lock(mutex);
  if (!unfinished_line.empty()) {
    lines.push_back({lines.size(), Clock::now(), std::move(unfinished_line), {}});
  }
  is_at_end = true;
  changed.notify_all();
}

void Daemon::State::AddOutput(const char* text, size_t length) {
  std::lock_guard lock(mutex);
  unfinished_line.append(text, length);
  size_t end;
  while ((end = unfinished_line.find('\n')) != std::string::npos) {
    lines.push_back({lines.size(), Clock::now(), unfinished_line.substr(0, end), {}});
    unfinished_line.erase(0, end + 1);
  }
  changed.notify_all();
}

void Daemon::State::FinishReading() {
  {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, kLastWords, [this] { return is_at_end; });
  }
  eventfd_write(stop_reading.get(), 1);
  if (reader.joinable()) reader.join();
}

Result<DaemonExit> Daemon::State::Collect(std::chrono::milliseconds timeout) {
  std::optional<int> status = child.Wait(timeout);
  if (!status) return Error(ETIMEDOUT, "waiting for process " + std::to_string(child.pid()));
  FinishReading();
  DaemonExit exit;
  if (WIFEXITED(*status)) exit.code = WEXITSTATUS(*status);
  if (WIFSIGNALED(*status)) exit.signal = WTERMSIG(*status);
  for (const Line& line : lines) exit.lines.push_back(line.text);
  return exit;
}

Result<Daemon> Daemon::Start(const std::string& path, const std::vector<std::string>& arguments,
                             const DaemonOptions& options) {
  auto failed = [&path](const Error& error) { return error.Within("starting '" + path + "'"); };
  std::vector<std::string> words = {path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment = Environment(options.environment);
  std::vector<char*> argv = Pointers(words);
  std::vector<char*> envp = Pointers(environment);
  auto output = Pipe::Create();
  auto refusal = Pipe::Create();  // closed by a successful exec
  if (!output) return failed(output.error());
  if (!refusal) return failed(refusal.error());
  UniqueFd input(open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::string netns_path = options.inside ? options.inside->netns_path() : "";
  UniqueFd netns(options.inside ? open(netns_path.c_str(), O_RDONLY | O_CLOEXEC) : -1);

  auto child = ChildProcess::Start([&] {
    bool ready = !options.inside || setns(netns.get(), CLONE_NEWNET) == 0;
    if (ready && dup2(input.get(), 0) == 0 && dup2(output->write.get(), 1) == 1 &&
        dup2(output->write.get(), 2) == 2) {
      execve(path.c_str(), argv.data(), envp.data());
    }
    int error = errno;
    return write(refusal->write.get(), &error, sizeof error) == sizeof error ? 126 : 127;
  });
  if (!child) return failed(child.error());
  output->write.reset();
  refusal->write.reset();
  int error = 0;
  if (read(refusal->read.get(), &error, sizeof error) != 0) {
    return failed(Error(error, "running it"));
  }
  return Daemon(std::make_unique<State>(std::move(*child), std::move(output->read)));
}

Daemon::Daemon(std::unique_ptr<State> state) : state_(std::move(state)) {}
Daemon::Daemon(Daemon&&) noexcept = default;
Daemon& Daemon::operator=(Daemon&&) noexcept = default;
Daemon::~Daemon() = default;

pid_t Daemon::pid() const { return state_->child.pid(); }

bool Daemon::IsRunning() { return !state_->child.Wait(std::chrono::milliseconds(0)); }

std::optional<Line> Daemon::WaitForLine(const std::string& pattern,
                                        std::chrono::milliseconds timeout, size_t from) const {
  std::regex expression(pattern);
  auto deadline = Clock::now() + timeout;
  std::unique_lock lock(state_->mutex);
  for (size_t next = from;; next++) {
    state_->changed.wait_until(lock, deadline,
                               [&] { return next < state_->lines.size() || state_->is_at_end; });
    if (next >= state_->lines.size()) return std::nullopt;
    Line line = state_->lines[next];
    std::smatch match;
    if (!std::regex_search(line.text, match, expression)) continue;
    for (size_t i = 1; i < match.size(); i++) line.captures.push_back(match[i].str());
    return line;
  }
}

std::vector<std::string> Daemon::Lines() const {
  std::lock_guard lock(state_->mutex);
  std::vector<std::string> texts;
  for (const Line& line : state_->lines) texts.push_back(line.text);
  return texts;
}

size_t Daemon::CountLines(const std::string& pattern) const {
  std::regex expression(pattern);
  size_t count = 0;
  for (const std::string& line : Lines()) count += std::regex_search(line, expression);
  return count;
}

Result<DaemonExit> Daemon::Stop(std::chrono::milliseconds timeout) {
  Signal(SIGTERM);
  auto exit = WaitForExit(timeout);
  if (!exit) Signal(SIGKILL);
  return exit;
}

Result<DaemonExit> Daemon::Kill() {
  Signal(SIGKILL);
  return WaitForExit(std::chrono::seconds(10));
}

void Daemon::Signal(int signal) { state_->child.Signal(signal); }

Result<DaemonExit> Daemon::WaitForExit(std::chrono::milliseconds timeout) {
  return state_->Collect(timeout);
}

}  // namespace bpftune::testing
