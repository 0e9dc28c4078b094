// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// check_object OBJECT...: every kernel name that these objects use exists in the running
// kernel. The test that tuner() gives to each tuner.

#include <unistd.h>

#include <cstdio>

#include "testing/core_compat/kernel_names.h"

int main(int argc, char** argv) {
  constexpr const char* kKernel = "/sys/kernel/btf/vmlinux";
  if (access(kKernel, R_OK) != 0) {
    std::printf("NOT RUN: no %s on this machine\n", kKernel);
    return 0;
  }
  bool good = argc > 1;
  for (int i = 1; i < argc; ++i) {
    const auto absent = bpftune::testing::AbsentFromKernel(argv[i], kKernel);
    if (!absent) {
      std::fprintf(stderr, "%s\n", absent.error().message().c_str());
      good = false;
      continue;
    }
    for (const auto& name : *absent) {
      std::fprintf(stderr,
                   "%s: this kernel has no '%s'. A typo, or a field of other kernels: then give "
                   "the struct a flavour or ask with bpf_core_field_exists().\n",
                   argv[i], name.c_str());
      good = false;
    }
  }
  return good ? 0 : 1;
}
