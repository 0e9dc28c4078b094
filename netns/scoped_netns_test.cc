// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "netns/scoped_netns.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "netns/netns_id.h"
#include "netns/test_namespaces.h"
#include "testing/privilege.h"

namespace bpftune {
namespace {

using testing::CountOpenDescriptors;
using testing::MakeNetns;

uint64_t CurrentInode() { return IdOfCurrent(NetnsIdKind::kInode).value().value; }

TEST(ScopedNetnsTest, IsInsideForAsLongAsItLives) {
  BPFTUNE_NEEDS_PRIVILEGE();
  const UniqueFd netns = MakeNetns();
  const uint64_t home = CurrentInode();
  const size_t descriptors = CountOpenDescriptors();
  {
    const auto inside = ScopedNetns::Enter(netns.get());
    ASSERT_TRUE(inside) << inside.error().message();
    EXPECT_EQ(CurrentInode(), InodeOf(netns.get()).value());
  }
  EXPECT_EQ(CurrentInode(), home);
  EXPECT_EQ(CountOpenDescriptors(), descriptors);
}

TEST(ScopedNetnsTest, ComesBackWhenTheWorkInsideFails) {
  BPFTUNE_NEEDS_PRIVILEGE();
  const UniqueFd netns = MakeNetns();
  const uint64_t home = CurrentInode();
  const auto work = [&]() -> Result<int> {
    const auto inside = ScopedNetns::Enter(netns.get());
    if (!inside) return inside.error();
    return Error(EIO, "working inside");
  };
  const auto result = work();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), EIO);
  EXPECT_EQ(CurrentInode(), home);
}

TEST(ScopedNetnsTest, NestsAndMoves) {
  BPFTUNE_NEEDS_PRIVILEGE();
  const UniqueFd outer = MakeNetns();
  const UniqueFd inner = MakeNetns();
  const uint64_t home = CurrentInode();
  {
    auto in_outer = ScopedNetns::Enter(outer.get());
    ASSERT_TRUE(in_outer);
    {
      auto in_inner = ScopedNetns::Enter(inner.get());
      ASSERT_TRUE(in_inner);
      const ScopedNetns moved = std::move(*in_inner);
      EXPECT_EQ(CurrentInode(), InodeOf(inner.get()).value());
    }
    EXPECT_EQ(CurrentInode(), InodeOf(outer.get()).value());
  }
  EXPECT_EQ(CurrentInode(), home);
}

TEST(ScopedNetnsTest, StaysWhereItIsWhenItCannotEnter) {
  BPFTUNE_NEEDS_PRIVILEGE();
  const uint64_t home = CurrentInode();
  const UniqueFd mount_namespace(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  const auto inside = ScopedNetns::Enter(mount_namespace.get());
  ASSERT_FALSE(inside);
  EXPECT_EQ(inside.error().code(), EINVAL);
  EXPECT_EQ(CurrentInode(), home);
}

TEST(ScopedNetnsDeathTest, AbortsRatherThanStayInTheWrongNamespace) {
  BPFTUNE_NEEDS_PRIVILEGE();
  const UniqueFd netns = MakeNetns();
  EXPECT_DEATH(
      {
        const auto inside = ScopedNetns::Enter(netns.get());
        if (!inside || setresuid(65534, 65534, 65534) != 0) _exit(0);
      },
      "cannot return from a network namespace");
}

TEST(NetnsIdTest, AgreesWithTheCookieOfSocketsInside) {
  BPFTUNE_NEEDS_PRIVILEGE();
  if (ProbeNetnsIdKind() != NetnsIdKind::kCookie) GTEST_SKIP() << "no SO_NETNS_COOKIE";
  const UniqueFd netns = MakeNetns();
  const auto inside = ScopedNetns::Enter(netns.get());
  ASSERT_TRUE(inside);
  const UniqueFd tcp(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  ASSERT_EQ(getsockopt(tcp.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length), 0);
  EXPECT_EQ(IdOf(netns.get()).value().value, cookie);
  EXPECT_EQ(IdOfCurrent().value().value, cookie);
}

TEST(NetnsIdTest, InitialNamespaceIsTheSameFromEverywhere) {
  BPFTUNE_NEEDS_PRIVILEGE();
  const auto initial = IdOfInitial();
  ASSERT_TRUE(initial) << initial.error().message();
  const UniqueFd netns = MakeNetns();
  EXPECT_NE(IdOf(netns.get()).value(), initial->id);
  const auto inside = ScopedNetns::Enter(netns.get());
  ASSERT_TRUE(inside);
  const auto from_inside = IdOfInitial();
  ASSERT_TRUE(from_inside);
  // Where process 1 may not be looked at, it is unknown from inside, and must not be claimed.
  if (from_inside->certain) {
    EXPECT_EQ(from_inside->id, initial->id);
  }
}

}  // namespace
}  // namespace bpftune
