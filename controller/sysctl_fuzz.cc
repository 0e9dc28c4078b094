// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Any bytes for the name of a tunable, a device and the text of a file, in three lines: no name
// that is taken for a sysctl leads out of /proc/sys/net, and numbers that were read are the same
// when they are written and read again.

#include <algorithm>
#include <string>
#include <string_view>

#include "controller/sysctl_name.h"
#include "controller/values.h"
#include "testing/fuzz.h"

namespace {

using namespace bpftune;

constexpr size_t kLongestName = 255;  // NAME_MAX

void CheckPath(std::string_view path) {
  Require(path.starts_with("net/"));
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    Require(!part.empty() && part != "." && part != "..");
    Require(std::ranges::all_of(part, [](char c) { return c > ' ' && c <= '~'; }));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
}

void CheckName(const std::string& name) {
  if (!IsNetSysctl(name)) return;
  const auto files = FilesOf(name);
  Require(!files.empty() && (files.size() > 1) == IsInSeveralFiles(name));
  for (const std::string& file : files) {
    Require(IsNetSysctl(file) && !IsInSeveralFiles(file));
    CheckPath(SysctlPath(file));
  }
  const std::string pattern = PatternOf(name);
  Require(!IsOfEachDevice(pattern) || OfDevice(pattern, DeviceOf(name)) == name);
}

void CheckValues(const std::string& text) {
  const auto values = Values::Parse(text);
  if (!values) return;
  Require(values->count >= 1 && values->count <= TUNER_MAX_VALUES);
  for (uint32_t i = 0; i < values->count; ++i) Require(values->is_said(i));
  Require(Values::Parse(values->Text()) == values);
  Require(values->StartsWith(*values));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput in(data, size);
  const std::string name(in.Line()), device(in.Line());
  if (name.size() > kLongestName) return 0;
  Require(!(IsNetSysctl(name) && IsOfEachDevice(name)));
  CheckName(name);
  if (IsOfEachDevice(name)) CheckName(OfDevice(name, device));
  CheckValues(std::string(in.Rest()));
  return 0;
}
