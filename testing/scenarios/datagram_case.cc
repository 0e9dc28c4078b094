// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/scenarios/datagram_case.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr size_t kDatagramBytes = 1000;

std::string FileOf(const std::string& name) {
  std::string path = "/proc/sys/" + name;
  std::ranges::replace(path, '.', '/');
  return path;
}

}  // namespace

bool IsMachineOfItsOwn() { return std::getenv("BPFTUNE_MACHINE_OF_ITS_OWN") != nullptr; }

Status SetMachineSysctl(const std::string& name, const std::string& value) {
  if (!IsMachineOfItsOwn()) return Error("'" + name + "' is not this test's to write");
  std::ofstream out(FileOf(name));
  out << value << std::flush;
  if (!out) return Error::FromErrno("writing '" + value + "' to '" + name + "'");
  return Ok();
}

std::string MachineSysctl(const std::string& name) {
  std::ifstream in(FileOf(name));
  std::string text{std::istreambuf_iterator<char>(in), {}};
  std::ranges::replace(text, '\t', ' ');
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

Result<UniqueFd> MakeDatagramSocket(const Host& host) {
  UniqueFd fd(
      host.Run([] { return ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }));
  if (!fd) return Error::FromErrno("making a UDP socket");
  return fd;
}

int SetBuffer(const UniqueFd& socket, int option, int bytes) {
  return setsockopt(socket.get(), SOL_SOCKET, option, &bytes, sizeof bytes) == 0 ? 0 : errno;
}

int BufferOf(const UniqueFd& socket, int option) {
  int bytes = 0;
  socklen_t length = sizeof bytes;
  getsockopt(socket.get(), SOL_SOCKET, option, &bytes, &length);
  return bytes / 2;
}

Result<DatagramPair> DatagramPair::Create(const Host& host) {
  auto to = MakeDatagramSocket(host);
  if (!to) return to.error();
  auto from = MakeDatagramSocket(host);
  if (!from) return from.error();
  auto address = MakeAddress(Loopback(host).ipv4, /*port=*/0);
  if (!address) return address.error();
  if (bind(to->get(), address->get(), address->length) != 0) {
    return Error::FromErrno("binding a UDP socket");
  }
  auto bound = LocalAddress(to->get());
  if (!bound) return bound.error();
  if (connect(from->get(), bound->get(), bound->length) != 0) {
    return Error::FromErrno("connecting a UDP socket");
  }
  return DatagramPair{std::move(*to), std::move(*from)};
}

void DatagramPair::Send(int count) const {
  const std::array<char, kDatagramBytes> data = {};
  for (int i = 0; i < count; ++i) (void)send(from.get(), data.data(), data.size(), 0);
}

int DatagramPair::ReceiveAll() const {
  std::array<char, kDatagramBytes> data = {};
  for (int count = 0;; ++count) {
    if (recv(to.get(), data.data(), data.size(), 0) < 0) return count;
  }
}

bool WaitForDatagramLook(Daemon& daemon) {
  const std::string pattern = "'udp_buffer': ([0-9]+) looks at all requests";
  std::optional<std::string> first;
  const auto deadline = std::chrono::steady_clock::now() + 120s;
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
