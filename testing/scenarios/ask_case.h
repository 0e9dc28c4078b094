// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// A daemon that does what the test asks of it: its tuner 'ask', and what speaks through it.

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "testing/netns_harness/daemon.h"
#include "testing/netns_harness/host.h"
#include "testing/objects/asker.h"
#include "testing/objects/tuner_folder.h"

namespace bpftune::testing {

class AskCase : public ::testing::Test {
 protected:
  // The daemon goes before the namespaces of the test.
  void TearDown() override;

  // With these objects, kAskObject among them. Returns when it is ready.
  void StartAsked(const std::vector<std::string>& objects,
                  const std::vector<std::string>& more_arguments);

  // What kAskOutput is at that host; -1 if it cannot be read.
  static int64_t ValueAt(const Host& host);

  std::optional<TunerFolder> folder_;
  std::optional<Daemon> daemon_;
  std::optional<Asker> asker_;
};

}  // namespace bpftune::testing
