// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Which files of sysctl.d(5) set a tunable: often that is who "somebody else" is.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bpftune::ctl {

struct ConfiguredValue {
  std::string file;
  std::string name;
  std::string value;
};

// As systemd-sysctl and sysctl --system look for them.
inline constexpr const char* kSysctlFolders[] = {"/etc/sysctl.d",           "/run/sysctl.d",
                                                 "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d",
                                                 "/lib/sysctl.d",           "/etc/sysctl.conf"};

// Of a tunable (controller/sysctl_name.h; a pattern: of each device) in a file or the *.conf of a
// folder; each file once, however many ways lead to it.
std::vector<ConfiguredValue> ConfiguredIn(std::span<const char* const> places,
                                          const std::string& tunable);

// The same from the text of one file. Pure.
std::vector<ConfiguredValue> ConfiguredIn(std::string_view text, const std::string& file,
                                          const std::string& tunable);

}  // namespace bpftune::ctl
