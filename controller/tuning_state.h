// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The shared maps as the applier uses them (bpf/common/state_abi.h). An interface, so that the
// applier can be tested without a kernel.

#include <optional>

#include "bpf/common/state_abi.h"
#include "controller/result.h"
#include "controller/shared_maps.h"

namespace bpftune {

class TuningState {
 public:
  virtual ~TuningState() = default;

  virtual std::optional<owner> Owner(const state_key& set) const = 0;
  virtual std::optional<pending> Pending(const state_key& tunable) const = 0;
  virtual void ClearPending(const state_key& tunable) = 0;
  virtual std::optional<published> Published(const state_key& tunable) const = 0;
  // Fails (ENOSPC, E2BIG) when the map is full.
  virtual Status Publish(const state_key& tunable, const published& what) = 0;
  virtual void Forget(const state_key& tunable) = 0;
  // Of a set that is gone.
  virtual void ForgetOwner(const state_key& set) = 0;
  // What the tuner may do; zeros where nobody has said.
  virtual tuner_control Control(uint16_t tuner) const = 0;
  // Has the watcher carry out an order for a set; void if its generation has moved.
  virtual Status Order(const state_key& set, const order& what) = 0;
};

inline bool IsOwned(const std::optional<owner>& owner) {
  return owner && owner->generation != owner->reclaimed;
}

class Tuner;

class MapState : public TuningState {
 public:
  // `maps` must outlive this. Orders fail until a watcher is given.
  explicit MapState(const SharedMaps& maps);
  // The tuner whose pulse carries out orders; must outlive this.
  void set_watcher(const Tuner* watcher) { watcher_ = watcher; }

  std::optional<owner> Owner(const state_key& set) const override;
  std::optional<pending> Pending(const state_key& tunable) const override;
  void ClearPending(const state_key& tunable) override;
  std::optional<published> Published(const state_key& tunable) const override;
  Status Publish(const state_key& tunable, const published& what) override;
  void Forget(const state_key& tunable) override;
  void ForgetOwner(const state_key& set) override;
  tuner_control Control(uint16_t tuner) const override;
  Status Order(const state_key& set, const order& what) override;

 private:
  const int owners_, pending_, published_, control_, orders_;  // descriptors
  const Tuner* watcher_ = nullptr;
};

}  // namespace bpftune
