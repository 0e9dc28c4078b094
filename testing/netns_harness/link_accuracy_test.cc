// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// What an emulated link does to real packets: delay, rate, queue, loss, and that data arrives as it
// was sent. Limits are close where the emulator's real-time priority stands for them.
//
// A hypervisor may take the processor away for many milliseconds; what is measured then is the
// hypervisor. So a figure in time is measured again until it is right, a few times at most.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <span>
#include <sstream>
#include <thread>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/link.h"
#include "testing/netns_harness/link_model.h"
#include "testing/netns_harness/realtime_thread.h"
#include "testing/netns_harness/sockets.h"
#include "testing/netns_harness/traffic.h"
#include "testing/privilege.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

// Keeps every processor busy for as long as it lives.
class BusyMachine {
 public:
  BusyMachine() {
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); i++) {
      threads_.emplace_back([this] {
        while (!is_over_.load(std::memory_order_relaxed)) {
        }
      });
    }
  }
  ~BusyMachine() {
    is_over_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> is_over_ = false;
  std::vector<std::thread> threads_;
};

class LinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    for (auto* host : {&client_, &server_}) {
      *host = Host::Create(host == &client_ ? "client" : "server");
      ASSERT_OK(*host);
      ASSERT_OK((*host)->SetSysctl("net.ipv4.tcp_rmem", "4096 131072 67108864"));
      ASSERT_OK((*host)->SetSysctl("net.ipv4.tcp_wmem", "4096 131072 67108864"));
    }
  }

  Result<Link> Connect(const LinkParameters& parameters, uint64_t seed = 1) {
    return Link::Create(*client_, *server_, parameters, {.seed = seed});
  }

  Result<Host> client_ = Error("not created yet");
  Result<Host> server_ = Error("not created yet");
};

constexpr int kMostTries = 5;

// The figure nearest to `wanted`; the first one within `tolerance` is near enough.
double Nearest(double wanted, double tolerance, const std::function<double()>& measure) {
  double nearest = HUGE_VAL;
  for (int i = 0; i < kMostTries && !(std::abs(nearest - wanted) <= tolerance); i++) {
    const double figure = measure();
    if (std::abs(figure - wanted) < std::abs(nearest - wanted)) nearest = figure;
  }
  return nearest;
}

// Never early; hardly late.
void ExpectRoundTrip(const Link& link, double asked_ms, const PingOptions& options) {
  const double tolerance_ms = link.is_realtime() ? 1 : 5;
  double least_ms = HUGE_VAL;
  const auto ping = [&] {
    const auto report = Ping(link.a(), link.b(), options);
    EXPECT_OK(report);
    if (!report) return HUGE_VAL;
    EXPECT_EQ(report->received, options.count);
    EXPECT_GE(report->min_ms, asked_ms);
    least_ms = std::min(least_ms, report->min_ms);
    return report->median_ms;
  };
  EXPECT_LE(Nearest(asked_ms, tolerance_ms, ping), asked_ms + tolerance_ms);
  // On a busy machine no packet of a ping may find its CPU warm.
  for (int i = 1; i < kMostTries && least_ms >= asked_ms + 0.2; i++) ping();
  EXPECT_LT(least_ms, asked_ms + 0.2);
}

TEST_F(LinkTest, RoundTripTimeIsTheDelayThereAndBack) {
  for (double delay_ms : {0.5, 5.0, 50.0}) {
    ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 1000, .delay_ms = delay_ms}));
    for (Family family : {Family::kIpv4, Family::kIpv6}) {
      ExpectRoundTrip(link, 2 * delay_ms, {.count = 50, .interval_ms = 5, .family = family});
    }
  }
}

TEST_F(LinkTest, ABusyMachineDoesNotAddDelay) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 1000, .delay_ms = 5}));
  if (!link.is_realtime()) GTEST_SKIP() << "no real-time priority for the emulator";
  BusyMachine busy;

  ExpectRoundTrip(link, 10, {.count = 200, .interval_ms = 5});
}

