// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/host.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "testing/netns_harness/netlink.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71  // Linux 5.14
#endif

namespace bpftune::testing {
namespace {

// The whole life of the process that keeps a namespace: makes it, says how that went (an errno, 0
// for well) through `report`, and sits there.
int KeepNamespace(const char* process_name, int report) {
  prctl(PR_SET_NAME, process_name);
  int error = unshare(CLONE_NEWNET) == 0 ? 0 : errno;
  ssize_t written = write(report, &error, sizeof error);
  if (error != 0 || written != sizeof error) return 1;
  syscall(SYS_close_range, 3U, ~0U, 0U);  // nobody's pipes or devices are kept open by us
  for (;;) pause();
}

uint64_t CookieOfThisNamespace() {
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  bool known = getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0;
  return known ? cookie : 0;
}

std::string SysctlPath(const std::string& name) {
  std::string path = name;
  for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  return "/proc/sys/" + path;
}

// Whether neighbour solicitations for ADDRESS::N, one digit N, are heard at this end of a veth
// pair. A worker of the kernel sees to that some time after the address was added; one that comes
// earlier is answered only when it is repeated, a second later.
bool HearsSolicitations(const Endpoint& end) {
  std::string group = std::string("ff0200000000000000000001ff00000") + end.ipv6.back();
  std::ifstream memberships("/proc/thread-self/net/igmp6");
  for (std::string line; std::getline(memberships, line);) {
    if (line.find(" " + end.device + " ") != std::string::npos &&
        line.find(group) != std::string::npos) {
      return true;
    }
  }
  return false;
}

// For one end of a veth pair, inside its namespace.
Status WaitUntilReady(const Endpoint& end) {
  if (Status running = WaitUntilRunning(end.device); !running) return running;
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!HearsSolicitations(end)) {
    if (std::chrono::steady_clock::now() > deadline) {
      return Error(ETIMEDOUT, "waiting for IPv6 on '" + end.device + "'");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return Ok();
}

[[noreturn]] void DieOutside(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::abort();
}

}  // namespace

Result<Host> Host::Create(const std::string& name) {
  auto failed = [&name](const Error& error) { return error.Within("host '" + name + "'"); };
  auto report = Pipe::Create();
  if (!report) return failed(report.error());
  auto keeper =
      ChildProcess::Start([&] { return KeepNamespace(name.c_str(), report->write.get()); });
  if (!keeper) return failed(keeper.error());
  report->write.reset();

  int refusal = 0;
  if (read(report->read.get(), &refusal, sizeof refusal) != sizeof refusal) {
    return failed(Error("the process to keep the namespace has died"));
  }
  if (refusal != 0) return failed(Error(refusal, "making a network namespace"));

  std::string path = "/proc/" + std::to_string(keeper->pid()) + "/ns/net";
  UniqueFd netns(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat identity;
  if (!netns || fstat(netns.get(), &identity) != 0) {
    return failed(Error::FromErrno("opening '" + path + "'"));
  }
  auto state = std::make_shared<State>(
      State{name, std::move(*keeper), std::move(netns), identity.st_ino, /*cookie=*/0});
  Host host(state);
  state->cookie = host.Run(CookieOfThisNamespace);
  Status up = host.Run([] { return SetLinkUp("lo"); });
  if (!up) return failed(up.error());
  return host;
}

Status Host::SetSysctl(const std::string& name, const std::string& value) const {
  return Run([&]() -> Status {
    std::string doing = "setting '" + name + "' of host '" + this->name() + "'";
    UniqueFd file(open(SysctlPath(name).c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) return Error::FromErrno(doing);
    ssize_t written = write(file.get(), value.data(), value.size());
    if (written < 0) return Error::FromErrno(doing + " to '" + value + "'");
    return Ok();
  });
}

Result<std::string> Host::GetSysctl(const std::string& name) const {
  return Run([&]() -> Result<std::string> {
    UniqueFd file(open(SysctlPath(name).c_str(), O_RDONLY | O_CLOEXEC));
    char text[4096];
    ssize_t length = file ? read(file.get(), text, sizeof text) : -1;
    if (length < 0) {
      return Error::FromErrno("reading '" + name + "' of host '" + this->name() + "'");
    }
    std::string value(text, static_cast<size_t>(length));
    value.erase(value.find_last_not_of('\n') + 1);
    std::replace(value.begin(), value.end(), '\t', ' ');
    return value;
  });
}

Status Host::AddRoute(const std::string& prefix, const std::string& gateway,
                      const std::string& congestion_control) const {
  return Run([&] { return bpftune::testing::AddRoute(prefix, gateway, congestion_control); });
}

std::string Host::netns_path() const { return "/proc/" + std::to_string(pid()) + "/ns/net"; }

Host::Visit::Visit(const Host& host)
    : home_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
  if (!home_ || setns(host.state_->netns.get(), CLONE_NEWNET) != 0) {
    DieOutside("entering the namespace of host '" + host.name() + "'");
  }
}

Host::Visit::~Visit() {
  if (setns(home_.get(), CLONE_NEWNET) != 0) DieOutside("returning from a host's namespace");
}

Endpoint Loopback(const Host& host) { return Endpoint{host, "lo", "127.0.0.1", "::1"}; }

Result<VethPair> VethPair::Create(const Host& a, const Host& b) {
  static std::atomic<int> pairs = 0;
  int number = 1 + pairs++ % 255;  // 0 would not be seen in the usual form of an IPv6 address
  std::string device = "veth" + std::to_string(number);
  std::string ipv4 = "10.78." + std::to_string(number) + ".";
  std::string ipv6 = "fd78:" + std::to_string(number) + "::";

  Status made = a.Run([&] { return AddVethPair(device, device, b.pid()); });
  if (!made) return made.error();
  auto attach = [&](const Host& host, const std::string& last) -> Result<Endpoint> {
    Endpoint end{host, device, ipv4 + last, ipv6 + last};
    Status up = host.Run([&]() -> Status {
      if (Status s = AddAddress(device, end.ipv4 + "/24"); !s) return s;
      if (Status s = AddAddress(device, end.ipv6 + "/64"); !s) return s;
      return SetLinkUp(device);
    });
    if (!up) return up.error().Within("host '" + host.name() + "'");
    return end;
  };
  auto end_a = attach(a, "1");
  if (!end_a) return end_a.error();
  auto end_b = attach(b, "2");
  if (!end_b) return end_b.error();
  for (const Endpoint* end : {&*end_a, &*end_b}) {
    Status ready = end->host.Run([end] { return WaitUntilReady(*end); });
    if (!ready) return ready.error().Within("host '" + end->host.name() + "'");
  }
  return VethPair{*end_a, *end_b};
}

}  // namespace bpftune::testing
