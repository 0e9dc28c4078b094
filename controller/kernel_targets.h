// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What programs attach to by a number: a type of the kernel. Where it is found in all of the
// kernel's types; and how a file of few of them (tools/min_btf) keeps it: as an enum with the
// section of each as a name, "iter/tcp". The enum is named after the kernel, build and all, as
// /proc/version has it, since in another build the numbers mean something else.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "controller/result.h"

struct btf;
struct btf_type;

namespace bpftune {

inline constexpr std::string_view kBannerStart = "Linux version ";

// Of the kernel that runs.
Result<std::string> RunningBanner();

// Nothing: there is no such type, or programs of that section do not attach to one.
std::optional<uint32_t> FindTarget(const btf* all_types, const std::string& section);

// The enum; null: there is none.
const btf_type* KeptTargets(const btf* few_types);
std::optional<uint32_t> FindKeptTarget(const btf* few_types, const std::string& section);

}  // namespace bpftune
