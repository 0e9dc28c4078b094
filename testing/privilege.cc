// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/privilege.h"

#include <bpf/bpf.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

namespace bpftune::testing {
namespace {

constexpr int kRingBytes = 4096;  // the smallest: one page

// 0 or an errno. A thread of its own makes the namespace and takes it along when it ends.
int TryNetworkNamespace() {
  int error = 0;
  std::thread([&error] { error = unshare(CLONE_NEWNET) == 0 ? 0 : errno; }).join();
  return error;
}

}  // namespace

std::optional<std::string> WhyNotPrivileged() {
  if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) return "no /sys/kernel/btf/vmlinux";
  const int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "privilege", 0, 0, kRingBytes, nullptr);
  if (fd < 0) return std::string("creating a BPF ring buffer: ") + std::strerror(errno);
  close(fd);
  if (const int error = TryNetworkNamespace())
    return std::string("creating a network namespace: ") + std::strerror(error);
  return std::nullopt;
}

bool PrivilegeRequired() {
  const char* value = std::getenv("BPFTUNE_REQUIRE_PRIVILEGED");
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace bpftune::testing
