// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// More packets than may wait while the address of their neighbour is being found. It is found when
// the kernel asks again, a second after it asked first. Runs on other kernels too.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"
#include "testing/scenarios/administrator.h"
#include "testing/scenarios/bulk_case.h"
#include "testing/scenarios/neigh_case.h"

namespace bpftune::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
constexpr int kMany = 600;          // of 768 bytes each, with all that belongs to them
constexpr int64_t kLimit = 212992;  // holds 277

class NeighQueueTest : public ::testing::TestWithParam<Family> {
 protected:
  void SetUp() override { BPFTUNE_NEEDS_PRIVILEGE(); }

  Result<Neighbourhood> Create(const std::string& device = "cable") {
    auto made = Neighbourhood::Create(GetParam(), 0, device);
    if (!made) return made;
    auto set = made->sender().SetSysctl(made->QueueTunable(), std::to_string(kLimit));
    return set ? std::move(made) : set.error();
  }

  // Sends to a neighbour that is there a moment later. Its last datagrams arrive: whether all do,
  // is known then.
  static int ArrivedOfMany(Neighbourhood& many, int neighbour) {
    const int before = many.Arrived();
    EXPECT_OK(many.SendMany(neighbour, kMany));
    EXPECT_OK(many.Appear(neighbour, neighbour));
    EXPECT_TRUE(EventuallyTrue([&] { return many.Arrived() > before; }, kPatience));
    (void)EventuallyTrue([&] { return many.Arrived() - before == kMany; }, 1s);
    return many.Arrived() - before;
  }

  static int64_t LimitOf(const Neighbourhood& many) {
    auto text = many.sender().GetSysctl(many.QueueTunable());
    return text ? std::stoll(*text) : -1;
  }

  static std::string Changed(const Neighbourhood& many) {
    return "^Due to need to increase neighbour queue size change " + many.QueueTunable() +
           "\\(bytes\\) from \\(212992\\) -> \\(([0-9]+)\\)";
  }
};

TEST_P(NeighQueueTest, IsTooShortWithoutTheDaemon) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Create());
  EXPECT_LT(ArrivedOfMany(many, 1), 300);
}

TEST_P(NeighQueueTest, IsRaisedToWhatWouldHaveHeldAllAndDoesTheNextTime) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Create());
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&many.sender()}));
  EXPECT_LT(ArrivedOfMany(many, 1), 300);
  ASSERT_OK_AND_ASSIGN(const Line line, Found(daemon.WaitForLine(Changed(many), kPatience)));
  EXPECT_TRUE(daemon.WaitForLine("^[0-9]+ packets were dropped because more waited", kPatience));
  EXPECT_EQ(std::to_string(LimitOf(many)), line.captures[0]);
  EXPECT_LE(LimitOf(many), 4 * kLimit);

  EXPECT_EQ(ArrivedOfMany(many, 2), kMany);
  EXPECT_EQ(CountChanges(daemon, many.QueueTunable()), 1U);
  ASSERT_OK(daemon.Stop(kPatience));
}

TEST_P(NeighQueueTest, OfADeviceWithADotInItsNameIsRaisedToo) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Create("cable.100"));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&many.sender()}));
  ArrivedOfMany(many, 1);
  EXPECT_TRUE(daemon.WaitForLine(Changed(many), kPatience));
  EXPECT_GT(LimitOf(many), kLimit);
  ASSERT_OK(daemon.Stop(kPatience));
}

// What waits for them is lost whatever the limit is.
TEST_P(NeighQueueTest, IsNotRaisedForWhoNeverAnswers) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Create());
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&many.sender()}));
  for (int nobody = 100; nobody < 110; ++nobody) ASSERT_OK(many.SendMany(nobody, kMany));
  ArrivedOfMany(many, 1);
  ASSERT_TRUE(daemon.WaitForLine(Changed(many), kPatience));
  const auto why = daemon.WaitForLine("^([0-9]+) packets were dropped because", kPatience);
  ASSERT_TRUE(why);
  EXPECT_LT(std::stoi(why->captures[0]), kMany) << "those of one neighbour";
  EXPECT_EQ(CountChanges(daemon, many.QueueTunable()), 1U);
  ASSERT_OK(daemon.Stop(kPatience));
}

TEST_P(NeighQueueTest, OfTheAdministratorStays) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Create("cable.100"));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&many.sender()}));
  ASSERT_OK_AND_ASSIGN(AdministratorWrite write,
                       Administrate(many.sender(), many.QueueTunable(), "200000"));
  ASSERT_EQ(write.error, 0);
  ASSERT_TRUE(daemon.WaitForLine(ModifiedIn(many.sender(), many.QueueTunable()), kPatience));
  ArrivedOfMany(many, 1);
  EXPECT_TRUE(WaitForSummary(daemon, "'neigh': .* because the value is yours", kPatience));
  EXPECT_EQ(LimitOf(many), 200000);
  ASSERT_OK(daemon.Stop(kPatience));
}

TEST_P(NeighQueueTest, GoesBackOnRollback) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Create("cable.100"));
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&many.sender()}, {"-R"}));
  ArrivedOfMany(many, 1);
  ASSERT_TRUE(daemon.WaitForLine(Changed(many), kPatience));
  ASSERT_OK(daemon.Stop(kPatience));
  EXPECT_EQ(LimitOf(many), kLimit);
}

TEST_P(NeighQueueTest, DryRunSaysWhatItWouldDo) {
  ASSERT_OK_AND_ASSIGN(Neighbourhood many, Create());
  ASSERT_OK_AND_ASSIGN(Daemon daemon, StartDaemon({&many.sender()}, {"--dry-run"}));
  ArrivedOfMany(many, 1);
  EXPECT_TRUE(daemon.WaitForLine("would change " + many.QueueTunable(), kPatience));
  EXPECT_EQ(LimitOf(many), kLimit);
  ASSERT_OK(daemon.Stop(kPatience));
}

INSTANTIATE_TEST_SUITE_P(Families, NeighQueueTest, ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& test) {
                           return test.param == Family::kIpv4 ? "ipv4" : "ipv6";
                         });

}  // namespace
}  // namespace bpftune::testing
