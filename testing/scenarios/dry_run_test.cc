// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// A dry run of each tuner that works in namespaces, and then the same for real: the first decision
// is the same, and a dry run opens no sysctl for writing. Those of the whole machine are in
// //testing/smoke; that a dry run leaves congestion control alone is in tcp_conn_loss_test.

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/expect.h"
#include "testing/objects/tuner_folder.h"
#include "testing/privilege.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/frag_case.h"
#include "testing/scenarios/listen_case.h"
#include "testing/scenarios/neigh_case.h"
#include "testing/scenarios/write_watch.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;

// Hosts of its own, and what makes the tuner decide something about one tunable of one of them.
class Situation {
 public:
  virtual ~Situation() = default;
  virtual const Host& host() const = 0;
  virtual std::string tunable() const = 0;
  // Begins it. What goes on does so as long as this object lives.
  virtual Status Begin() = 0;
  // What is to be repeated until something is decided.
  virtual Status Repeat() { return Ok(); }
};

// listen() asks for more than there is.
class CutBacklog : public Situation {
 public:
  static Result<std::unique_ptr<Situation>> Create() {
    auto host = Host::Create("server");
    if (!host) return host.error();
    auto set = host->SetSysctl(kSomaxconn, "128");
    if (!set) return set.error();
    return std::unique_ptr<Situation>(new CutBacklog(std::move(*host)));
  }
  const Host& host() const override { return host_; }
  std::string tunable() const override { return kSomaxconn; }
  Status Begin() override {
    auto listener = ListenFor(Loopback(host_), 1000);
    if (!listener) return listener.error();
    listener_.emplace(std::move(*listener));
    return Ok();
  }

 private:
  explicit CutBacklog(Host host) : host_(std::move(host)) {}

  Host host_;
  std::optional<Listener> listener_;
};

// More packets wait for the address of a neighbour than may.
class ShortQueue : public Situation {
 public:
  static Result<std::unique_ptr<Situation>> Create() {
    auto many = Neighbourhood::Create(Family::kIpv4, 0);
    if (!many) return many.error();
    auto set = many->sender().SetSysctl(many->QueueTunable(), "212992");
    if (!set) return set.error();
    return std::unique_ptr<Situation>(new ShortQueue(std::move(*many)));
  }
  const Host& host() const override { return many_.sender(); }
  std::string tunable() const override { return many_.QueueTunable(); }
  Status Begin() override {
    auto sent = many_.SendMany(1, 600);
    return sent ? many_.Appear(1, 1) : sent;
  }

 private:
  explicit ShortQueue(Neighbourhood many) : many_(std::move(many)) {}

  Neighbourhood many_;
};

// More datagrams arrive in fragments at a time than there is memory for.
class ShortFragmentMemory : public Situation {
 public:
  static Result<std::unique_ptr<Situation>> Create() {
    auto sender = Host::Create("sender");
    if (!sender) return sender.error();
    auto receiver = Host::Create("receiver");
    if (!receiver) return receiver.error();
    auto cable = VethPair::Create(*sender, *receiver);
    if (!cable) return cable.error();
    auto set = LimitFragments(*receiver, Family::kIpv4, 256 << 10);
    if (!set) return set.error();
    auto source = FragmentSource::Create(cable->a, cable->b, Family::kIpv4);
    if (!source) return source.error();
    return std::unique_ptr<Situation>(
        new ShortFragmentMemory(std::move(*receiver), std::move(*source)));
  }
  const Host& host() const override { return receiver_; }
  std::string tunable() const override { return FragThreshold(Family::kIpv4); }
  Status Begin() override {  // most datagrams are completed, or it would get no more
    const bool completed = EventuallyTrue(
        [this] {
          for (int i = 0; i < 5; ++i) (void)source_.SendInterleaved(1, 40);
          const auto counts = ReassembliesOf(receiver_, Family::kIpv4);
          return counts && counts->completed >= 100;
        },
        10s);
    return completed ? Ok() : Status(Error("no datagram is completed"));
  }
  Status Repeat() override { return source_.SendInterleaved(16, 40); }

 private:
  ShortFragmentMemory(Host receiver, FragmentSource source)
      : receiver_(std::move(receiver)), source_(std::move(source)) {}

  Host receiver_;
  FragmentSource source_;
};

// A bulk flow whose buffer is too small for its path.
class SmallBuffer : public Situation {
 public:
  static Result<std::unique_ptr<Situation>> Create() {
    auto path = Path::Create({.side = Side::kSend, .cap = 131072, .rtt_ms = 40, .rate_mbit = 100});
    if (!path) return path.error();
    return std::unique_ptr<Situation>(new SmallBuffer(std::move(*path)));
  }
  const Host& host() const override { return *path_.a; }
  std::string tunable() const override { return TunableOf(Side::kSend); }
  Status Begin() override {
    auto flow = BulkFlow::Start(path_.link->a(), path_.link->b());
    if (!flow) return flow.error();
    flow_.emplace(std::move(*flow));
    return Ok();
  }

