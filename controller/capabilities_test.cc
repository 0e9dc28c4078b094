// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/capabilities.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

namespace bpftune {
namespace {

// Capabilities are those of a thread: what one gives up, the next test still has.
void InAThread(const std::function<void()>& body) { std::thread(body).join(); }

uint64_t Bit(int capability) { return uint64_t{1} << capability; }

// A line of /proc/thread-self/status, as the kernel knows it.
uint64_t Kernel(const std::string& name) {
  std::ifstream status("/proc/thread-self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1), nullptr, 16);
  }
  ADD_FAILURE() << "no " << name;
  return 0;
}

const uint64_t kFive =
    Bit(CAP_BPF) | Bit(CAP_PERFMON) | Bit(CAP_NET_ADMIN) | Bit(CAP_SYS_ADMIN) | Bit(CAP_SYS_PTRACE);

// As if the process had been started without it.
void GiveUp(int capability) {
  auto now = CapabilitySets::OfThread();
  ASSERT_TRUE(now);
  now->effective &= ~Bit(capability);
  now->permitted &= ~Bit(capability);
  ASSERT_TRUE(now->Set());
}

class CapabilitiesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // In a sandbox too: there they count for its user namespace.
    if ((Kernel("CapEff") & kFive) != kFive) GTEST_SKIP() << "NOT RUN, there is nothing to give up";
  }
};

TEST_F(CapabilitiesTest, KeepsFiveAndHasOneInForce) {
  InAThread([] {
    const auto lacking = KeepOnlyWhatIsNeeded();
    ASSERT_TRUE(lacking) << lacking.error().message();
    EXPECT_EQ(lacking->size(), 0U);
    EXPECT_EQ(Kernel("CapPrm"), kFive);
    EXPECT_EQ(Kernel("CapEff"), Bit(CAP_BPF));
    EXPECT_EQ(Kernel("CapInh"), 0U);
    EXPECT_EQ(Kernel("CapAmb"), 0U);
    EXPECT_EQ(Kernel("CapBnd"), kFive);
    EXPECT_EQ(Kernel("NoNewPrivs"), 1U);
  });
}

TEST_F(CapabilitiesTest, WithoutTheRightToNarrowTheBoundingSetTheRestIsGivenUp) {
  InAThread([] {
    GiveUp(CAP_SETPCAP);
    ASSERT_TRUE(KeepOnlyWhatIsNeeded());
    EXPECT_EQ(Kernel("CapPrm"), kFive);
    EXPECT_EQ(Kernel("NoNewPrivs"), 1U);
  });
}

TEST_F(CapabilitiesTest, PutsOneInForceForAsLongAsTheObjectLives) {
  InAThread([] {
    ASSERT_TRUE(KeepOnlyWhatIsNeeded());
    {
      const InForce outer({CAP_SYS_ADMIN});
      EXPECT_EQ(Kernel("CapEff"), Bit(CAP_BPF) | Bit(CAP_SYS_ADMIN));
      {
        const InForce inner({CAP_SYS_ADMIN, CAP_SYS_PTRACE});
        EXPECT_EQ(Kernel("CapEff"), Bit(CAP_BPF) | Bit(CAP_SYS_ADMIN) | Bit(CAP_SYS_PTRACE));
      }
      EXPECT_EQ(Kernel("CapEff"), Bit(CAP_BPF) | Bit(CAP_SYS_ADMIN));
    }
    EXPECT_EQ(Kernel("CapEff"), Bit(CAP_BPF));
  });
}

TEST_F(CapabilitiesTest, LeavesErrnoToTheCallThatItIsFor) {
  InAThread([] {
    ASSERT_TRUE(KeepOnlyWhatIsNeeded());
    {
      const InForce in_force({CAP_SYS_ADMIN});
      errno = EXDEV;
    }
    EXPECT_EQ(errno, EXDEV);
  });
}

TEST_F(CapabilitiesTest, SaysWhatIsLostForWantOfOneAndGoesOn) {
  for (const int missing : {CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_PTRACE}) {
    InAThread([missing] {
      GiveUp(missing);
      const auto lacking = KeepOnlyWhatIsNeeded();
      ASSERT_TRUE(lacking) << lacking.error().message();
      ASSERT_EQ(lacking->size(), 1U);
      EXPECT_TRUE(lacking->front().starts_with("without CAP_")) << lacking->front();
      const InForce in_force({missing});
      EXPECT_EQ(Kernel("CapEff"), Bit(CAP_BPF));
    });
  }
}

// As container runtimes have it that are older than these two.
TEST_F(CapabilitiesTest, TakesSysAdminForWhatItIncludes) {
  InAThread([] {
    GiveUp(CAP_BPF);
    GiveUp(CAP_PERFMON);
    const auto lacking = KeepOnlyWhatIsNeeded();
    ASSERT_TRUE(lacking) << lacking.error().message();
    EXPECT_EQ(lacking->size(), 0U);
    EXPECT_EQ(Kernel("CapEff"), Bit(CAP_SYS_ADMIN));
  });
}

TEST_F(CapabilitiesTest, WhoeverHasNoneIsToldAllFive) {
  InAThread([] {
    ASSERT_TRUE(CapabilitySets().Set());
    const auto lacking = KeepOnlyWhatIsNeeded();
    ASSERT_TRUE(lacking) << lacking.error().message();
    EXPECT_EQ(lacking->size(), 5U);
    EXPECT_EQ(Kernel("CapEff"), 0U);
  });
}

}  // namespace
}  // namespace bpftune
