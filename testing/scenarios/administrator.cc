// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/scenarios/administrator.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "testing/netns_harness/child_process.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kNotTried = 255;  // no errno

std::string SysctlFile(const std::string& tunable) {
  std::string path = tunable;
  for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  return "/proc/sys/" + path;
}

// `path` empty: through `sysctl`.
Result<AdministratorWrite> Write(const Host& host, const std::string& path, int sysctl,
                                 const std::string& text) {
  const UniqueFd netns(open(host.netns_path().c_str(), O_RDONLY | O_CLOEXEC));
  auto child = ChildProcess::Start([&] {
    if (setns(netns.get(), CLONE_NEWNET) != 0) return kNotTried;
    prctl(PR_SET_NAME, kAdministratorName);
    const int file = path.empty() ? sysctl : open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file < 0) return kNotTried;
    return pwrite(file, text.data(), text.size(), 0) < 0 ? errno : 0;
  });
  if (!child) return child.error();
  const auto status = child->Wait(30s);
  if (!status || !WIFEXITED(*status) || WEXITSTATUS(*status) == kNotTried) {
    return Error("the administrator could not try to write '" + text + "'");
  }
  return AdministratorWrite{child->pid(), WEXITSTATUS(*status)};
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '.') out += '\\';
    out += c;
  }
  return out;
}

// As NetnsTable::DisplayName calls it: on a slow machine without handles for namespaces it may have
// no time to look for more than the id.
// The daemon may have named it after this process, which passes through.
std::string Place(const Host& host) {
  const std::string id = std::to_string(host.cookie() != 0 ? host.cookie() : host.inode());
  return "in netns (?:of pid [0-9]+ '[^']*' \\()?id (" + id + ")\\b";
}

}  // namespace

Result<AdministratorWrite> Administrate(const Host& host, const std::string& tunable,
                                        const std::string& text) {
  return Write(host, SysctlFile(tunable), -1, text);
}

Result<AdministratorWrite> AdministrateThrough(int sysctl, const Host& host,
                                               const std::string& text) {
  return Write(host, "", sysctl, text);
}

Result<UniqueFd> OpenSysctl(const Host& host, const std::string& tunable) {
  return host.Run([&]() -> Result<UniqueFd> {
    UniqueFd file(open(SysctlFile(tunable).c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) return Error::FromErrno("opening '" + tunable + "' of host '" + host.name() + "'");
    return file;
  });
}

std::string OccurredIn(const Host& host, const std::string& tunable) {
  return "^Scenario '.*' occurred for tunable '" + Escaped(tunable) + "' " + Place(host);
}

std::string ModifiedIn(const Host& host, const std::string& tunable) {
  return "modified sysctl '" + Escaped(tunable) + "' " + Place(host);
}

bool WaitForSummary(Daemon& daemon, const std::string& pattern, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  do {
    const size_t from = daemon.Lines().size();
    daemon.Signal(SIGUSR1);
    if (daemon.WaitForLine(pattern, 500ms, from)) return true;
  } while (std::chrono::steady_clock::now() < deadline);
  return false;
}

}  // namespace bpftune::testing
