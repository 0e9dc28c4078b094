// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A host that remembers many IPv6 routes: each to a destination of its own, through one router,
// past which the path's MTU is smaller. Copies for such hosts are counted by every kernel; copies
// for CPUs are not (measured: 0 of 400 on 6.18 and on Debian's 5.10.262).

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "controller/result.h"
#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/host.h"

namespace bpftune::testing {

inline constexpr char kRouteMaxSize[] = "net.ipv6.route.max_size";
inline constexpr char kRouteGcThresh[] = "net.ipv6.route.gc_thresh";

// The arguments with which the route tuner works on any kernel, as if each had a limit.
inline const std::vector<std::string> kAsIfLimited = {"--without-hook", "limit__counts",
                                                      "--without-hook", "limit__each__counts"};

class RouteCase {
 public:
  // With this max_size, and a quarter of it as gc_thresh.
  static Result<RouteCase> Create(int64_t max_size);

  const Host& host() const { return near_->a.host; }
  // Packets to `count` destinations that had none yet, too large for the path. Returns how many of
  // all destinations so far the kernel does not remember.
  Result<int> Use(int count);
  Result<int64_t> ValueOf(const std::string& tunable) const;
  // All routes go, with the device that they lead to.
  Status DropRoutes();

 private:
  RouteCase(VethPair near, VethPair far)
      : near_(std::make_unique<VethPair>(std::move(near))),
        far_(std::make_unique<VethPair>(std::move(far))) {}

  // What the kernel counts for the limit.
  int Remembered() const;

  std::unique_ptr<VethPair> near_;
  std::unique_ptr<VethPair> far_;
  int used_ = 0;
};

}  // namespace bpftune::testing
