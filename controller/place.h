// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Which sysctl a request is about, and where the shared maps have it: of a tunable that each device
// has, that of the device named in the request.

#include <string>

#include "bpf/common/state_abi.h"
#include "controller/description.h"

namespace bpftune {

std::string NameOf(const Tunable& tunable, const request& record);

// `row`: the tunable's, or that of its set. A row that is not described is of no device.
state_key KeyOf(const Description& tuner, const request& record, uint16_t row);

// False: it is about a device that cannot be.
bool NamesDevice(const Tunable& tunable, const request& record);

// Makes `record` be about the device of a sysctl of this tunable.
void NameDevice(const Tunable& tunable, const std::string& sysctl, request* record);

}  // namespace bpftune
