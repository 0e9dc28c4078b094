// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Which boot this is: what some files say counts for one only.

#include <string>

#include "controller/result.h"

namespace bpftune {

Result<std::string> BootId();

}  // namespace bpftune
