// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// The administrator writes at random moments while the daemon writes as fast as it can, ten
// thousand times over: whatever the interleaving, his value stands.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <optional>
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
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 5000;        // of each tunable
constexpr long kLatestNs = 400'000;  // ten writes of the daemon
constexpr int kMostWrites = 3;       // of the administrator, one after the other

struct Tunable {
  uint16_t row;
  const char* name;
  std::vector<int64_t> first;  // what the administrator begins with
  const char* refused;         // a text that the kernel takes from nobody
};

// What the administrator is to do, in memory that his process shares with the test. One place in
// turn belongs to each: the test counts `asked` up when the rest is written, he `done`.
struct Orders {
  std::atomic<int> asked{0};
  std::atomic<int> done{0};
  int error = 0;
  struct Write {
    long after_ns;
    bool refused;  // expected to be
    char text[64];
  } writes[kMostWrites];
  int count = 0;
};
static_assert(std::atomic<int>::is_always_lock_free, "or it would not work between processes");

// In his process.
int Administrator(Orders& orders, int netns, int sysctl) {
  prctl(PR_SET_NAME, kAdministratorName);
  prctl(PR_SET_TIMERSLACK, 1);
  if (setns(netns, CLONE_NEWNET) != 0) return 1;
  for (int turn = 1;; ++turn) {
    while (orders.asked.load() < turn) {
      const timespec moment = {0, 20'000};
      nanosleep(&moment, nullptr);
    }
    for (int i = 0; i < orders.count; ++i) {
      const Orders::Write& write = orders.writes[i];
      const timespec delay = {0, write.after_ns};
      nanosleep(&delay, nullptr);
      const ssize_t length = pwrite(sysctl, write.text, strlen(write.text), 0);
      if ((length < 0) != write.refused) orders.error = length < 0 ? errno : EPROTO;
    }
    orders.done.store(turn);
  }
}

class OverrideStormTest : public ::testing::TestWithParam<Tunable> {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    void* shared =
        mmap(nullptr, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    orders_ = new (shared) Orders;
    const char* again = std::getenv("BPFTUNE_STORM_SEED");
    seed_ = again ? static_cast<unsigned>(std::stoul(again)) : std::random_device()();
    random_.seed(seed_);
  }
  void TearDown() override {
    if (orders_) munmap(orders_, sizeof(Orders));
  }

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
    const auto deadline = Clock::now() + 5s;
    while (!asker.IsAnswered(record) && Clock::now() < deadline) std::this_thread::yield();
  }

  int Between(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  // One to three writes at random moments; the last may be one that the kernel refuses. Returns
  // what is to stand.
  std::vector<int64_t> Order(int round) {
    std::vector<int64_t> theirs = GetParam().first;
    orders_->count = Between(1, kMostWrites);
    for (int i = 0; i < orders_->count; ++i) {
      Orders::Write& write = orders_->writes[i];
      write.after_ns = Between(0, kLatestNs);
      write.refused = i > 0 && i == orders_->count - 1 && Between(0, 3) == 0;
      std::string text = GetParam().refused;
      if (!write.refused) {
        // Far from all that tuning by ones may reach: the same value again would be no override.
        theirs.back() =
            GetParam().first.back() + (round % 2 == 0 ? 0 : 10000) + int64_t{1000} * i + round % 97;
        text = Text(theirs);
      }
      text.copy(write.text, sizeof(write.text) - 1);
      write.text[text.size()] = '\0';
    }
    orders_->asked.fetch_add(1);
    return theirs;
  }

  // Soon; the poll is far shorter than EventuallyTrue's, which would make most of the test.
  static bool Stands(const Host& host, const std::vector<int64_t>& theirs) {
    const auto deadline = Clock::now() + 1s;
    while (Read(host) != theirs) {
      if (Clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  Orders* orders_ = nullptr;
  unsigned seed_ = 0;
  std::mt19937 random_;
};

TEST_P(OverrideStormTest, AfterEachWriteTheAdministratorsValueStands) {
  SCOPED_TRACE("to repeat: BPFTUNE_STORM_SEED=" + std::to_string(seed_));
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
  ASSERT_OK_AND_ASSIGN(ChildProcess administrator, ChildProcess::Start([&] {
                         return Administrator(*orders_, netns.get(), sysctl.get());
                       }));

  int tuned_before = 0;
  for (int round = 1; round <= kRounds; ++round) {
    const std::vector<int64_t> start = Read(host);
    const std::vector<int64_t> theirs = Order(round);
    std::vector<int64_t> last = start;
    const auto deadline = Clock::now() + 30s;
    while (orders_->done.load() < round) {
      ASSERT_LT(Clock::now(), deadline) << "the administrator does nothing in round " << round;
      last = Read(host);
      ASSERT_NO_FATAL_FAILURE(Tune(asker, host));
    }
    ASSERT_EQ(orders_->error, 0) << "round " << round;
    tuned_before += last != start && last != theirs;

    // A write of ours that had passed the hook before his may land after it; it is put back at
    // once.
    ASSERT_TRUE(Stands(host, theirs)) << "round " << round << ": '" << Text(Read(host))
                                      << "' instead of '" << Text(theirs) << "'";
    ASSERT_NO_FATAL_FAILURE(Tune(asker, host));
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

INSTANTIATE_TEST_SUITE_P(
    Tunables, OverrideStormTest,
    ::testing::Values(Tunable{kAskOutput, kAskOutputName, {1048576}, "99999999999"},
                      Tunable{kAskPorts, kAskPortsName, {20000, 40000}, "40000 20000"}),
    [](const auto& instance) {
      return instance.param.row == kAskOutput ? "OneNumber" : "TwoNumbers";
    });

}  // namespace
}  // namespace bpftune::testing
