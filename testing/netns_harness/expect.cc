// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/expect.h"

#include <sstream>
#include <thread>

namespace bpftune::testing {

bool EventuallyTrue(const std::function<bool()>& condition, std::chrono::milliseconds timeout) {
  auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

std::vector<int64_t> ParseVector(const std::string& text) {
  std::istringstream in(text);
  std::vector<int64_t> numbers;
  for (int64_t number; in >> number;) numbers.push_back(number);
  return in.eof() ? numbers : std::vector<int64_t>();
}

}  // namespace bpftune::testing
