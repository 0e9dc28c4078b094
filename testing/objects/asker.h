// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Speaks through the test tuner 'ask' of a running daemon: puts records of the test's choosing into
// its ring. And the other way: gives a set back to the daemon that the administrator had taken.

#include <cstdint>
#include <optional>
#include <vector>

#include "bpf/common/request_abi.h"
#include "bpf/common/state_abi.h"
#include "controller/result.h"
#include "controller/unique_fd.h"
#include "testing/netns_harness/host.h"

namespace bpftune::testing {

// Rows of ask.policy.h.
enum AskTunable : uint16_t { kAskOutput = 0, kAskPorts = 1 };
inline constexpr char kAskOutputName[] = "net.ipv4.tcp_limit_output_bytes";
inline constexpr char kAskPortsName[] = "net.ipv4.ip_local_port_range";

class Asker {
 public:
  // Fails unless that process has loaded the tuner 'ask'.
  static Result<Asker> Of(pid_t daemon);

  // A REQUEST_SET of all values of a tunable in the namespace of a host.
  request Set(const Host& host, uint16_t tunable, const std::vector<int64_t>& seen,
              const std::vector<int64_t>& wanted);

  // Puts the record into the ring; tuner and time are filled in. A REQUEST_SET while another for
  // the same tunable is unanswered is not sent.
  Status Ask(const request& record);
  // The daemon has taken up this REQUEST_SET; what comes of it may follow a moment later.
  bool IsAnswered(const request& record) const;

  // Asks for one more than kAskOutput is there, and waits for the answer. False unless that is
  // what it is then.
  bool Raise(const Host& host);

  std::optional<owner> Owner(const Host& host, uint16_t tunable) const;
  std::optional<published> Published(const Host& host, uint16_t tunable) const;
  // How often it has asked for that, by the map that outlives the daemon.
  uint64_t TimesAsked(const Host& host, uint16_t tunable) const;
  // Has the watcher carry out an order for a set, as a tool beside the daemon would.
  Status Order(const Host& host, uint16_t tunable, const order& what);
  // The set is the daemon's again, with the value that is there as the one it starts from.
  Status GiveBack(const Host& host, uint16_t tunable);

 private:
  state_key Key(uint64_t netns, uint16_t tunable) const;
  uint64_t IdOf(const Host& host) const;

  UniqueFd walk_;  // link of the program that asks
  UniqueFd asked_;
  UniqueFd carry_out_;  // link of the watcher's program that carries out orders
  UniqueFd orders_;
  UniqueFd owners_;
  UniqueFd pending_;
  UniqueFd published_;
  UniqueFd remembered_;
  uint16_t tuner_ = 0;
  uint32_t sequence_ = 0;
};

}  // namespace bpftune::testing
