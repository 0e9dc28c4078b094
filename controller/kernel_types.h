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

#include "controller/result.h"
#include "controller/unique_fd.h"

struct btf;

namespace bpftune {

class KernelTypes {
 public:
  static bool AreGivenOut();
  // Asked from the kernel. Fails if it does not give them out.
  static Result<std::unique_ptr<KernelTypes>> Ask();

  // From a file. Fails if it has no types, or says that it is of another kernel.
  static Result<std::unique_ptr<KernelTypes>> Read(const std::string& path);

  // While it lives libbpf takes from here what programs attach to, in this process.
  ~KernelTypes();
  KernelTypes(const KernelTypes&) = delete;
  KernelTypes& operator=(const KernelTypes&) = delete;

  // A file with them, to open objects with; as long as this lives.
  const std::string& path() const { return path_; }

  // The number of the type that a program of such a section attaches to, "iter/tcp". Nothing: the
  // kernel has no such thing, or the file does not say.
  bool has_targets() const { return has_targets_; }
  std::optional<uint32_t> TargetOf(const std::string& section) const;

 private:
  KernelTypes() = default;
  Status Register();

  struct Free {
    void operator()(btf* types) const;
  };
  std::unique_ptr<btf, Free> types_;
  bool is_file_ = false;
  bool has_targets_ = true;
  UniqueFd file_;  // of what the kernel gave out
  std::string path_;
  int handlers_[4] = {};
};

}  // namespace bpftune
