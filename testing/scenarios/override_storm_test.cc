// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// The administrator writes at random moments while the daemon writes as fast as it can: whatever
// the interleaving, his value stands.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "testing/netns_harness/child_process.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/asker.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kRounds = 300;

struct Tunable {
  uint16_t row;
  const char* name;
  std::vector<int64_t> first;  // what the administrator writes in the first round
};

class OverrideStormTest : public ::testing::TestWithParam<Tunable> {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }

  static std::string Text(const std::vector<int64_t>& values) {
    std::string out;
    for (const int64_t value : values) out += (out.empty() ? "" : " ") + std::to_string(value);
    return out;
  }

  static std::vector<int64_t> Read(const Host& host) {
    auto text = host.GetSysctl(GetParam().name);
    return text ? ParseVector(*text) : std::vector<int64_t>();
  }

  // One request of the daemon, from the value that is there to one more; until it is answered.
  static void Tune(Asker& asker, const Host& host) {
    const std::vector<int64_t> seen = Read(host);
    std::vector<int64_t> wanted = seen;
    wanted.back() += 1;
    const request record = asker.Set(host, GetParam().row, seen, wanted);
    ASSERT_OK(asker.Ask(record));
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (!asker.IsAnswered(record) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(20us);
    }
  }
};

TEST_P(OverrideStormTest, AfterEachWriteTheAdministratorsValueStands) {
  ASSERT_OK_AND_ASSIGN(Host host, Host::Create("stormy"));
  ASSERT_OK_AND_ASSIGN(TunerFolder folder, TunerFolder::Create({kSysctlObject, kAskObject}));
  ASSERT_OK(host.SetSysctl(GetParam().name, Text(GetParam().first)));
  ASSERT_OK_AND_ASSIGN(
      Daemon daemon,
      Daemon::Start(kDaemonPath, Apart({"-s", "-l", folder.path(), "-n", host.netns_path(),
                                        "--changes-per-minute", "1000000"})));
  ASSERT_TRUE(daemon.WaitForLine("per-netns policy", 30s));
  ASSERT_OK_AND_ASSIGN(Asker asker, Asker::Of(daemon.pid()));
  ASSERT_OK_AND_ASSIGN(UniqueFd sysctl, OpenSysctl(host, GetParam().name));
  const UniqueFd netns(open(host.netns_path().c_str(), O_RDONLY | O_CLOEXEC));

  std::mt19937 random(2);
  std::uniform_int_distribution<long> delay_ns(0, 4'000'000);
  std::vector<int64_t> theirs = GetParam().first;
  int tuned_before = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<int64_t> start = Read(host);
    // Far from all that tuning by ones may reach: the same value again would be no override.
    theirs.back() = GetParam().first.back() + (round % 2 == 0 ? 10000 : 0) + round;
    const std::string text = Text(theirs);
    const timespec delay = {0, delay_ns(random)};
    auto administrator = ChildProcess::Start([&] {
      prctl(PR_SET_NAME, kAdministratorName);
      if (setns(netns.get(), CLONE_NEWNET) != 0) return 1;
      nanosleep(&delay, nullptr);
      return pwrite(sysctl.get(), text.data(), text.size(), 0) < 0 ? 2 : 0;
    });
    ASSERT_OK(administrator);
    std::vector<int64_t> last = start;
    std::optional<int> status;
    while (!status) {
      last = Read(host);
      Tune(asker, host);
      status = administrator->Wait(0ms);
    }
    ASSERT_EQ(*status, 0);
    tuned_before += last != start && last != theirs;

    // A write of ours that had passed the hook before his may land after it; it is put back at
    // once.
    ASSERT_TRUE(EventuallyTrue([&] { return Read(host) == theirs; }, 1s))
        << "round " << round << ": '" << Text(Read(host)) << "' instead of '" << text << "'";
    for (int again = 0; again < 3; ++again) Tune(asker, host);
    ASSERT_EQ(Read(host), theirs) << "round " << round;
    const auto owner = asker.Owner(host, GetParam().row);
    ASSERT_TRUE(owner && owner->generation != owner->reclaimed) << "round " << round;
    ASSERT_OK(asker.GiveBack(host, GetParam().row));
  }

  // Or nothing was tried.
  EXPECT_GT(tuned_before, kRounds / 10);
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
  std::printf("%d of %d writes came after changes; %zu were made while bpftune was writing\n",
              tuned_before, kRounds, daemon.CountLines("while bpftune was writing"));
}

INSTANTIATE_TEST_SUITE_P(Tunables, OverrideStormTest,
                         ::testing::Values(Tunable{kAskOutput, kAskOutputName, {1048576}},
                                           Tunable{kAskPorts, kAskPortsName, {20000, 40000}}),
                         [](const auto& instance) {
                           return instance.param.row == kAskOutput ? "OneNumber" : "TwoNumbers";
                         });

}  // namespace
}  // namespace bpftune::testing
