// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/link_emulator.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "testing/netns_harness/link_direction.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20  // Linux 6.2
#define TUN_F_USO6 0x40
#endif

namespace bpftune::testing {
namespace {

constexpr int kRealtimePriority = 10;
// Packets taken in before looking whether others are due. Each costs about 10 us, so this bounds
// how late the emulator makes itself.
constexpr int kTakeAtOnce = 8;
// A sleeper is woken this late, give or take as much again, on a virtual machine. So the last bit
// of a wait is not slept.
constexpr uint64_t kWakeUpNs = 40'000;

}  // namespace

Result<UniqueFd> OpenTun(const std::string& device) {
  std::string doing = "making TUN device '" + device + "'";
  UniqueFd tun(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tun) return Error::FromErrno(doing + ": opening '/dev/net/tun'");
  ifreq request{};
  if (device.size() >= sizeof request.ifr_name) return Error(ENAMETOOLONG, doing);
  device.copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  if (ioctl(tun.get(), TUNSETIFF, &request) != 0) return Error::FromErrno(doing);

  int header_bytes = sizeof(VirtioHeader);
  if (ioctl(tun.get(), TUNSETVNETHDRSZ, &header_bytes) != 0) return Error::FromErrno(doing);
  unsigned long tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (ioctl(tun.get(), TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) != 0 &&
      ioctl(tun.get(), TUNSETOFFLOAD, tcp) != 0) {
    return Error::FromErrno(doing + ": switching TSO on");
  }
  return tun;
}

LinkEmulator::LinkEmulator(UniqueFd tun_a, UniqueFd tun_b, UniqueFd stop,
                           std::unique_ptr<LinkDirection> a_to_b,
                           std::unique_ptr<LinkDirection> b_to_a)
    : tun_a_(std::move(tun_a)),
      tun_b_(std::move(tun_b)),
      stop_(std::move(stop)),
      a_to_b_(std::move(a_to_b)),
      b_to_a_(std::move(b_to_a)),
      thread_([this] { Loop(); }) {
  sched_param priority{};
  priority.sched_priority = kRealtimePriority;
  is_realtime_ = pthread_setschedparam(thread_.native_handle(), SCHED_FIFO, &priority) == 0;
}

Result<std::unique_ptr<LinkEmulator>> LinkEmulator::Start(UniqueFd tun_a, UniqueFd tun_b,
                                                          const LinkParameters& both_ways,
                                                          uint64_t seed) {
  UniqueFd stop(eventfd(0, EFD_CLOEXEC));
  if (!stop) return Error::FromErrno("making an event descriptor");
  auto a_to_b = LinkDirection::Create(tun_a.get(), tun_b.get(), both_ways, seed);
  if (!a_to_b) return a_to_b.error();
  auto b_to_a = LinkDirection::Create(tun_b.get(), tun_a.get(), both_ways, ~seed);
  if (!b_to_a) return b_to_a.error();
  return std::unique_ptr<LinkEmulator>(new LinkEmulator(
      std::move(tun_a), std::move(tun_b), std::move(stop), std::move(*a_to_b), std::move(*b_to_a)));
}

LinkEmulator::~LinkEmulator() {
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

void LinkEmulator::Set(Direction direction, const LinkParameters& parameters) {
  (direction == Direction::kAToB ? a_to_b_ : b_to_a_)->Set(parameters);
}

LinkStatistics LinkEmulator::Statistics(Direction direction) const {
  return (direction == Direction::kAToB ? a_to_b_ : b_to_a_)->Statistics();
}

void LinkEmulator::Loop() {
  prctl(PR_SET_NAME, "link_emulator");
  prctl(PR_SET_TIMERSLACK, 1);  // nanosecond; a thread without SCHED_FIFO would be 50 us late
  for (;;) {
    bool worked = false;
    for (LinkDirection* direction : {a_to_b_.get(), b_to_a_.get()}) {
      worked |= direction->DeliverDue(MonotonicNs());
      for (int i = 0; i < kTakeAtOnce && direction->TakeOne(); i++) worked = true;
    }
    if (worked) continue;
    if (!WaitForWork()) return;
  }
}

bool LinkEmulator::WaitForWork() {
  std::optional<uint64_t> due = a_to_b_->next_due_ns();
  if (auto other = b_to_a_->next_due_ns(); other && (!due || *other < *due)) due = other;
  uint64_t wake_up = MonotonicNs() + kWakeUpNs;
  uint64_t left_ns = due && *due > wake_up ? *due - wake_up : 0;
  timespec timeout{static_cast<time_t>(left_ns / 1'000'000'000),
                   static_cast<long>(left_ns % 1'000'000'000)};
  pollfd events[] = {
      {tun_a_.get(), POLLIN, 0}, {tun_b_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  ppoll(events, 3, due ? &timeout : nullptr, nullptr);
  return events[2].revents == 0;
}

}  // namespace bpftune::testing
