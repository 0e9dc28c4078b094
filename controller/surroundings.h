// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What bpftune finds around itself, apart from its hooks: what the kernel was built and started
// with, and what whoever started bpftune has left it. For bpftune -S.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bpftune {

struct Surroundings {
  std::string release;               // of the kernel, "6.12.118-cloud-amd64"
  bool has_btf = false;              // the kernel's own, where libbpf looks for it
  bool gives_out_btf = false;        // the kernel does when asked (kernel_types.h)
  std::string btf_file;              // given with --btf, and found
  std::optional<bool> jit;           // nothing: net.core.bpf_jit_enable is not in sight
  std::string lockdown;              // "none", "integrity", "confidentiality"; empty: not in sight
  std::string no_cgroup;             // why the root of cgroup v2 cannot be had; empty: it can
  bool in_cgroup_namespace = false;  // not the machine's first
  bool below_cgroup_root = true;     // firing.h
  bool sysctls_read_only = false;    // as in many containers
  uint64_t capabilities = 0;         // that we may use
  std::optional<bool> ftrace;        // nothing: not in sight
  std::optional<bool> kprobes;       // likewise
};

// Of this process. `root` is put in front of each path: for tests. What is no file, no_cgroup,
// gives_out_btf and btf_file, is left to the caller.
Surroundings ReadSurroundings(const std::string& root = "");

// The file that --btf means: `given` itself, or below a directory RELEASE.btf.
std::string BtfFile(const std::string& given, const std::string& release);

// One line each: what, how it is, and where it is not as it should be what that costs. Pure.
std::vector<std::string> SurroundingsLines(const Surroundings& s);

// Where the kernel's BTF cannot be had, and no file is given: what to do. Else empty. Pure.
std::string BtfAdvice(const Surroundings& s);

}  // namespace bpftune
