// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/place.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>

namespace bpftune {

std::string NameOf(const Tunable& tunable, const request& record) {
  if (!IsOfEachDevice(tunable.name)) return tunable.name;
  const char* const begin = record.device;
  const char* const end = std::find(begin, std::end(record.device), '\0');
  return OfDevice(tunable.name, {begin, static_cast<size_t>(end - begin)});
}

state_key KeyOf(const Description& tuner, const request& record, uint16_t row) {
  const bool of_device = row < tuner.tunables.size() && IsOfEachDevice(tuner.tunables[row].name);
  return {.netns = record.netns,
          .tuner = record.tuner,
          .row = row,
          .device = of_device ? device_id(record.device) : 0};
}

bool NamesDevice(const Tunable& tunable, const request& record) {
  return !IsOfEachDevice(tunable.name) || IsNetSysctl(NameOf(tunable, record));
}

void NameDevice(const Tunable& tunable, const std::string& sysctl, request* record) {
  if (!IsOfEachDevice(tunable.name)) return;
  const std::string device = DeviceOf(sysctl);
  std::memset(record->device, 0, sizeof(record->device));
  device.copy(record->device, sizeof(record->device) - 1);
}

}  // namespace bpftune