TEST_F(LinkTest, DirectionsDifferAndChangeWhileInUse) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.delay_ms = 5}));
  link.Set(Direction::kBToA, {.delay_ms = 20});
  ASSERT_OK_AND_ASSIGN(PingReport uneven, Ping(link.a(), link.b(), {.count = 10}));
  link.SetBoth({.delay_ms = 1});
  ASSERT_OK_AND_ASSIGN(PingReport even, Ping(link.a(), link.b(), {.count = 10}));
  link.Set(Direction::kAToB, {.loss_percent = 100});
  ASSERT_OK_AND_ASSIGN(PingReport cut, Ping(link.a(), link.b(), {.count = 10, .timeout_ms = 100}));

  EXPECT_NEAR(uneven.min_ms, 25, 1);
  EXPECT_NEAR(even.min_ms, 2, 1);
  EXPECT_EQ(cut.received, 0);
  EXPECT_EQ(cut.loss_percent(), 100);
}

// ---- numbered datagrams ----

struct Arrival {
  uint32_t number;
  int64_t when_ns;  // the kernel's stamp, so that a busy machine does not count
};

constexpr size_t kDatagramBytes = 1472;  // 1500 with UDP and IP headers

Status SendNumbered(const UniqueFd& socket, uint32_t count) {
  RealtimeThread without_pauses;
  std::vector<char> datagram(kDatagramBytes);
  for (uint32_t i = 0; i < count; i++) {
    std::memcpy(datagram.data(), &i, sizeof i);
    if (send(socket.get(), datagram.data(), datagram.size(), 0) < 0) {
      return Error::FromErrno("sending a datagram");
    }
  }
  return Ok();
}

std::optional<Arrival> ReceiveNumbered(const UniqueFd& socket) {
  alignas(cmsghdr) char control[128];
  char datagram[kDatagramBytes];
  iovec buffer{datagram, sizeof datagram};
  msghdr message{};
  message.msg_iov = &buffer;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(socket.get(), &message, MSG_DONTWAIT) < 0) return std::nullopt;
  Arrival arrival{};
  std::memcpy(&arrival.number, datagram, sizeof arrival.number);
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec stamp;
    std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
    arrival.when_ns = stamp.tv_sec * int64_t{1'000'000'000} + stamp.tv_nsec;
  }
  return arrival;
}

