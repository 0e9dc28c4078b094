// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// A kernel that refuses the iterators over the elements of a map, and over the sockets that have a
// storage (bpf/common/walk.bpf.h): each walk runs by its second program, and all is tuned.

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "controller/bpf_handles.h"
#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 120s;  // of an emulated machine

// --without-hook for the programs of those two kinds, of all tuners.
std::vector<std::string> AsIfRefused() {
  std::vector<std::string> out;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(kTunersPath, none)) {
    const auto object = OpenObject(entry.path().string());
    if (!object) continue;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object->get()) {
      const std::string_view section = bpf_program__section_name(program);
      if (section != "iter/bpf_map_elem" && section != "iter/bpf_sk_storage_map") continue;
      out.insert(out.end(), {"--without-hook", bpf_program__name(program)});
    }
  }
  return out;
}

class FallbackWalksTest : public ::testing::Test {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }
};

TEST_F(FallbackWalksTest, ByTheSecondProgramsWhatHoldsAFlowBackIsRaised) {
  const std::vector<std::string> without = AsIfRefused();
  ASSERT_FALSE(without.empty());
  const BulkCase c = {.side = Side::kSend, .cap = 131072, .rtt_ms = 40, .rate_mbit = 50};
  ASSERT_OK_AND_ASSIGN(Path path, Path::Create(c));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({path.a.get()}, without));
  ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(path.link->a(), path.link->b()));

  EXPECT_TRUE(daemon.WaitForLine(OccurredIn(*path.a, TunableOf(c.side)), kPatience));

  EXPECT_EQ(daemon.CountLines("continuing without it"), daemon.CountLines("'grow'|'bbr'|tcp_bbr"))
      << "nothing is lost that depends on a walk";
  ASSERT_OK_AND_ASSIGN(const DaemonExit exit, daemon.Stop());
  EXPECT_EQ(exit.code, 0);
}

}  // namespace
}  // namespace bpftune::testing
