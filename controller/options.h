// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The command line. No option changes what is decided, only whether it is done.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace bpftune {

struct Options {
  bool to_stdout = false;              // -s
  bool support = false;                // -S
  bool debug = false;                  // -d
  bool dry_run = false;                // --dry-run
  bool rollback = false;               // -R: as it ends
  bool undo = false;                   // --undo: instead of running
  uint32_t changes_per_minute = 0;     // --changes-per-minute
  std::string tuners;                  // -l
  std::string btf;                     // --btf: file or directory; empty: the kernel's own
  std::string run_dir;                 // --run-dir: journal and lock, per instance
  std::string pin_dir;                 // --pin-dir: pinned maps, per instance
  std::vector<std::string> netns;      // -n
  std::set<std::string> without_hook;  // --without-hook
  std::vector<std::string> objects;    // --objects
  std::set<std::string> enable;        // --enable
};

// What to do next: run with `options`, or print `text` and leave with `exit_code`.
struct ParsedOptions {
  Options options;
  bool leave = false;
  int exit_code = 0;
  std::string text;
};

// Bad input gives exit code 2 and a text that says what is allowed.
ParsedOptions ParseOptions(const std::vector<std::string>& arguments);

}  // namespace bpftune