// Sends `count` datagrams of 1500 bytes from a to b as fast as the host can, and returns those that
// arrive until none comes for half a second.
Result<std::vector<Arrival>> SendBurst(const Link& link, uint32_t count) {
  auto make = [](const Endpoint& at) -> Result<UniqueFd> {
    UniqueFd socket = at.host.Run([] { return UniqueFd(::socket(AF_INET, SOCK_DGRAM, 0)); });
    auto address = MakeAddress(at.ipv4, 0);
    if (!socket || !address || bind(socket.get(), address->get(), address->length) != 0) {
      return Error::FromErrno("making a UDP socket");
    }
    return socket;
  };
  auto sender = make(link.a());
  if (!sender) return sender.error();
  auto receiver = make(link.b());
  if (!receiver) return receiver.error();
  int on = 1, plenty = 64 << 20;
  setsockopt(receiver->get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  setsockopt(receiver->get(), SOL_SOCKET, SO_RCVBUFFORCE, &plenty, sizeof plenty);
  auto to = LocalAddress(receiver->get());
  if (!to) return to.error();
  if (connect(sender->get(), to->get(), to->length) != 0) return Error::FromErrno("connecting");

  Status sent = SendNumbered(*sender, count);
  if (!sent) return sent.error();
  std::vector<Arrival> arrivals;
  while (WaitForEvents(receiver->get(), POLLIN, 500ms)) {
    for (;;) {
      const std::optional<Arrival> arrival = ReceiveNumbered(*receiver);
      if (!arrival) break;
      arrivals.push_back(*arrival);
    }
  }
  return arrivals;
}

// The least that any of them is behind a line of one segment each `segment_ns`. A stolen processor
// only ever makes single ones late, so this stays the same over time if the rate is right.
double LeastDelayNs(std::span<const Arrival> arrivals, double segment_ns) {
  double least = HUGE_VAL;
  for (const Arrival& arrival : arrivals) {
    least = std::min(least, static_cast<double>(arrival.when_ns) - arrival.number * segment_ns);
  }
  return least;
}

// How much slower than asked the line was, as a share, by what arrived in the second half: by then
// all are queued, so the line was never idle in between.
double DriftOf(std::span<const Arrival> arrivals, double rate_mbit) {
  const double segment_ns = 1500 * 8 * 1000 / rate_mbit;
  const auto second_half = arrivals.last(arrivals.size() / 2);
  const double drift_ns = LeastDelayNs(second_half.last(50), segment_ns) -
                          LeastDelayNs(second_half.first(50), segment_ns);
  return drift_ns / (segment_ns * static_cast<double>(second_half.size() - 50));
}

TEST_F(LinkTest, DatagramsArriveInOrderAtTheRateOfTheLine) {
  for (double rate_mbit : {10.0, 100.0}) {
    const auto count = static_cast<uint32_t>(rate_mbit * 30);
    ASSERT_OK_AND_ASSIGN(Link link,
                         Connect({.rate_mbit = rate_mbit, .delay_ms = 2, .queue_bytes = 10 << 20}));
    const double tolerance = link.is_realtime() ? 0.005 : 0.05;

    const double drift = Nearest(0, tolerance, [&] {
      const auto arrivals = SendBurst(link, count);
      EXPECT_OK(arrivals);
      EXPECT_EQ(arrivals ? arrivals->size() : 0, count);
      if (!arrivals || arrivals->size() != count) return HUGE_VAL;
      for (uint32_t i = 0; i < count; i++) EXPECT_EQ((*arrivals)[i].number, i);
      return DriftOf(*arrivals, rate_mbit);
    });

    EXPECT_NEAR(drift, 0, tolerance) << rate_mbit << " Mbit/s";
  }
}

TEST_F(LinkTest, TheQueueHoldsItsBytesAndDropsTheRest) {
  constexpr double kSegmentMs = 1.2;             // 1500 bytes at 10 Mbit/s
  constexpr double kTolerance = 2 * kSegmentMs;  // the one in transmission, the one that is refused
  const double queue_ms = Nearest(120, kTolerance, [&] {
    auto link = Connect({.rate_mbit = 10, .delay_ms = 1, .queue_bytes = 150'000});
    EXPECT_OK(link);
    if (!link) return HUGE_VAL;

    const auto arrivals = SendBurst(*link, 1000);

    EXPECT_OK(arrivals);
    if (!arrivals) return HUGE_VAL;
    const LinkStatistics statistics = link->Statistics(Direction::kAToB);
    EXPECT_EQ(statistics.segments_in, 1000U);
    EXPECT_EQ(statistics.segments_out, arrivals->size());
    EXPECT_EQ(statistics.dropped_by_queue, 1000 - arrivals->size());
    EXPECT_EQ(statistics.dropped_by_loss, 0U);
    EXPECT_GE(arrivals->size(), 100U) << "as many as the queue holds";
    EXPECT_LE(statistics.queue_ms_max, 120 + kSegmentMs) << "never more than it holds";
    return statistics.queue_ms_max;
  });
  EXPECT_NEAR(queue_ms, 120, kTolerance) << "150000 bytes at 10 Mbit/s";
}

TEST_F(LinkTest, LosesExactlyTheSegmentsThatTheSeedSays) {
  constexpr uint32_t kCount = 4000;
  for (double burst : {1.0, 5.0}) {
    ASSERT_OK_AND_ASSIGN(Link link, Connect({.loss_percent = 5, .loss_burst = burst}, /*seed=*/7));
    std::vector<uint32_t> expected;
    LossSequence sequence(7);
    for (uint32_t i = 0; i < kCount; i++) {
      if (!sequence.Next(0.05, burst)) expected.push_back(i);
    }

    ASSERT_OK_AND_ASSIGN(std::vector<Arrival> arrivals, SendBurst(link, kCount));

    std::vector<uint32_t> numbers;
    numbers.reserve(arrivals.size());
    for (const Arrival& arrival : arrivals) numbers.push_back(arrival.number);
    EXPECT_EQ(numbers, expected);
    EXPECT_EQ(link.Statistics(Direction::kAToB).dropped_by_loss, kCount - expected.size());
  }
}

TEST_F(LinkTest, ReordersExactlyTheSegmentsThatTheSeedSays) {
  constexpr uint32_t kCount = 4000;
  constexpr uint32_t kHeldFor = 26;                // at most: 3 ms of the line, which are 25
  constexpr uint32_t kJudged = kCount - kHeldFor;  // behind those too few follow
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 100,
                                           .delay_ms = 5,
                                           .reorder_percent = 1,
                                           .reorder_ms = 3,
                                           .queue_bytes = 10 << 20},
                                          /*seed=*/7));
  std::vector<uint32_t> expected;
  LossSequence sequence(7 + 1);
  for (uint32_t i = 0; i < kJudged; i++) {
    if (sequence.Next(0.01, 1)) expected.push_back(i);
  }

  ASSERT_OK_AND_ASSIGN(std::vector<Arrival> arrivals, SendBurst(link, kCount));

  EXPECT_EQ(arrivals.size(), kCount);
  std::vector<uint32_t> overtaken;
  uint32_t highest = 0;
  for (const Arrival& arrival : arrivals) {
    highest = std::max(highest, arrival.number);
    if (arrival.number == highest || arrival.number >= kJudged) continue;
    overtaken.push_back(arrival.number);
    EXPECT_LE(highest - arrival.number, kHeldFor);
  }
  EXPECT_EQ(overtaken, expected);
}

