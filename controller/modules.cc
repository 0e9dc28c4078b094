// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/modules.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "controller/capabilities.h"
#include "controller/unique_fd.h"

namespace bpftune {
namespace {

constexpr char kAvailable[] = "/proc/sys/net/ipv4/tcp_available_congestion_control";

bool IsAvailable(const std::string& algorithm) {
  std::ifstream file(kAvailable);
  using Words = std::istream_iterator<std::string>;
  return std::find(Words(file), Words(), algorithm) != Words();
}

Status Name(const std::string& algorithm) {
  const InForce may_load({CAP_NET_ADMIN});
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || setsockopt(socket.get(), IPPROTO_TCP, TCP_CONGESTION, algorithm.c_str(),
                            static_cast<socklen_t>(algorithm.size())) != 0) {
    return Error::FromErrno("naming '" + algorithm + "' on a socket");
  }
  return Ok();
}

}  // namespace

Status LookForModule(const std::string& name, ModuleUse use) {
  const std::string algorithm = name.substr(name.find('_') + 1);
  if (IsAvailable(algorithm)) return Ok();
  if (use == ModuleUse::kLookOnly) return Error("the kernel has no '" + algorithm + "' yet");
  const Status named = Name(algorithm);
  if (IsAvailable(algorithm)) return Ok();
  return Error("the kernel has no '" + algorithm + "', and loads no module '" + name + "'" +
               (named ? "" : " (" + named.error().message() + ")"));
}

}  // namespace bpftune
