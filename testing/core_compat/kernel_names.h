// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Which kernel structs, members and enumerators a BPF object names that a kernel does
// not have. bpf/common/kernel.bpf.h is written by hand; this is what catches a typo or a
// field that was renamed, without privileges and without loading anything.
//
// Only what the object's CO-RE relocations name counts: our own structs have none. Absent
// may be
//   - a struct or member reached through a flavour (tcp_sock___6_16), which exists to
//     describe other kernels;
//   - what the object itself asks about (bpf_core_field_exists, bpf_core_type_exists,
//     bpf_core_enum_value_exists), because it goes on without.

#include <string>
#include <vector>

#include "controller/result.h"

namespace bpftune::testing {

// One readable line for each absent name, sorted, without repeats; for instance
// "tcp_sock.rcv_wnnd". Fails if one of the files cannot be read or holds no BTF.
Result<std::vector<std::string>> AbsentFromKernel(const std::string& object_path,
                                                  const std::string& kernel_btf_path);

}  // namespace bpftune::testing
