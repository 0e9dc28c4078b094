// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The command line: one command, its operand, and what is the same for all.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace bpftune::ctl {

struct CommandLine {
  std::string command;
  std::string name;  // the operand: a tunable, a tuner, a file, a shell; empty: none
  std::string run_dir = "/run/bpftune";
  std::string pin_dir = "/sys/fs/bpf/bpftune";
  std::string tuners;              // directory of the objects
  std::string daemon;              // the program, for doctor
  std::vector<std::string> netns;  // as of the daemon's --netns
  std::string instance;            // --instance
  std::string colour = "auto";
  bool json = false;
  bool watch = false;
  double every_s = 2;
  size_t last = 50;  // decisions
};

// The tree of commands; what is parsed goes to `line`, which must outlive it. Completions are made
// from it too.
std::unique_ptr<CLI::App> MakeApp(CommandLine* line);

// What to do next: run `line`, or print `text` and leave with `exit_code`.
struct ParsedLine {
  CommandLine line;
  bool leave = false;
  int exit_code = 0;
  std::string text;
};
ParsedLine ParseCommandLine(const std::vector<std::string>& arguments);

}  // namespace bpftune::ctl