// ---- TCP ----

// A counter of the host, from a file like /proc/net/snmp: "Tcp: InSegs InCsumErrors" above
// "Tcp: 12 0".
int64_t CounterOf(const Host& host, const std::string& protocol, const std::string& counter) {
  return host.Run([&]() -> int64_t {
    std::ifstream file("/proc/thread-self/net/snmp");
    std::string names_line, values_line;
    while (std::getline(file, names_line) && std::getline(file, values_line)) {
      std::istringstream names(names_line), values(values_line);
      std::string name, value;
      while (names >> name && values >> value) {
        if (name == protocol + ":" && value != name) break;
        if (names_line.rfind(protocol + ":", 0) == 0 && name == counter) return std::stoll(value);
      }
    }
    return -1;
  });
}

TEST_F(LinkTest, DataArrivesAsItWasSentThroughLossAndQueueDrops) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 200, .delay_ms = 1}));
  link.Set(Direction::kAToB,
           {.rate_mbit = 200, .delay_ms = 1, .loss_percent = 1, .queue_bytes = 30'000});
  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    constexpr uint64_t kBytes = 5'000'000;
    LinkStatistics before = link.Statistics(Direction::kAToB);
    ASSERT_OK_AND_ASSIGN(
        BulkFlow flow,
        BulkFlow::Start(link.a(), link.b(),
                        {.family = family, .total_bytes = kBytes, .verify_payload = true}));

    EXPECT_OK(flow.WaitForCompletion(30s));

    LinkStatistics after = link.Statistics(Direction::kAToB);
    EXPECT_EQ(flow.bytes_received(), kBytes);
    EXPECT_EQ(flow.bytes_corrupt(), 0U);
    EXPECT_GT(after.dropped_by_loss, before.dropped_by_loss);
    EXPECT_EQ(after.refused, 0U);
  }
  EXPECT_GT(link.Statistics(Direction::kAToB).dropped_by_queue, 0U);
  EXPECT_EQ(CounterOf(*server_, "Tcp", "InCsumErrors"), 0);
}

TEST_F(LinkTest, OneFlowFillsALongFatPipe) {
  constexpr double kIdleMachine = 965;
  constexpr double kHalfTheLine = 500;
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 1000, .delay_ms = 10}));

  const double rate = Nearest(kIdleMachine, kIdleMachine - kHalfTheLine, [&] {
    auto flow = BulkFlow::Start(link.a(), link.b());
    EXPECT_OK(flow);
    if (!flow) return 0.0;
    flow->WaitUntil(4);
    flow->Stop();
    EXPECT_LE(flow->MbitPerSecond(2, 4), 1000);
    return flow->MbitPerSecond(2, 4);
  });

  EXPECT_GT(rate, kHalfTheLine);
  EXPECT_EQ(link.Statistics(Direction::kAToB).overruns, 0U);
}

TEST_F(LinkTest, ALowerRateInMidRunIsFeltAtOnce) {
  ASSERT_OK_AND_ASSIGN(Link link, Connect({.rate_mbit = 100, .delay_ms = 5}));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(link.a(), link.b()));
  flow.WaitUntil(1.5);

  link.Set(Direction::kAToB, {.rate_mbit = 20, .delay_ms = 5});
  flow.WaitUntil(3.5);

  EXPECT_GT(flow.MbitPerSecond(0.5, 1.5), 30);
  EXPECT_LT(flow.MbitPerSecond(2.5, 3.5), 21);
  EXPECT_GT(flow.MbitPerSecond(2.5, 3.5), 10);
}

}  // namespace
}  // namespace bpftune::testing
