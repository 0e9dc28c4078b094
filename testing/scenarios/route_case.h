// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A host with many IPv6 routes in use: each to a destination of its own, through one neighbour.

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
inline const std::vector<std::string> kAsIfLimited = {"--without-hook", "limit__counts"};

class RouteCase {
 public:
  // With this max_size, and a quarter of it as gc_thresh.
  static Result<RouteCase> Create(int64_t max_size);

  const Host& host() const { return pair_->a.host; }
  // Packets to `count` destinations that had none yet. Returns how many were refused for want of a
  // route (ENETUNREACH).
  Result<int> Use(int count);
  Result<int64_t> ValueOf(const std::string& tunable) const;
  // All routes go, with the device that they lead to.
  Status DropRoutes();

 private:
  explicit RouteCase(VethPair pair) : pair_(std::make_unique<VethPair>(std::move(pair))) {}

  std::unique_ptr<VethPair> pair_;
  int used_ = 0;
};

}  // namespace bpftune::testing
