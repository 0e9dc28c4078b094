// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// The loops that tcp_listen closes over somaxconn and tcp_max_syn_backlog, in the order of
// tcp_listen.bpf.c and tcp_listen_decide.bpf.h.

#include <algorithm>
#include <cstdint>

#include "bpf/common/pure/learning.h"
#include "bpf/common/pure/patience.h"
#include "bpf/common/pure/peak.h"
#include "bpf/tuners/tcp_listen_logic.h"
#include "testing/simulation/loop_suite.h"

namespace bpftune::simulation {
namespace {

constexpr uint64_t kUnneeded = 600 * kSecond;  // the cfg_ values of the tuner
constexpr uint64_t kHalfLife = 600 * kSecond;
constexpr uint64_t kHorizon = 3600 * kSecond;
constexpr uint64_t kPressure = 1 << 20;  // pages of tcp_mem

// One tunable, and one listener of an older program: what it has asked of listen() is not known.
class BacklogLoop {
 public:
  bool Meets(uint64_t wanted) const { return trace.value() >= wanted; }

  Trace trace{kFound};

 protected:
  static constexpr uint64_t kFound = 512;

  void Decide(uint64_t now, uint64_t need, bool is_held_back) {
    peak_note(&need_, now, need, kHalfLife);
    if (need > trace.value() / 2) needed_ns_ = now;
    if (!is_held_back) return;
    listen_demand demand = {};
    demand.need = need;
    const uint64_t target =
        raised_backlog(trace.value(), &demand, backlog_ceiling(kPressure, 4096));
    if (target == 0) return;
    learning_step_move(&step_, now, 1, kHorizon);
    patience_note_raised(&patience_, now);
    trace.Set(target);
  }

  // come_down()
  void ComeDown(uint64_t now) {
    const uint64_t value = trace.value();
    if (value <= kFound || now - needed_ns_ < patience_ns(&patience_, kUnneeded)) return;
    const uint64_t floor = std::max(uint64_t{peak_now(&need_, now, kHalfLife)}, kFound);
    if (!learning_worth_lowering(value, floor, kFound)) return;
    learning_step_move(&step_, now, -1, kHorizon);
    trace.Set(learning_step_apply(&step_, value, floor, value));
    patience_note_lowered(&patience_, now);
  }

  listener listener_ = {};
  listen_look look_ = {};

 private:
  learning_step step_ = {};
  patience patience_ = {};
  peak need_ = {};
  uint64_t needed_ns_ = 0;
};

// somaxconn: so many connections come at once, are accepted before anybody looks, and the program
// calls listen() again each second.
class SomaxconnLoop : public BacklogLoop {
 public:
  static constexpr uint64_t kHigh = 30'000;
  static constexpr uint64_t kMostPercent = 130;  // a quarter more, rounded up

  void Look(uint64_t second, uint64_t wanted) {
    look_.now_ns = NowAt(second);
    look_.most = look_.somaxconn = static_cast<__u32>(trace.value());
    look_.max_syn_backlog = 1 << 20;
    look_.syncookies = 1;
    look_.completed += std::min(wanted, trace.value());
    look_.drops += static_cast<__u32>(sat_sub(wanted, trace.value()));
    const listen_finding found = judge_listener(&listener_, &look_);
    Decide(look_.now_ns, found.need, found.overflowed != 0);
    if (second % 30 == 0) ComeDown(look_.now_ns);
  }
};

// tcp_max_syn_backlog, without SYN cookies: so many handshakes are under way, and all completed.
class SynBacklogLoop : public BacklogLoop {
 public:
  static constexpr uint64_t kHigh = 20'000;
  static constexpr uint64_t kMostPercent = 200;  // of which a quarter is kept free

  bool Meets(uint64_t wanted) const { return trace.value() - trace.value() / 4 >= wanted; }

  void Look(uint64_t second, uint64_t wanted) {
    look_.now_ns = NowAt(second);
    look_.most = look_.somaxconn = BACKLOG_MOST;
    look_.max_syn_backlog = static_cast<__u32>(trace.value());
    const uint64_t limit = syn_limit(&look_);
    look_.requests = static_cast<__u32>(std::min(wanted, limit));
    look_.completed += look_.requests;
    look_.drops += static_cast<__u32>(sat_sub(wanted, limit));
    const listen_finding found = judge_listener(&listener_, &look_);
    const uint64_t need = sat_add(look_.requests, found.syn_lost);
    Decide(look_.now_ns, found.syn_full ? need : 2ULL * look_.requests, found.syn_full != 0);
    if (second % 30 == 0) ComeDown(look_.now_ns);
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Somaxconn, LoopSuite, SomaxconnLoop);
INSTANTIATE_TYPED_TEST_SUITE_P(SynBacklog, LoopSuite, SynBacklogLoop);

}  // namespace
}  // namespace bpftune::simulation
