// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/sysctl_name.h"

#include <algorithm>
#include <cctype>

namespace bpftune {
namespace {

constexpr size_t kLongestDevice = 15;  // IFNAMSIZ less its end

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t end = text.find(at);
    out.push_back(text.substr(0, end));
    if (end == text.npos) return out;
    text.remove_prefix(end + 1);
  }
}

bool IsPlain(std::string_view part) {
  return !part.empty() && std::ranges::all_of(part, [](unsigned char c) {
    return std::islower(c) || std::isdigit(c) || c == '_' || c == '-';
  });
}

// What the kernel takes for a device (dev_valid_name() in net/core/dev.c), less what would be
// confused with the rest of a name.
bool IsDevice(std::string_view part) {
  return !part.empty() && part.size() <= kLongestDevice && part != "/" && part != "//" &&
         std::ranges::all_of(part, [](unsigned char c) {
           return std::isgraph(c) &&
                  std::string_view("{}*:").find(static_cast<char>(c)) == std::string_view::npos;
         });
}

constexpr std::string_view kEachDevice = ".*.";

struct Part {
  size_t at = 0;
  size_t length = 0;
};

// The last but one; nothing where there is none.
Part DevicePart(std::string_view name) {
  const size_t end = name.rfind('.');
  if (end == name.npos || end == 0) return {};
  const size_t before = name.rfind('.', end - 1);
  if (before == name.npos) return {};
  return {before + 1, end - before - 1};
}

// "gc_thresh{1,2,3}"
bool IsSeveral(std::string_view part) {
  const size_t open = part.find('{');
  if (open == part.npos || !part.ends_with('}') || !IsPlain(part.substr(0, open))) return false;
  const auto ends = Split(part.substr(open + 1, part.size() - open - 2), ',');
  return ends.size() > 1 && std::ranges::all_of(ends, IsPlain);
}

}  // namespace

bool IsNetSysctl(std::string_view name) {
  const auto parts = Split(name, '.');
  if (parts.size() < 2 || parts[0] != "net") return false;
  for (size_t i = 1; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    const bool may_be_device = i + 2 == parts.size() && i > 2;  // net.FAMILY.KIND.DEVICE.NAME
    if (!IsPlain(parts[i]) && !(last && IsSeveral(parts[i])) &&
        !(may_be_device && IsDevice(parts[i]))) {
      return false;
    }
  }
  return true;
}

bool IsOfEachDevice(std::string_view name) {
  const size_t at = name.find(kEachDevice);
  return at != name.npos && IsNetSysctl(OfDevice(std::string(name), "x"));
}

std::string OfDevice(const std::string& pattern, std::string_view device) {
  std::string out = pattern;
  const size_t at = out.find(kEachDevice);
  if (at == out.npos) return out;
  std::string part(device);
  std::replace(part.begin(), part.end(), '.', '/');
  return out.replace(at + 1, 1, part);
}

std::string PatternOf(const std::string& name) {
  const Part device = DevicePart(name);
  std::string out = name;
  return device.length == 0 ? out : out.replace(device.at, device.length, "*");
}

std::string DeviceOf(const std::string& name) {
  const Part device = DevicePart(name);
  std::string out = name.substr(device.at, device.length);
  std::replace(out.begin(), out.end(), '/', '.');
  return out;
}

std::string SysctlPath(const std::string& name) {
  std::string path = name;
  for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  return path;
}

std::vector<std::string> FilesOf(const std::string& name) {
  const size_t open = name.find('{');
  if (!IsInSeveralFiles(name) || open == name.npos) return {name};
  std::vector<std::string> out;
  for (const std::string_view end :
       Split(std::string_view(name).substr(open + 1, name.size() - open - 2), ',')) {
    out.emplace_back(name, 0, open).append(end);
  }
  return out;
}

}  // namespace bpftune
