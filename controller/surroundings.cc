// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/surroundings.h"

#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "controller/capabilities.h"
#include "controller/firing.h"
#include "controller/support.h"

namespace bpftune {
namespace {

// include/linux/proc_ns.h, PROC_CGROUP_INIT_INO: the first of its kind has a number of its own.
constexpr char kFirstCgroupNamespace[] = "cgroup:[4026531835]";

// What maps take counts as locked memory before 5.11.
constexpr NeededCapability kNeededOnce = {CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE", false,
                                          "maps may not fit into what may be locked (ulimit -l)"};

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::optional<bool> IsOn(const std::string& path) {
  const std::string text = TextOf(path);
  if (text.empty()) return std::nullopt;
  return text.front() != '0';
}

// "none [integrity] confidentiality"
std::string InBrackets(const std::string& text) {
  const size_t open = text.find('[');
  const size_t close = text.find(']');
  if (open == text.npos || close == text.npos || close < open) return "";
  return text.substr(open + 1, close - open - 1);
}

uint64_t PermittedIn(const std::string& status) {
  constexpr std::string_view kLabel = "CapPrm:";
  uint64_t out = 0;
  const size_t at = status.find(kLabel);
  if (at != status.npos) std::istringstream(status.substr(at + kLabel.size())) >> std::hex >> out;
  return out;
}

bool IsBefore(const std::string& release, int major, int minor) {
  int is_major = 0, is_minor = 0;
  char dot = 0;
  std::istringstream(release) >> is_major >> dot >> is_minor;
  return is_major < major || (is_major == major && is_minor < minor);
}

std::string BtfWords(const Surroundings& s) {
  if (s.has_btf) return "the kernel's own";
  if (!s.btf_file.empty()) return "'" + s.btf_file + "'";
  return s.gives_out_btf ? "asked from the kernel, since /sys/kernel/btf/vmlinux cannot be read"
                         : "none: " + BtfAdvice(s);
}

std::string JitWords(const Surroundings& s) {
  if (!s.jit) return "not known (net.core.bpf_jit_enable is not to be seen here)";
  return *s.jit
             ? "on"
             : "off: every program takes several times as long, and those that call functions of "
               "the kernel are refused; sysctl -w net.core.bpf_jit_enable=1";
}

std::string LockdownWords(const Surroundings& s) {
  if (s.lockdown.empty()) return "not known (no securityfs, or not in this kernel)";
  if (s.lockdown == "integrity") return "integrity: takes nothing from bpftune";
  if (s.lockdown == "confidentiality") {
    return "confidentiality: programs that read the kernel's memory are refused";
  }
  return s.lockdown;
}

std::string CgroupWords(const Surroundings& s) {
  if (!s.no_cgroup.empty()) {
    return "not there: " + s.no_cgroup + "; sysctl writes and connections are not seen";
  }
  if (!s.below_cgroup_root) {
    return "of a control-group namespace that bpftune itself is outside of; start it inside";
  }
  return s.in_cgroup_namespace ? "its part in a control-group namespace: what processes outside of "
                                 "it do is not seen"
                               : "whole";
}

std::string CapabilityWords(const Surroundings& s) {
  std::string missing;
  const auto has = [&](int capability) {
    return (s.capabilities & (uint64_t{1} << capability)) != 0;
  };
  const auto look = [&](const NeededCapability& c) {
    if (has(c.capability) || (c.in_sys_admin && has(CAP_SYS_ADMIN))) return;
    missing.append(missing.empty() ? "" : "; ").append(c.name).append(": ").append(c.loss);
  };
  for (const NeededCapability& c : kNeededCapabilities) look(c);
  if (IsBefore(s.release, 5, 11)) look(kNeededOnce);
  return missing.empty() ? "all that are needed" : "missing " + missing;
}

std::string ProbeWords(const std::optional<bool>& on, const std::string& how) {
  if (!on) return "not known";
  return *on ? "on" : "off: what attaches to functions may never run; " + how;
}

}  // namespace

Surroundings ReadSurroundings(const std::string& root) {
  Surroundings s;
  utsname name = {};
  if (uname(&name) == 0) s.release = name.release;
  s.has_btf = access((root + "/sys/kernel/btf/vmlinux").c_str(), R_OK) == 0;
  s.jit = IsOn(root + "/proc/sys/net/core/bpf_jit_enable");
  s.lockdown = InBrackets(TextOf(root + "/sys/kernel/security/lockdown"));
  std::error_code unreadable;
  const auto space = std::filesystem::read_symlink(root + "/proc/self/ns/cgroup", unreadable);
  s.in_cgroup_namespace = !unreadable && space != kFirstCgroupNamespace;
  s.below_cgroup_root = IsBelowCgroupRoot(TextOf(root + "/proc/self/cgroup"));
  struct statvfs about = {};
  s.sysctls_read_only =
      statvfs((root + "/proc/sys/net").c_str(), &about) == 0 && (about.f_flag & ST_RDONLY) != 0;
  s.capabilities = PermittedIn(TextOf(root + "/proc/self/status"));
  s.ftrace = IsOn(root + "/proc/sys/kernel/ftrace_enabled");
  s.kprobes = IsOn(root + "/sys/kernel/debug/kprobes/enabled");
  return s;
}

std::string BtfFile(const std::string& given, const std::string& release) {
  std::error_code ignored;
  return std::filesystem::is_directory(given, ignored) ? given + "/" + release + ".btf" : given;
}

std::string BtfAdvice(const Surroundings& s) {
  if (s.has_btf || s.gives_out_btf || !s.btf_file.empty()) return "";
  return "/sys/kernel/btf/vmlinux cannot be read; mount sysfs at /sys, boot a kernel that was "
         "built "
         "with CONFIG_DEBUG_INFO_BTF, or give --btf a file (docs/fall-backs.md)";
}

std::vector<std::string> SurroundingsLines(const Surroundings& s) {
  return {
      TableLine("kernel", s.release),
      TableLine("BTF", BtfWords(s)),
      TableLine("JIT", JitWords(s)),
      TableLine("lockdown", LockdownWords(s)),
      TableLine("cgroup v2", CgroupWords(s)),
      TableLine("/proc/sys", s.sysctls_read_only
                                 ? "read-only: what is decided is said, and cannot be done"
                                 : "can be written"),
      TableLine("capabilities", CapabilityWords(s)),
      TableLine("ftrace", ProbeWords(s.ftrace, "sysctl -w kernel.ftrace_enabled=1")),
      TableLine("kprobes", ProbeWords(s.kprobes, "echo 1 > /sys/kernel/debug/kprobes/enabled")),
  };
}

}  // namespace bpftune
