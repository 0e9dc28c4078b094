// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Listeners with a backlog of the test's choice, and connections that arrive all at once.

#include <cstdint>
#include <string>
#include <vector>

#include "controller/result.h"
#include "controller/unique_fd.h"
#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/host.h"
#include "testing/netns_harness/sockets.h"

namespace bpftune::testing {

inline constexpr char kSomaxconn[] = "net.core.somaxconn";
inline constexpr char kMaxSynBacklog[] = "net.ipv4.tcp_max_syn_backlog";
// A backlog that asks for whatever there is.
inline constexpr int kAsMuchAsThereIs = 0x7fffffff;

// Listens at `at` over IPv4, on a port of the kernel's choice, by listen(fd, backlog).
Result<Listener> ListenFor(const Endpoint& at, int backlog);
// What the kernel has made of the backlog of a listener.
uint32_t BacklogOf(const Listener& listener);

// Begins `count` connections and waits for none. `source`, unless empty, is the address that they
// come from, which need not be one of the host.
Result<std::vector<UniqueFd>> BeginConnections(const Endpoint& from, const SocketAddress& to,
                                               int count, const std::string& source = "");
// Takes all that wait to be accepted, and closes them. Returns how many there were.
int AcceptAll(const Listener& listener);

// A counter of the host, by its name in the group TcpExt of /proc/net/netstat; -1 if there is none.
int64_t TcpExtCount(const Host& host, const std::string& name);

// Waits for a look of the tuner after this moment; false if there was none in time.
bool WaitForListenerLook(Daemon& daemon);

}  // namespace bpftune::testing
