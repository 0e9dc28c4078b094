// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The maps of one tuner that outlive the daemon: those its object declares with
// __uint(pinning, LIBBPF_PIN_BY_NAME). They are pinned here, never by libbpf.

#include <cstdint>
#include <string>
#include <vector>

#include "controller/bpf_handles.h"
#include "controller/description.h"
#include "controller/kept/pins.h"
#include "controller/result.h"

namespace bpftune {

class KeptMaps {
 public:
  KeptMaps() = default;

  // From an object that is open, not loaded; takes over what an earlier daemon has kept for the
  // tuner with this number. Fails if a map cannot be kept: of a kind that has no entries, or
  // without types.
  static Result<KeptMaps> Of(const bpf_object* object, const Description& tuner, uint16_t number,
                             Pins* pins);

  // Makes an object, before it is loaded, use what was taken over, and pin nothing by itself.
  Status GiveTo(bpf_object* object) const;
  // Pins what is new; the object is loaded.
  void Keep(const bpf_object* object, Pins* pins) const;

 private:
  struct Map {
    std::string name;
    std::string pin;
    uint64_t layout = 0;
    UniqueFd taken;
  };

  std::vector<Map> maps_;
};

}  // namespace bpftune
