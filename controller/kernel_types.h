// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The kernel's types (BTF) where /sys/kernel/btf/vmlinux cannot be read. libbpf knows no other
// place for what attaches by them (tp_btf, iterators, fentry), only for what merely reads fields;
// but the kernel gives out its own by system call since 5.11, and their numbers are all that is
// needed.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "controller/result.h"
#include "controller/unique_fd.h"

struct btf;

namespace bpftune {

class KernelTypes {
 public:
  static bool AreGivenOut();
  // Asked from the kernel. Fails if it does not give them out.
  static Result<std::unique_ptr<KernelTypes>> Ask();

  // While it lives libbpf takes from here what programs attach to, in this process.
  ~KernelTypes();
  KernelTypes(const KernelTypes&) = delete;
  KernelTypes& operator=(const KernelTypes&) = delete;

  // A file with them, to open objects with; as long as this lives.
  std::string path() const;

  // The number of the type that a program of such a section attaches to, "iter/tcp". Nothing: the
  // kernel has no such thing.
  std::optional<uint32_t> TargetOf(std::string_view section) const;

 private:
  KernelTypes() = default;
  Status Register();

  struct Free {
    void operator()(btf* types) const;
  };
  std::unique_ptr<btf, Free> types_;
  UniqueFd file_;
  int handlers_[4] = {};
};

}  // namespace bpftune
