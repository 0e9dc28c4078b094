// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The history that the daemon keeps (controller/history.h), as documents.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bpftunectl/json.h"

namespace bpftune::ctl {

// Oldest first. Lines that are damaged, or torn by the end of the daemon, are left out.
std::vector<Json> ParseDecisions(std::string_view lines);

// Of the files in the folder of an instance: the last so many about the tunable (empty: all).
std::vector<Json> ReadDecisions(const std::string& folder, const std::string& tunable, size_t last);

}  // namespace bpftune::ctl
