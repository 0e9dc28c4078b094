// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Namespaces come and go by the thousand; what is remembered of one goes with it. Every map whose
// key is a struct state_key is swept of the ids that no namespace has any more. Which are alive a
// BPF program says, that walks the kernel's own list (bpf/common/state_abi.h, tuner_alive). So it
// also knows how many came and went (tuner_namespaces).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "bpf/common/state_abi.h"
#include "controller/result.h"

namespace bpftune {

// Network namespaces of this machine, since the start. One that lives as long as the daemon does
// not look, and in which no program meets it, is not among them.
struct NetnsCounts {
  size_t appeared = 0;
  size_t disappeared = 0;
  size_t now = 0;
};

class NetnsReaper {
 public:
  // How often at most: usually; and when so many entries may have been made since that a map could
  // be filling up. And never so often that it takes more than 1 % of the time.
  static constexpr uint64_t kUsuallyNs = 60'000'000'000;
  static constexpr uint64_t kSoonNs = 1'000'000'000;
  static constexpr size_t kMany = STATE_MAX_ENTRIES / 8;

  struct Edges {
    int alive;                                     // the map tuner_alive
    int namespaces;                                // the map tuner_namespaces
    std::function<std::vector<int>()> state_maps;  // what to sweep
    std::function<Status()> walk;                  // runs the program that fills tuner_alive
  };

  explicit NetnsReaper(Edges edges) : edges_(std::move(edges)) {}

  // An entry for some namespace may have been made.
  void Noticed() { ++noticed_; }

  // Has no beat of its own: called when the daemon is awake anyway. Returns how many entries were
  // forgotten. Fails when the walk does; then nothing is forgotten.
  Result<size_t> RunIfDue(uint64_t now_ns);
  // Now.
  Result<size_t> Run();

  // As of the last run. Nothing while none has come to its end.
  const std::optional<NetnsCounts>& counts() const { return counts_; }

 private:
  void Count(size_t disappeared);

  Edges edges_;
  std::optional<NetnsCounts> counts_;
  size_t noticed_ = 0;
  uint64_t last_ns_ = 0;
  uint64_t cost_ns_ = 0;
};

}  // namespace bpftune
