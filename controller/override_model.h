// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// How the daemon yields to administrators, as state machines; override_model_test.cc checks them
// over all interleavings. This is the specification of the applier and of the sysctl watcher: a
// case of Applier() is a step that others may come between, and a switch in Rules is a rule that
// the code must have, because without it a test shows the trace that breaks the promise.
//
// The promise. From the instant an administrator's write takes effect, the value is theirs: when
// everything has come to rest, it is the value of the last successful foreign write, or, where
// administrators wrote at the same time, one that some order of their writes without us would have
// given as well; unless `reclaim` gave it back to us after that write began.
//
// What the kernel gives us: the hook (cgroup/sysctl) sees a write before the handler does, nothing
// holds the two together, and the handler may still refuse the value. It refuses by value: what it
// refuses an administrator it refuses us.
//
// What no rule can promise, and the model therefore leaves out (each with the reason):
//   - a write the hook cannot see that lands between our comparing and our reading back (some
//     microseconds): nothing marks it. Outside that window the next decision finds it.
//   - such a write of just the value that we wrote last: equal is ours.
//   - a successful write and two refused ones after it, all within one write of ours: the entry
//     remembers one value before the last.
//   - any of this while the daemon is dead. It puts right at its next start what it left undone: an
//     entry that is theirs, and the value in force the one it meant to write.
//   - the test KnownLimit.
//   - what else is written while the decision still runs in which one of these landed, or a
//   reclaim:
//     it does not replace the value that we had found, so it might be meant for elsewhere.

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bpftune::override_model {

using Value = uint8_t;
constexpr Value kBaseline = 1;
constexpr Value kLargest = 3;                     // the kernel makes this of a larger one of ours
constexpr std::array<Value, 2> kWanted = {2, 4};  // by our first and our second decision
constexpr Value kRefused = 9;                     // by the kernel, from anybody
constexpr std::array<Value, 6> kValues = {kBaseline, 2, 3, 5, 6, kRefused};
constexpr int kRounds = 4;  // of putting the administrator's value back

struct Write {
  Value value;
  bool hidden = false;     // from the hook: a descriptor held on this namespace by another
  bool elsewhere = false;  // seen by the hook, but goes to another namespace, by such a descriptor
};
constexpr Value kElsewhere = 7;  // the value there

struct Scenario {
  std::vector<std::vector<Write>> administrators;  // at most two, at most four writes in all
  bool reclaim = false;                            // once, at any time
};

// The protocol. A test that switches one rule off expects a violation.
struct Rules {
  // The hook:
  bool deny = true;                      // refuses our write to the administrator's tunable
  bool record_equal_when_theirs = true;  // counts a write of the present value if it is theirs
  bool record_equal_always = false;      // and if it is ours, too (see KnownLimit)
  bool keep_first_before = true;         // remembers what the first of their writes replaced
  // The applier:
  bool compare_with_last_write = true;    // not with what BPF saw: that may be theirs already
  bool recheck = true;                    // after writing, asks whether it is theirs now
  bool recheck_after_readback = true;     // and after reading back, not before
  int rounds = kRounds;                   // puts back again when theirs has changed meanwhile
  bool put_back_over_any = true;          // over what it may be by now, not only over `wanted`
  bool put_back_only_here = true;         // if the first of theirs replaced what stood here
  bool withdraw = true;                   // their last value is refused: the one before it counts
  bool unchanged_readback_yields = true;  // the value from before read back: somebody put it back
  // The promise: less KnownLimit.
  bool excuse_stalled_equal = true;
};

enum class Pc : uint8_t {
  kDecide,
  kReadEntry,
  kCompare,
  kHook,
  kHandle,
  kReadBack,
  kRecheck,
  kRestoreRead,
  kRestoreCompare,
  kRestoreHook,
  kRestoreHandle,
  kWithdraw,
  kRestoreRecheck,
  kPublish,
  kAtRest,
};

struct Entry {  // of the map `owners`; replaced whole
  uint8_t generation, reclaimed;
  Value theirs;    // their last value
  Value previous;  // the one before it, in case the kernel refused the last
  Value before;    // what the hook saw in force when it became theirs
  bool IsTheirs() const { return generation != reclaimed; }
};

// Bytes only, no padding: it is compared and hashed as memory.
struct State {
  Value value;
  Entry entry;

  struct {
    Pc pc;
    uint8_t decision;
    Entry before, now;              // the entry as read
    uint8_t reclaimed;              // the entry's, when we last took the value for ours
    Value seen, last, found, back;  // by BPF; our last write; before and after writing
    uint8_t rounds;
    uint8_t late;    // an administrator's value stood when our write reached the hook
    uint8_t untold;  // a foreign write landed of which nothing tells us
  } applier;

  struct {
    uint8_t next, in_flight, ignored, voided, ended_before;
  } administrators[2];

  uint8_t reclaim_done;
  // What an observer would know: the successful writes (a bit each) that may count as the last,
  // and whether the value that we read back was put there by a write that the hook had seen.
  uint8_t candidates, value_is_foreign, back_is_foreign;

  bool operator==(const State& other) const {
    return std::memcmp(this, &other, sizeof(*this)) == 0;
  }
};

// The steps that can be taken from a state. Each says what it is, and which promise it breaks.
class Protocol {
 public:
  Protocol(Rules rules, Scenario scenario) : rules_(rules), scenario_(std::move(scenario)) {}

  const Scenario& scenario() const { return scenario_; }
  const std::string& said() const { return said_; }
  std::string_view TakeViolation() { return std::exchange(violation_, {}); }

  void Applier(State& s) {
    auto& a = s.applier;
    const Value wanted = kWanted[a.decision];
    switch (a.pc) {
      case Pc::kDecide:
        Say("BPF decides on what it sees");
        a.seen = s.value;
        a.pc = Pc::kReadEntry;
        return;
      case Pc::kReadEntry:
        Say("we read the entry");
        a.before = s.entry;
        a.pc = Pc::kCompare;
        if (a.before.IsTheirs()) Stop(s);
        return;
      case Pc::kCompare: {
        Say("we compare");
        a.found = s.value;
        if (a.reclaimed != a.before.reclaimed) a.last = s.value;  // given back: the value as it is
        a.reclaimed = a.before.reclaimed;
        const bool ours =
            a.found == a.last || (!rules_.compare_with_last_write && a.found == a.seen);
        a.pc = Pc::kHook;
        if (ours) return;
        Say("we compare, and yield");
        Yield(s, a.found);
        Stop(s);
        return;
      }
      case Pc::kHook: {
        const bool allowed = HookAllowsOurs(s, wanted);
        Say("we write " + std::to_string(wanted) + ": hook" + (allowed ? "" : " denies"));
        a.late = s.candidates != 0 && wanted != s.entry.theirs;
        a.pc = Pc::kHandle;
        if (!allowed) Stop(s);  // nothing of ours has landed: nothing to put right
        return;
      }
      case Pc::kHandle:
        WriteOurs(s, "write", wanted);
        if (a.late) Violate("late: a write of ours that came after theirs has landed");
        a.pc = rules_.recheck_after_readback ? Pc::kReadBack : Pc::kRecheck;
        return;
      case Pc::kReadBack:
        Say("we read back");
        a.back = s.value;
        s.back_is_foreign = s.value_is_foreign;
        a.pc = rules_.recheck_after_readback ? Pc::kRecheck : Pc::kPublish;
        return;
      case Pc::kRecheck: {
        Say("we read the entry again");
        const bool theirs_now = rules_.recheck && s.entry.IsTheirs();
        a.pc = theirs_now                      ? Pc::kRestoreRead
               : rules_.recheck_after_readback ? Pc::kPublish
                                               : Pc::kReadBack;
        return;
      }
      case Pc::kRestoreRead:
        Say("theirs by now: we read their value");
        a.now = s.entry;
        a.pc = Pc::kRestoreCompare;
        if (!a.now.IsTheirs()) Stop(s);  // reclaimed in between
        return;
      case Pc::kRestoreCompare:
        Say("we compare with theirs");
        a.pc = Pc::kRestoreHook;
        if (s.value == a.now.theirs || (!rules_.put_back_over_any && s.value != wanted) ||
            (rules_.put_back_only_here && a.now.before != a.found)) {
          Stop(s);
        }
        return;
      case Pc::kRestoreHook:
        Say("we put back " + std::to_string(a.now.theirs) + ": hook");
        a.pc = HookAllowsOurs(s, a.now.theirs) ? Pc::kRestoreHandle : Pc::kRestoreRecheck;
        return;
      case Pc::kRestoreHandle:
        WriteOurs(s, "put back", a.now.theirs);
        if (IsElsewhere(a.now.theirs)) Violate("strayed: written here what was meant elsewhere");
        a.pc = a.now.theirs == kRefused && rules_.withdraw ? Pc::kWithdraw : Pc::kRestoreRecheck;
        return;
      case Pc::kWithdraw:
        Say("refused: we withdraw it from the entry");
        a.pc = Pc::kRestoreRead;
        if (!Withdraw(s, a.now.generation) || ++a.rounds == rules_.rounds) Stop(s);
        return;
      case Pc::kRestoreRecheck:
        Say("we read the entry once more");
        a.pc = Pc::kRestoreRead;
        if (s.entry.generation == a.now.generation || ++a.rounds == rules_.rounds) Stop(s);
        return;
      case Pc::kPublish:
        // What was read back is ours, or what the kernel made of it; not the value from before.
        if (a.back == a.found && rules_.unchanged_readback_yields) {
          Say("nothing has changed: we yield");
          Yield(s, a.back);
        } else {
          Say("we publish " + std::to_string(a.back) + " as ours");
          if (a.back != wanted && s.back_is_foreign)
            Violate("claimed: we call an administrator's value ours");
          a.last = a.back;
        }
        Stop(s);
        return;
      case Pc::kAtRest:
        return;
    }
  }

  void Reclaim(State& s) {
    Say("reclaim");
    s.reclaim_done = 1;
    s.entry.reclaimed = s.entry.generation;
    s.candidates = s.value_is_foreign = s.back_is_foreign = 0;
    s.applier.untold = s.applier.pc > Pc::kCompare && s.applier.pc < Pc::kAtRest;
    for (auto& a : s.administrators) a.voided = a.in_flight;
  }

  // For each write the hook, then the handler.
  void Administrator(State& s, size_t who) {
    auto& a = s.administrators[who];
    const Write& w = scenario_.administrators[who][a.next];
    const std::string name = std::string(who ? "B" : "A") + " writes " + std::to_string(w.value);
    if (!w.hidden && !a.in_flight) {
      a.in_flight = 1;
      a.voided = 0;
      a.ended_before = s.candidates;
      a.ignored = !HookRecords(s, w.value, w.elsewhere ? kElsewhere : s.value);
      Say(name + ": hook" + (a.ignored ? " ignores it, equal" : ""));
      return;
    }
    const bool changes = w.value != s.value;
    if (w.hidden) a.ended_before = s.candidates;
    if (w.elsewhere) {
      Say(name + ": handler, elsewhere");
    } else if (Handle(s, w.value)) {
      Say(name + ": handler");
      Observe(s, who, w, changes);
    } else {
      Say(name + ": handler refuses");
    }
    a.in_flight = a.ignored = a.voided = a.ended_before = 0;
    a.next++;
  }

  // May this be what stands when everything has come to rest?
  bool IsCandidate(const State& s, Value value) const {
    for (size_t who = 0; who < scenario_.administrators.size(); who++)
      for (size_t i = 0; i < scenario_.administrators[who].size(); i++)
        if ((s.candidates & Bit(who, i)) && scenario_.administrators[who][i].value == value)
          return true;
    return false;
  }

 private:
  void Say(const std::string& step) { said_ = step; }
  void Violate(std::string_view what) { violation_ = what; }

  // ---- the kernel and the watcher

  // The handler: takes the value or refuses it.
  static bool Handle(State& s, Value value) {
    if (value == kRefused) return false;
    s.value = value;
    return true;
  }

  // The hook, for a write of ours: may it go on to the handler?
  bool HookAllowsOurs(const State& s, Value value) const {
    return !rules_.deny || !s.entry.IsTheirs() || value == s.entry.theirs;
  }

  // The hook, for anybody else's. False: ignored.
  bool HookRecords(State& s, Value value, Value before) const {
    const bool equal_counts =
        rules_.record_equal_always || (rules_.record_equal_when_theirs && s.entry.IsTheirs());
    if (value == before && !equal_counts) return false;
    s.entry.previous = s.entry.IsTheirs() ? s.entry.theirs : value;
    if (!s.entry.IsTheirs() || !rules_.keep_first_before) s.entry.before = before;
    s.entry.theirs = value;
    s.entry.generation++;
    return true;
  }

  // A program of the watcher that the applier runs when it found a foreign value by comparing.
  static void Yield(State& s, Value found) {
    if (s.entry.IsTheirs()) return;
    s.entry.theirs = s.entry.previous = s.entry.before = found;
    s.entry.generation++;
  }

  // Another: the kernel has refused us the last value of this generation, so it refused them too.
  // False: there is none before it.
  static bool Withdraw(State& s, uint8_t generation) {
    if (s.entry.generation != generation) return true;
    if (s.entry.theirs == s.entry.previous) return false;
    s.entry.theirs = s.entry.previous;
    return true;
  }

  // ---- what an observer knows

  // What the promise is after a successful foreign write.
  void Observe(State& s, size_t who, const Write& w, bool changes) {
    const auto& a = s.administrators[who];
    const bool told = !a.voided && IsToldOf(s, w, a.ignored);
    if (!told) {
      if (!changes) return;
      s.applier.untold = s.applier.pc > Pc::kCompare && s.applier.pc < Pc::kAtRest;
      s.candidates = s.value_is_foreign = 0;
      return;
    }
    if (changes) s.value_is_foreign = !w.hidden;
    if (!changes && s.candidates == 0 && (w.hidden || a.ignored)) return;
    s.candidates = static_cast<uint8_t>((s.candidates & ~a.ended_before) | Bit(who, a.next));
  }

  // Does the applier learn of this write? If not it is one of those that nobody can promise.
  bool IsToldOf(const State& s, const Write& w, bool ignored) const {
    const auto& a = s.applier;
    if (a.untold && rules_.put_back_only_here)
      return false;  // it is not the old value they replace
    if (!w.hidden && (!ignored || !rules_.excuse_stalled_equal)) return true;  // by the entry
    if (a.pc > Pc::kCompare && a.pc <= Pc::kReadBack)  // by the old value read back
      return !w.hidden && w.value == a.found && !a.untold;
    const bool restoring = a.pc >= Pc::kRecheck && a.pc < Pc::kAtRest && s.entry.IsTheirs();
    if (w.hidden && restoring) return false;
    // By comparing before the next write; or there will be none.
    const bool published = a.pc != Pc::kRecheck && a.pc != Pc::kPublish;
    return (s.entry.IsTheirs() && a.pc != Pc::kCompare) ||
           (w.value != (published ? a.last : a.back) && a.reclaimed == s.entry.reclaimed);
  }

  uint8_t Bit(size_t who, size_t write) const {
    return static_cast<uint8_t>(1u << (who * scenario_.administrators[0].size() + write));
  }

  bool IsElsewhere(Value value) const {
    for (const auto& writes : scenario_.administrators)
      for (const Write& w : writes)
        if (w.elsewhere && w.value == value) return true;
    return false;
  }

  // ---- the applier

  void Stop(State& s) {
    auto& a = s.applier;
    a.before = a.now = {};
    a.seen = a.found = a.back = a.rounds = a.late = a.untold = 0;
    s.back_is_foreign = 0;
    a.pc = ++a.decision < kWanted.size() ? Pc::kDecide : Pc::kAtRest;
  }

  void WriteOurs(State& s, const char* why, Value value) {
    const bool taken = Handle(s, value == kWanted[1] ? kLargest : value);
    if (taken) s.value_is_foreign = 0;
    Say(std::string("we ") + why + " " + std::to_string(value) + ": handler" +
        (taken ? "" : " refuses"));
  }

  const Rules rules_;
  const Scenario scenario_;
  std::string said_;
  std::string_view violation_;
};

}  // namespace bpftune::override_model
