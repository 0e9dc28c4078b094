// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/scenarios/listen_case.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

Result<UniqueFd> MakeSocket(const Host& host) {
  UniqueFd fd(
      host.Run([] { return ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }));
  if (!fd) return Error::FromErrno("making a TCP socket");
  return fd;
}

}  // namespace

Result<Listener> ListenFor(const Endpoint& at, int backlog) {
  auto address = MakeAddress(at.ipv4, /*port=*/0);
  if (!address) return address.error();
  auto fd = MakeSocket(at.host);
  if (!fd) return fd.error();
  if (bind(fd->get(), address->get(), address->length) != 0 || listen(fd->get(), backlog) != 0) {
    return Error::FromErrno("listening at '" + at.ipv4 + "'");
  }
  auto bound = LocalAddress(fd->get());
  if (!bound) return bound.error();
  return Listener{std::move(*fd), *bound};
}

uint32_t BacklogOf(const Listener& listener) {
  tcp_info info = {};
  socklen_t length = sizeof info;
  getsockopt(listener.socket.get(), IPPROTO_TCP, TCP_INFO, &info, &length);
  return info.tcpi_sacked;  // of a listener; tcp_get_info() in net/ipv4/tcp.c
}

Result<std::vector<UniqueFd>> BeginConnections(const Endpoint& from, const SocketAddress& to,
                                               int count, const std::string& source) {
  std::vector<UniqueFd> out;
  for (int i = 0; i < count; ++i) {
    auto fd = MakeSocket(from.host);
    if (!fd) return fd.error();
    if (!source.empty()) {
      const int on = 1;
      auto address = MakeAddress(source, /*port=*/0);
      if (!address) return address.error();
      if (setsockopt(fd->get(), IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on) != 0 ||
          bind(fd->get(), address->get(), address->length) != 0) {
        return Error::FromErrno("binding to '" + source + "'");
      }
    }
    if (connect(fd->get(), to.get(), to.length) != 0 && errno != EINPROGRESS) {
      return Error::FromErrno("connecting");
    }
    out.push_back(std::move(*fd));
  }
  return out;
}

int AcceptAll(const Listener& listener) {
  for (int count = 0;; ++count) {
    const UniqueFd accepted(accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted) return count;
  }
}

int64_t TcpExtCount(const Host& host, const std::string& name) {
  return host.Run([&]() -> int64_t {
    std::ifstream file("/proc/thread-self/net/netstat");
    std::string names_line;
    std::string numbers_line;
    std::getline(file, names_line);  // the first two lines are TcpExt's
    std::getline(file, numbers_line);
    std::istringstream names(names_line);
    std::istringstream numbers(numbers_line);
    for (std::string at, number; names >> at && numbers >> number;) {
      if (at == name) return std::stoll(number);
    }
    return -1;
  });
}

bool WaitForListenerLook(Daemon& daemon) {
  const std::string pattern = "'tcp_listen': ([0-9]+) looks at all listeners";
  std::optional<std::string> first;
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (std::chrono::steady_clock::now() < deadline) {
    const size_t from = daemon.Lines().size();
    daemon.Signal(SIGUSR1);
    const auto line = daemon.WaitForLine(pattern, 500ms, from);
    if (!line) continue;
    if (first && *first != line->captures[0]) return true;
    first = line->captures[0];
  }
  return false;
}

}  // namespace bpftune::testing
