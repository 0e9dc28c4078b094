// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// UDP sockets with the buffers that they are given, bursts sent to them, and sysctls of the whole
// machine, which therefore must be the test's own.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "controller/result.h"
#include "controller/unique_fd.h"
#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/host.h"
#include "testing/netns_harness/sockets.h"

namespace bpftune::testing {

inline constexpr char kRmemMax[] = "net.core.rmem_max";
inline constexpr char kWmemMax[] = "net.core.wmem_max";
inline constexpr char kRmemDefault[] = "net.core.rmem_default";
inline constexpr char kUdpMem[] = "net.ipv4.udp_mem";

// Whether the machine is the test's own, a VM: its sysctls may be written.
bool IsMachineOfItsOwn();
// Of the machine; by this process, which to bpftune is an administrator.
Status SetMachineSysctl(const std::string& name, const std::string& value);
// Numbers with blanks between them; empty when it cannot be read.
std::string MachineSysctl(const std::string& name);

// A UDP socket of that host, over IPv4.
Result<UniqueFd> MakeDatagramSocket(const Host& host);
// setsockopt(SO_RCVBUF, ...) or another option that is an int; 0 or errno.
int SetBuffer(const UniqueFd& socket, int option, int bytes);
// The size of SO_RCVBUF or SO_SNDBUF, as one asks for it (the kernel says the double).
int BufferOf(const UniqueFd& socket, int option);

// A socket that receives, and one that sends to it, both of the same host.
struct DatagramPair {
  UniqueFd to;
  UniqueFd from;

  static Result<DatagramPair> Create(const Host& host);
  // So many datagrams of 1000 bytes, as fast as may be.
  void Send(int count) const;
  // Takes all that wait, and says how many there were.
  int ReceiveAll() const;
};

// Waits for a look of the tuner that began after this moment; false if there was none in time.
bool WaitForDatagramLook(Daemon& daemon);

}  // namespace bpftune::testing
