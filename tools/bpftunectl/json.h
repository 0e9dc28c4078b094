// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What a command says is one JSON document, in this order of members; docs/bpftunectl-schema.json
// says what is in it. The text for people is made from the document, so it knows no more.

#include <nlohmann/json.hpp>

namespace bpftune::ctl {

using Json = nlohmann::ordered_json;

}  // namespace bpftune::ctl
