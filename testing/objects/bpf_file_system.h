// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A BPF file system of a test's own, for daemons that keep what they learn: in a mount namespace of
// the calling thread and of the processes it starts. Gone with the object.

#include <string>

#include "controller/result.h"

namespace bpftune::testing {

class BpfFileSystem {
 public:
  static Result<BpfFileSystem> Mount();

  BpfFileSystem(BpfFileSystem&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  BpfFileSystem& operator=(BpfFileSystem&&) = delete;
  ~BpfFileSystem();

  const std::string& path() const { return path_; }

 private:
  explicit BpfFileSystem(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace bpftune::testing
