// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The names of tunables, in descriptions, journals and logs:
//   net.ipv4.tcp_rmem
//   net.ipv4.neigh.default.gc_thresh{1,2,3}   one tunable whose numbers are in files of their own
//   net.ipv4.neigh.*.unres_qlen_bytes         of each network device: in descriptions only
//   net.ipv4.neigh.eth0/100.unres_qlen_bytes  of device eth0.100: a dot in a part is written as a
//                                             slash, as sysctl(8) does
// Pure.

#include <string>
#include <string_view>
#include <vector>

namespace bpftune {

// A sysctl below net, no pattern. No part of it leads out of /proc/sys/net: parts have letters
// (a-z), digits, '_' or '-', and the last but one may be the name of a device.
bool IsNetSysctl(std::string_view name);

// Such a pattern.
bool IsOfEachDevice(std::string_view name);
// The pattern, for a device as the kernel names it. No sysctl (IsNetSysctl) if there is no such
// device.
std::string OfDevice(const std::string& pattern, std::string_view device);
// The pattern that a sysctl belongs to, and its device as the kernel names it: the last part but
// one. Whether it is of a device the name does not tell.
std::string PatternOf(const std::string& name);
std::string DeviceOf(const std::string& name);

// "net.ipv4.tcp_rmem" -> "net/ipv4/tcp_rmem", as the kernel and /proc/sys name it.
std::string SysctlPath(const std::string& name);

// Its numbers are in several files, one in each.
inline bool IsInSeveralFiles(std::string_view name) { return name.ends_with('}'); }
// The names of its files: one, or "...gc_thresh1", "...gc_thresh2", "...gc_thresh3".
std::vector<std::string> FilesOf(const std::string& name);

}  // namespace bpftune
