// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A folder of tuner objects for one daemon of one test; gone with the object.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "controller/result.h"

namespace bpftune::testing {

// Where the objects are, from a test's working directory.
inline constexpr char kSysctlObject[] = "bpf/tuners/sysctl.bpf.o";
inline constexpr char kNetnsObject[] = "bpf/tuners/netns.bpf.o";
inline constexpr char kTcpBufferObject[] = "bpf/tuners/tcp_buffer.bpf.o";
inline constexpr char kAskObject[] = "testing/objects/ask.bpf.o";
inline constexpr char kContestObject[] = "testing/objects/contest.bpf.o";
inline constexpr char kProbesObject[] = "testing/objects/probes.bpf.o";
inline constexpr char kSpareObject[] = "testing/objects/spare.bpf.o";

// Runs a command in surroundings that lack something; its head says which.
inline constexpr char kWithinPath[] = "testing/objects/within";

class TunerFolder {
 public:
  // With copies of these objects, in the folder of the test's temporary files or in another.
  static Result<TunerFolder> Create(const std::vector<std::string>& objects,
                                    const std::string& parent = ::testing::TempDir());

  TunerFolder(TunerFolder&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  TunerFolder& operator=(TunerFolder&&) = delete;
  ~TunerFolder();

  const std::string& path() const { return path_; }
  // Adds a file with these bytes.
  Status Add(const std::string& name, const std::string& bytes) const;

 private:
  explicit TunerFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

Result<std::string> ReadObject(const std::string& path);

// The bytes of an object with strategies, changed so that each is judged after so many seconds.
Result<std::string> WithStrategiesJudgedAfter(std::string object, uint32_t seconds);

}  // namespace bpftune::testing
