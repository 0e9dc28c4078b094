// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Numbers of /proc that BPF cannot read, declared by the tuners and read before their pulse, each
// no more often than its description says; or before their visits.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controller/description.h"
#include "controller/result.h"
#include "controller/sample_table.h"

namespace bpftune {

// The number that `field` names in the text of a file of that kind (tuner_abi.h). Nothing if it is
// not there, or is no number. Pure.
std::optional<uint64_t> FindSample(tuner_sample_kind kind, const std::string& text,
                                   const std::string& field);

class Sampler {
 public:
  // `map_fd`: MAP_SAMPLES.
  explicit Sampler(int map_fd) : map_fd_(map_fd) {}

  // `map_of` gives the descriptor of a map of the tuner, by name; it lives until Remove().
  void Add(uint16_t tuner, const Description& description,
           const std::function<int(const std::string&)>& map_of);
  void Remove(uint16_t tuner);
  // Reads what is due for the pulse of this tuner, in the namespace of the calling thread. Bit n of
  // `asked_for`: sample n of its description is due if it is one of those that are read only then.
  void Refresh(uint16_t tuner, uint64_t now_ns, uint32_t asked_for);
  // Reads what its visits need (SAMPLE_AT_VISIT), likewise.
  void RefreshForVisit(uint16_t tuner);

 private:
  struct Entry {
    uint16_t tuner;
    uint32_t row;
    Sample sample;
    std::string path;
    std::optional<SampleTable> table;  // SAMPLE_TABLE only
    uint64_t due_ns = 0;
  };

  void Store(Entry& entry, const std::optional<std::string>& text);

  int map_fd_;
  std::vector<Entry> entries_;
};

}  // namespace bpftune
