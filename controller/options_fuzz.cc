// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Any bytes for a command line, an argument a line: what is accepted is what the help allows, and
// what is not ends with a text and the code for it.

#include <filesystem>
#include <string>
#include <vector>

#include "controller/options.h"
#include "testing/fuzz.h"

namespace {

using namespace bpftune;

// Some argument has it; nothing is made up.
void CheckGiven(const std::vector<std::string>& arguments, const std::string& value) {
  for (const std::string& argument : arguments) {
    if (argument.find(value) != std::string::npos) return;
  }
  Require(false);
}

void CheckAccepted(const std::vector<std::string>& arguments, const Options& options) {
  static const Options kDefaults = ParseOptions({}).options;
  Require(options.changes_per_minute >= 1 && options.changes_per_minute <= 1'000'000);
  Require(!options.undo || (!options.dry_run && !options.rollback));
  if (options.tuners != kDefaults.tuners) {
    Require(std::filesystem::is_directory(options.tuners));
    CheckGiven(arguments, options.tuners);
  }
  for (const std::string& path : options.netns) {
    Require(std::filesystem::exists(path));
    CheckGiven(arguments, path);
  }
  for (const std::string& name : options.without_hook) CheckGiven(arguments, name);
  for (const std::string& name : options.objects) CheckGiven(arguments, name);
  for (const std::string& name : options.enable) CheckGiven(arguments, name);
  if (options.run_dir != kDefaults.run_dir) CheckGiven(arguments, options.run_dir);
  if (options.pin_dir != kDefaults.pin_dir) CheckGiven(arguments, options.pin_dir);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> arguments;
  for (FuzzInput in(data, size); !in.empty();) {
    const std::string_view line = in.Line();
    arguments.emplace_back(line.substr(0, line.find('\0')));  // where the kernel ends it
  }
  const ParsedOptions parsed = ParseOptions(arguments);
  if (parsed.leave) {
    Require(!parsed.text.empty());
    Require(parsed.exit_code == 0 || parsed.exit_code == 2);
    return 0;
  }
  Require(parsed.text.empty() && parsed.exit_code == 0);
  CheckAccepted(arguments, parsed.options);
  return 0;
}
