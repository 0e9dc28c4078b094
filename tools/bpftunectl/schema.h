// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Whether a document is as docs/bpftunectl-schema.json says: as much of JSON Schema (2020-12) as
// that file uses. What it does not know is an error, so that nothing in the file is taken for
// checked that is not.

#include <string>

#include "tools/bpftunectl/json.h"

namespace bpftune::ctl::testing {

// Where and what is wrong; empty: nothing.
std::string WhyNot(const Json& schema, const Json& document);

// The schema itself, from a test's working directory.
Json Schema();

}  // namespace bpftune::ctl::testing
