// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/benchmarks/idle_crowd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace bpftune::testing {
namespace {

constexpr int kPerProcess = 4000;  // 8000 descriptors
constexpr int kPatienceMs = 60'000;

// In the child, after fork: system calls only. Says how it went by one byte, 0 or an errno, and
// then holds the connections until it is killed.
int Hold(int connections, int say) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const auto fail = [say] {
    const char error = static_cast<char>(errno);
    (void)!write(say, &error, 1);  // if nobody listens, nobody waits either
    return 1;
  };

  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* address = reinterpret_cast<sockaddr*>(&at);
  socklen_t length = sizeof(at);
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, address, length) != 0 || listen(listener, 16) != 0 ||
      getsockname(listener, address, &length) != 0) {
    return fail();
  }
  for (int i = 0; i < connections; ++i) {
    const int from = socket(AF_INET, SOCK_STREAM, 0);
    if (from < 0 || connect(from, address, length) != 0) return fail();
    if (accept(listener, nullptr, nullptr) < 0) return fail();
  }
  const char done = 0;
  if (write(say, &done, 1) != 1) return 1;
  for (;;) pause();
}

}  // namespace

Result<IdleCrowd> IdleCrowd::Open(const Host& host, int connections) {
  std::vector<ChildProcess> holders;
  for (int left = connections; left > 0; left -= kPerProcess) {
    auto pipe = Pipe::Create();
    if (!pipe) return pipe.error();
    const int share = std::min(left, kPerProcess);
    auto holder = host.Run(
        [&] { return ChildProcess::Start([&] { return Hold(share, pipe->write.get()); }); });
    if (!holder) return holder.error();
    pipe->write.reset();
    holders.push_back(std::move(*holder));
    pollfd waiting{pipe->read.get(), POLLIN, 0};
    char error = 0;
    if (poll(&waiting, 1, kPatienceMs) != 1 || read(pipe->read.get(), &error, 1) != 1) {
      return Error(ETIMEDOUT, "opening " + std::to_string(share) + " connections");
    }
    if (error != 0) return Error(error, "opening " + std::to_string(share) + " connections");
  }
  return IdleCrowd(std::move(holders));
}

}  // namespace bpftune::testing
