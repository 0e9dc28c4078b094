// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Whether a text is OpenMetrics 1.0 (openmetrics.io): as much of it as has gauges and counters
// without timestamps and exemplars. What it does not know is an error.

#include <string>

namespace bpftune::ctl::testing {

// Which line is wrong, and why; empty: nothing.
std::string WhyNotOpenMetrics(const std::string& text);

}  // namespace bpftune::ctl::testing
