// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A host of a test network: a network namespace of its own, with loopback up and nothing else.
// Like a container it is kept by a process that lives in it, so a daemon can find it under
// /proc/PID/ns/net; nothing is left under /run/netns, and it dies with the test.
//
//   ASSERT_OK_AND_ASSIGN(Host server, Host::Create("server"));
//   ASSERT_OK(server.SetSysctl("net.ipv4.tcp_rmem", "4096 131072 1310720"));
//   UniqueFd socket = server.Run([] { return UniqueFd(::socket(AF_INET, SOCK_DGRAM, 0)); });

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "controller/result.h"
#include "controller/unique_fd.h"
#include "testing/netns_harness/child_process.h"

namespace bpftune::testing {

// A handle: copies name the same namespace, which lives as long as the last of them (and as the
// thread that created it, see ChildProcess).
class Host {
 public:
  // Fails without the privilege to make namespaces. `name` appears in messages and, cut to 15
  // characters, as the name of the keeping process.
  static Result<Host> Create(const std::string& name);

  // Calls `body` on this thread inside the namespace, comes back, and returns what it returned.
  // Sockets made there stay in the namespace. Aborts if the namespace cannot be entered or left:
  // to go on in the wrong namespace would be to experiment on the machine.
  template <typename Body>
  std::invoke_result_t<Body> Run(Body&& body) const {
    Visit visit(*this);
    return std::forward<Body>(body)();
  }

  // A sysctl as its owner writes it: "net.ipv4.tcp_rmem", "4096 131072 1310720"; a dot in the name
  // of a device is a slash. Get returns the kernel's text, with blanks for tabs and without the
  // line end.
  Status SetSysctl(const std::string& name, const std::string& value) const;
  Result<std::string> GetSysctl(const std::string& name) const;

  // A route to `prefix` ("10.1.0.0/16", "fd01::/64") through the neighbour `gateway`. Its
  // connections use `congestion_control`, a name of at most four characters; empty: the default.
  Status AddRoute(const std::string& prefix, const std::string& gateway,
                  const std::string& congestion_control = "") const;

  const std::string& name() const { return state_->name; }
  pid_t pid() const { return state_->keeper.pid(); }
  std::string netns_path() const;  // /proc/PID/ns/net
  uint64_t inode() const { return state_->inode; }
  uint64_t cookie() const { return state_->cookie; }  // 0 where the kernel has none (before 5.14)

 private:
  struct State {
    std::string name;
    ChildProcess keeper;
    UniqueFd netns;
    uint64_t inode;
    uint64_t cookie;
  };

  // This thread inside the namespace, for as long as the object lives.
  class Visit {
   public:
    explicit Visit(const Host& host);
    ~Visit();
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    UniqueFd home_;
  };

  explicit Host(std::shared_ptr<const State> state) : state_(std::move(state)) {}

  std::shared_ptr<const State> state_;
};

// kMapped: IPv4 by way of an IPv6 socket.
enum class Family { kIpv4, kIpv6, kMapped };

// One end of a cable: where traffic starts or goes to.
struct Endpoint {
  Host host;
  std::string device;
  std::string ipv4;  // without prefix length
  std::string ipv6;

  std::string address(Family family) const {
    switch (family) {
      case Family::kIpv4:
        return ipv4;
      case Family::kIpv6:
        return ipv6;
      case Family::kMapped:
        return "::ffff:" + ipv4;
    }
    return "";
  }
};

// The host talking to itself.
Endpoint Loopback(const Host& host);

// Two hosts joined by a plain veth pair: no delay, no loss, no limit, but ARP and neighbour
// discovery, which a Link does not have.
struct VethPair {
  Endpoint a;
  Endpoint b;

  // Addresses are chosen, different for each pair of the process: 10.78.N.1/24 and .2,
  // fd78:N::1/64 and ::2.
  static Result<VethPair> Create(const Host& a, const Host& b);
};

}  // namespace bpftune::testing
