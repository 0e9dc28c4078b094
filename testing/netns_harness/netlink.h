// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What `ip link`, `ip address` and `ip route` do, by libnl, in the network namespace of the calling
// thread (call through Host::Run). All fail when the device is not there or the kernel refuses.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "controller/result.h"

namespace bpftune::testing {

Status SetLinkUp(const std::string& device);
// Waits, 5 s at most, until packets given to the device are sent: the kernel takes up to a second
// after both ends of a veth pair are up.
Status WaitUntilRunning(const std::string& device);

Status SetTransmitQueueLength(const std::string& device, unsigned packets);

// What is handed to the device in one piece of more segments than that is cut up before: its
// packets follow each other without a pause.
Status SetMostSegments(const std::string& device, uint32_t segments);

// "10.0.0.1/24" or "fd00::1/64"; IPv6 addresses can be used at once (no duplicate detection).
Status AddAddress(const std::string& device, const std::string& address);
Status AddAddresses(const std::string& device, const std::vector<std::string>& addresses);

// A route to `prefix` through the neighbour `gateway`. Its connections use `congestion_control`, a
// name of at most four characters ("reno", "bbr"); empty: the system's default.
Status AddRoute(const std::string& prefix, const std::string& gateway,
                const std::string& congestion_control = "");

// With all its addresses and routes, and the other end of a veth pair.
Status DeleteLink(const std::string& device);

// A veth pair with one end here and one in the namespace of process `peer_pid`; both down.
Status AddVethPair(const std::string& device, const std::string& peer_device, pid_t peer_pid);

}  // namespace bpftune::testing