 private:
  explicit SmallBuffer(Path path) : path_(std::move(path)) {}

  Path path_;
  std::optional<BulkFlow> flow_;
};

struct Decision {
  std::string reason;
  std::string before;
  std::string after;
  std::string stands;               // after it
  std::vector<std::string> opened;  // for writing
};

struct Row {
  const char* name;
  Result<std::unique_ptr<Situation>> (*create)();
  bool is_measured;  // how much it becomes comes of a measurement, never twice the same
};

class DryRunTest : public ::testing::TestWithParam<Row> {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }

  // The first of a daemon with these arguments, in a situation of its own.
  static void Decide(const std::string& word, const std::vector<std::string>& arguments,
                     Decision* out) {
    ASSERT_OK_AND_ASSIGN(const auto situation, GetParam().create());
    ASSERT_OK_AND_ASSIGN(WriteWatch watch, WriteWatch::Create());
    ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&situation->host()}, arguments));
    ASSERT_OK(situation->Begin());
    const std::string pattern =
        "^Due to (.*)" + word + situation->tunable() + "\\(.*\\) from \\((.*)\\) -> \\((.*)\\)";
    ASSERT_TRUE(EventuallyTrue(
        [&] {
          EXPECT_OK(situation->Repeat());
          return daemon.CountLines(pattern) > 0;
        },
        kPatience));
    ASSERT_OK_AND_ASSIGN(const Line line, Found(daemon.WaitForLine(pattern, 0s)));
    ASSERT_OK_AND_ASSIGN(out->stands, situation->host().GetSysctl(situation->tunable()));
    ASSERT_OK(daemon.Stop(kPatience));
    ASSERT_OK_AND_ASSIGN(out->opened, watch.ClosedBy(daemon.pid()));
    out->reason = line.captures[0];
    out->before = line.captures[1];
    out->after = line.captures[2];
  }
};

TEST_P(DryRunTest, DecidesAsForRealAndOpensNothingForWriting) {
  Decision dry;
  ASSERT_NO_FATAL_FAILURE(Decide(" would change ", {"--dry-run"}, &dry));
  Decision real;
  ASSERT_NO_FATAL_FAILURE(Decide(" change ", {}, &real));

  EXPECT_EQ(dry.reason, real.reason);
  EXPECT_EQ(dry.before, real.before);
  if (GetParam().is_measured) {
    EXPECT_GT(ParseVector(dry.after).back(), ParseVector(dry.before).back());
  } else {
    EXPECT_EQ(dry.after, real.after);
  }
  EXPECT_EQ(dry.stands, dry.before);
  EXPECT_NE(real.stands, real.before);
  EXPECT_EQ(dry.opened, std::vector<std::string>());
  EXPECT_FALSE(real.opened.empty()) << "or this test would see nothing";
}

INSTANTIATE_TEST_SUITE_P(Tuners, DryRunTest,
                         ::testing::Values(Row{"tcp_listen", CutBacklog::Create, false},
                                           Row{"neigh_queue", ShortQueue::Create, false},
                                           Row{"ip_frag", ShortFragmentMemory::Create, true},
                                           Row{"tcp_buffer", SmallBuffer::Create, true}),
                         [](const auto& row) { return row.param.name; });

// As in a container that may not write: there a real one warns, and a dry run has no reason to.
TEST(DryRunReadOnlyTest, GoesWithoutAWarningWhereSysctlsCannotBeWritten) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(const auto situation, CutBacklog::Create());
  ASSERT_OK_AND_ASSIGN(
      Daemon daemon,
      Daemon::Start(kWithinPath, Apart({"read-only-sysctls", kDaemonPath, "-s", "-l", kTunersPath,
                                        "--dry-run", "-n", situation->host().netns_path()})));
  ASSERT_TRUE(daemon.WaitForLine("this is a dry run", kPatience));
  const size_t warnings = daemon.CountLines("^bpftune: ");  // of what this kernel lacks
  ASSERT_OK(situation->Begin());
  EXPECT_TRUE(daemon.WaitForLine("would change net.core.somaxconn", kPatience));
  ASSERT_OK_AND_ASSIGN(DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(daemon.CountLines("^bpftune: "), warnings);
  EXPECT_EQ(daemon.CountLines("Read-only file system"), 0U);
}

// Whatever --run-dir and --pin-dir are, they stay as they were.
TEST(DryRunReadOnlyTest, LeavesNoFolderBehind) {
  BPFTUNE_NEEDS_PRIVILEGE();
  ASSERT_OK_AND_ASSIGN(const auto situation, CutBacklog::Create());
  const std::string run_dir = ::testing::TempDir() + "dry-run-no-folder";
  ASSERT_OK_AND_ASSIGN(Daemon daemon,
                       StartDaemon({&situation->host()}, {"--dry-run", "--run-dir", run_dir}));
  ASSERT_OK(daemon.Stop(kPatience));
  EXPECT_FALSE(std::filesystem::exists(run_dir));
}

}  // namespace
}  // namespace bpftune::testing
