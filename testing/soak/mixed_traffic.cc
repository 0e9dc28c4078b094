// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/soak/mixed_traffic.h"

#include <chrono>
#include <utility>

#include "testing/netns_harness/bulk_flow.h"
#include "testing/netns_harness/expect.h"
#include "testing/netns_harness/traffic.h"
#include "testing/scenarios/conn_case.h"
#include "testing/scenarios/listen_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr LinkParameters kFar = {.rate_mbit = 200, .delay_ms = 20};
constexpr LinkParameters kLossy = {.rate_mbit = 100, .delay_ms = 20, .loss_percent = 1};
// Half a second of the far path; of the other as long as its congestion control needs.
constexpr uint64_t kFarBytes = 12'000'000;
constexpr uint64_t kLossyBytes = 3'000'000;
constexpr int kShortConnections = 200;
constexpr int kBurst = 64;
constexpr int kNeighbours = 100;
constexpr int kFragmented = 16;  // datagrams ...
constexpr int kFragments = 40;   // ... of 56 kB
constexpr int kCompleted = 200;

// What a host finds that nobody has tuned: all of it less than the traffic needs.
Status Squeeze(const Host& host) {
  if (auto set = host.SetSysctl("net.ipv4.tcp_wmem", "4096 16384 262144"); !set) return set;
  if (auto set = host.SetSysctl("net.ipv4.tcp_rmem", "4096 131072 262144"); !set) return set;
  if (auto set = host.SetSysctl(kSomaxconn, "16"); !set) return set;
  if (auto set = UseLossBasedDefault(host); !set) return set.error();
  return LimitFragments(host, Family::kIpv4, 256 << 10);
}

}  // namespace

MixedTraffic::MixedTraffic(Host server, Host client, Link far, Link lossy, VethPair near,
                           Listener listener, DatagramPair datagrams, FragmentSource fragments,
                           Neighbourhood neighbours)
    : server_(std::move(server)),
      client_(std::move(client)),
      far_(std::move(far)),
      lossy_(std::move(lossy)),
      near_(std::move(near)),
      listener_(std::move(listener)),
      datagrams_(std::move(datagrams)),
      fragments_(std::move(fragments)),
      neighbours_(std::move(neighbours)) {}

Result<MixedTraffic> MixedTraffic::Create() {
  auto server = Host::Create("server");
  if (!server) return server.error();
  auto client = Host::Create("client");
  if (!client) return client.error();
  for (const Host* host : {&*server, &*client}) {
    if (auto squeezed = Squeeze(*host); !squeezed) return squeezed.error();
  }
  auto far = Link::Create(*client, *server, kFar);
  if (!far) return far.error();
  auto lossy = Link::Create(*client, *server, kLossy);
  if (!lossy) return lossy.error();
  auto near = VethPair::Create(*client, *server);
  if (!near) return near.error();
  auto listener = ListenFor(near->b, kAsMuchAsThereIs);
  if (!listener) return listener.error();
  auto datagrams = DatagramPair::Create(*server);
  if (!datagrams) return datagrams.error();
  auto fragments = FragmentSource::Create(near->a, near->b, Family::kIpv4);
  if (!fragments) return fragments.error();
  // One at a time they are completed: this is no attack.
  for (int i = 0; i < kCompleted; ++i) {
    if (auto sent = fragments->SendInterleaved(1, kFragments); !sent) return sent.error();
  }
  auto neighbours = Neighbourhood::Create(Family::kIpv4, kNeighbours);
  if (!neighbours) return neighbours.error();
  return MixedTraffic(std::move(*server), std::move(*client), std::move(*far), std::move(*lossy),
                      std::move(*near), std::move(*listener), std::move(*datagrams),
                      std::move(*fragments), std::move(*neighbours));
}

Status MixedTraffic::Round() {
  if (auto done = Transfers(); !done) return done;
  if (auto done = Connections(); !done) return done;
  return Datagrams();
}

Status MixedTraffic::Transfers() const {
  auto far = BulkFlow::Start(far_.a(), far_.b(), {.total_bytes = kFarBytes});
  if (!far) return far.error();
  auto lossy = BulkFlow::Start(lossy_.a(), lossy_.b(),
                               {.congestion_control = "", .total_bytes = kLossyBytes});
  if (!lossy) return lossy.error();
  for (const BulkFlow* flow : {&*far, &*lossy}) {
    if (auto took = flow->WaitForCompletion(60s); !took) return took.error();
  }
  return Ok();
}

Status MixedTraffic::Connections() {
  if (auto rate = ShortConnections(near_.a, near_.b, kShortConnections); !rate) return rate.error();
  {
    auto waiting = BeginConnections(near_.a, listener_.address, kBurst);
    if (!waiting) return waiting.error();
    // As many as there was room for; the others try again, and go with their sockets.
    if (!EventuallyTrue([this] { return AcceptAll(listener_) != 0; }, 10s)) {
      return Error("of " + std::to_string(kBurst) + " connections none has arrived");
    }
  }
  auto guest = Host::Create("guest");
  if (!guest) return guest.error();
  const Endpoint inside = Loopback(*guest);
  if (auto rate = ShortConnections(inside, inside, kBurst); !rate) return rate.error();
  return Ok();
}

Status MixedTraffic::Datagrams() {
  datagrams_.Send(kBurst);
  datagrams_.ReceiveAll();
  if (auto sent = fragments_.SendInterleaved(kFragmented, kFragments); !sent) return sent;
  return neighbours_.SendToEach(kNeighbours, 50us);
}

}  // namespace bpftune::testing
