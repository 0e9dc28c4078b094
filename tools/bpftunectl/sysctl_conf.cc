// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/sysctl_conf.h"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "controller/sysctl_name.h"
#include "tools/bpftunectl/process.h"

namespace bpftune::ctl {
namespace {

namespace fs = std::filesystem;

std::string Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1));
}

// The first separator tells which kind it is, sysctl.d(5): made a path.
std::string PathOf(std::string name) {
  const size_t first = name.find_first_of("./");
  if (first == name.npos || name[first] == '/') return name;
  for (char& c : name) c = c == '.' ? '/' : c == '/' ? '.' : c;
  return name;
}

std::vector<fs::path> FilesAt(const fs::path& place) {
  std::error_code ignored;
  if (fs::is_regular_file(place, ignored)) return {place};
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(place, ignored)) {
    if (entry.path().extension() == ".conf") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

std::vector<ConfiguredValue> ConfiguredIn(std::string_view text, const std::string& file,
                                          const std::string& tunable) {
  std::vector<ConfiguredValue> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = Trimmed(text.substr(at, end - at));
    at = end + 1;
    if (line.starts_with('-')) line.erase(0, 1);
    const size_t equals = line.find('=');
    if (line.starts_with('#') || line.starts_with(';') || equals == line.npos) continue;
    const std::string name = Trimmed(std::string_view(line).substr(0, equals));
    for (const std::string& one : FilesOf(tunable)) {
      const std::string path = SysctlPath(one);
      // There may be a pattern on either side: one of ours, or one in the file.
      if (fnmatch(PathOf(name).c_str(), path.c_str(), FNM_PATHNAME) != 0 &&
          fnmatch(path.c_str(), PathOf(name).c_str(), FNM_PATHNAME) != 0) {
        continue;
      }
      out.push_back({file, name, Trimmed(std::string_view(line).substr(equals + 1))});
    }
  }
  return out;
}

std::vector<ConfiguredValue> ConfiguredIn(std::span<const char* const> places,
                                          const std::string& tunable) {
  std::vector<ConfiguredValue> out;
  std::set<fs::path> seen;
  for (const char* place : places) {
    for (const fs::path& file : FilesAt(place)) {
      std::error_code ignored;
      if (!seen.insert(fs::canonical(file, ignored)).second) continue;
      const auto found = ConfiguredIn(ReadText(file), file.string(), tunable);
      out.insert(out.end(), found.begin(), found.end());
    }
  }
  return out;
}

}  // namespace bpftune::ctl
