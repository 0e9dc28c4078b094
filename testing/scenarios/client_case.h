// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Programs that users have, from Debian's packages, run as they are. Where one is not installed,
// the error names its package.

#include <optional>
#include <string>
#include <vector>

#include "controller/result.h"
#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/host.h"

namespace bpftune::testing {

struct Client {
  const char* path;
  const char* package;
};

inline constexpr Client kCurl = {"/usr/bin/curl", "curl"};
inline constexpr Client kIp = {"/usr/sbin/ip", "iproute2"};
inline constexpr Client kIperf3 = {"/usr/bin/iperf3", "iperf3"};
inline constexpr Client kNginx = {"/usr/sbin/nginx", "nginx"};
inline constexpr Client kSetpriv = {"/usr/bin/setpriv", "util-linux"};
inline constexpr Client kSs = {"/usr/bin/ss", "iproute2"};
inline constexpr Client kSysctl = {"/usr/sbin/sysctl", "procps"};
inline constexpr Client kUnshare = {"/usr/bin/unshare", "util-linux"};
inline constexpr Client kUnbound = {"/usr/sbin/unbound", "unbound"};

Status Installed(const Client& client);

// In that namespace; in our own if none is given.
Result<Daemon> StartClient(const Client& client, const std::vector<std::string>& arguments,
                           const std::optional<Host>& inside = {});
// To its end, which must be a success; all that it printed.
Result<std::string> RunClient(const Client& client, const std::vector<std::string>& arguments,
                              const std::optional<Host>& inside = {});

}  // namespace bpftune::testing
