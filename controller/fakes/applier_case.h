// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// An applier, a tuner that asks it to raise tcp_rmem in namespace 'blue', and an administrator who
// may write at any instant: what tests of the applier begin with.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "controller/applier.h"
#include "controller/fakes/fake_actuator.h"
#include "controller/fakes/fake_journal.h"
#include "controller/fakes/fake_log.h"
#include "controller/fakes/fake_state.h"
#include "controller/fakes/sample_tuner.h"

namespace bpftune {

inline constexpr uint64_t kNow = 50'000'000'000;
inline constexpr uint64_t kBlue = 4711;
inline constexpr uint32_t kSequence = 7;

inline const Values kBefore = Three(4096, 131072, 1310720);
inline const Values kWanted = Three(4096, 131072, 2621440);
inline const Values kTheirs = Three(4096, 87380, 6291456);

class ApplierCase : public ::testing::Test {
 protected:
  ApplierCase() {
    actuator.files[Blue(kRmem)] = kBefore;
    actuator.files[Blue(kWmem)] = kBefore;
    actuator.files[{NetnsId{42}, "net.ipv4.tcp_rmem"}] = kBefore;
    actuator.files[{kNoNetns, "net.core.netdev_max_backlog"}] = One(1000);
    actuator.files[{kNoNetns, "net.ipv4.tcp_rmem"}] = kBefore;  // of the host: never ours to touch
    actuator.hook = [&](const SysctlPlace&, const Values& values) {
      return state.AllowsOurs(Key(kRmem), row_in_flight, values);
    };
    untouched = actuator.files;
  }

  SysctlPlace Blue(SampleRow row) const { return {NetnsId{kBlue}, tuner.tunables[row].name}; }

  state_key Key(uint16_t row) const {
    const uint64_t netns = tuner.tunables[row].per_netns ? kBlue : 0;
    return {.netns = netns, .tuner = 3, .row = row, .reserved = 0};
  }

  // The largest value of tcp_rmem in namespace 'blue' is to be twice what it is.
  request Raise() const {
    request r = {};
    r.kind = REQUEST_SET;
    r.tuner = 3;
    r.tunable = kRmem;
    r.scenario = kIncrease;
    r.sequence = kSequence;
    r.mask = 1U << 2;
    r.netns = kBlue;
    r.time_ns = kNow - 1000;
    std::copy(kBefore.number.begin(), kBefore.number.end(), r.seen);
    std::copy(kWanted.number.begin(), kWanted.number.end(), r.wanted);
    r.evidence[0] = 940;
    return r;
  }

  void Ask(const request& r) {
    state.asked[{.netns = r.netns, .tuner = r.tuner, .row = r.tunable, .reserved = 0}] = {
        .time_ns = r.time_ns, .sequence = kSequence, .reserved = 0};
    applier.Apply(tuner, r);
    applier.Explain();
  }

  const Values& rmem() { return actuator.files[Blue(kRmem)]; }

  // Every file but this one still holds what it held, and nothing else was even tried.
  void ExpectNothingElseTouched(const SysctlPlace& place) {
    for (const auto& [other, values] : untouched) {
      if (other == place) continue;
      EXPECT_EQ(values, actuator.files[other]) << other.name;
    }
    for (const auto& [other, values] : actuator.tried) {
      EXPECT_EQ(place, other) << other.name << " in " << other.netns.value;
    }
  }

  // A write by the administrator: first the watcher's hook, then the kernel's handler.
  void TheirHook(const Values& values) {
    state.SeesForeignWrite(Key(kRmem), kRmem, values, rmem());
  }
  void TheirHandler(const Values& values) { (void)actuator.Handle(Blue(kRmem), values); }
  void TheyWrite(const Values& values) {
    TheirHook(values);
    TheirHandler(values);
  }

  // Calls `what` at the nth instant of this kind, once.
  void At(FakeActuator::Instant instant, int nth, const std::function<void()>& what) {
    actuator.at = [instant, nth, what, reached = 0](FakeActuator::Instant reached_now) mutable {
      if (reached_now != instant || ++reached != nth) return;
      what();
    };
  }

  const Description tuner = SampleTuner();
  FakeActuator actuator;
  FakeState state;
  FakeLog log;
  FakeJournal journal;
  Summary summary;
  uint64_t now = kNow;
  uint16_t row_in_flight = kRmem;
  std::map<SysctlPlace, Values> untouched;
  Applier applier{{.actuator = &actuator,
                   .state = &state,
                   .log = &log,
                   .summary = &summary,
                   .name_of =
                       [](NetnsId id) {
                         return id == kNoNetns
                                    ? std::string("global ns")
                                    : "netns 'blue' (id " + std::to_string(id.value) + ")";
                       },
                   .now_ns = [this] { return now; },
                   .journal = &journal}};
};

}  // namespace bpftune
