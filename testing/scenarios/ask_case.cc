// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/scenarios/ask_case.h"

#include <chrono>
#include <utility>

#include "testing/netns_harness/expect.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {

using namespace std::chrono_literals;

void AskCase::TearDown() {
  asker_.reset();
  daemon_.reset();
}

void AskCase::StartAsked(const std::vector<std::string>& objects,
                         const std::vector<std::string>& more_arguments) {
  auto folder = TunerFolder::Create(objects);
  ASSERT_OK(folder);
  folder_.emplace(std::move(*folder));
  std::vector<std::string> arguments = {"-s", "-l", folder_->path()};
  arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
  auto daemon = Daemon::Start(kDaemonPath, Apart(arguments));
  ASSERT_OK(daemon);
  daemon_.emplace(std::move(*daemon));
  ASSERT_TRUE(daemon_->WaitForLine("per-netns policy", 30s));
  auto asker = Asker::Of(daemon_->pid());
  ASSERT_OK(asker);
  asker_.emplace(std::move(*asker));
}

int64_t AskCase::ValueAt(const Host& host) {
  auto text = host.GetSysctl(kAskOutputName);
  return text ? std::stoll(*text) : -1;
}

}  // namespace bpftune::testing
