// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/process.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>

namespace bpftune::ctl {
namespace {

int64_t SecondsNow(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return now.tv_sec;
}

}  // namespace

std::string ReadText(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

bool IsLocked(std::string_view locks, unsigned major, unsigned minor, uint64_t inode) {
  char place[64];
  std::snprintf(place, sizeof(place), " %02x:%02x:%llu ", major, minor,
                static_cast<unsigned long long>(inode));
  for (size_t at = 0; at < locks.size();) {
    const size_t end = std::min(locks.find('\n', at), locks.size());
    const std::string_view line = locks.substr(at, end - at);
    if (line.find(" FLOCK ") != line.npos && line.find(" WRITE ") != line.npos &&
        line.find("->") == line.npos && line.find(place) != line.npos) {
      return true;
    }
    at = end + 1;
  }
  return false;
}

// The second field, the name in brackets, may hold anything.
ProcessStat ParseStat(std::string_view stat) {
  const size_t name_end = stat.rfind(')');
  if (name_end == stat.npos) return {};
  std::istringstream fields{std::string(stat.substr(name_end + 1))};
  ProcessStat out;
  std::string skipped;
  fields >> out.state;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> out.start_ticks;
  return fields ? out : ProcessStat{};
}

DaemonProcess FindDaemon(const std::string& folder) {
  const std::string path = folder + "/lock";
  struct stat file = {};
  if (stat(path.c_str(), &file) != 0 ||
      !IsLocked(ReadText("/proc/locks"), major(file.st_dev), minor(file.st_dev), file.st_ino)) {
    return {};
  }
  DaemonProcess out{.state = DaemonProcess::State::kRuns,
                    .pid = static_cast<pid_t>(std::strtol(ReadText(path).c_str(), nullptr, 10)),
                    .since_s = 0};
  const ProcessStat stat = ParseStat(ReadText("/proc/" + std::to_string(out.pid) + "/stat"));
  if (stat.state == '?') {
    out.pid = 0;  // of another pid namespace
    return out;
  }
  if (stat.state == 'T' || stat.state == 't') out.state = DaemonProcess::State::kStopped;
  const auto ticks = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  out.since_s = SecondsNow(CLOCK_REALTIME) - SecondsNow(CLOCK_BOOTTIME) +
                static_cast<int64_t>(stat.start_ticks / ticks);
  return out;
}

}  // namespace bpftune::ctl
