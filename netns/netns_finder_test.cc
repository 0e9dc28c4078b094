// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// The ways to find a namespace, each on this kernel, whatever its age: NetnsFinder takes them as an
// argument.

#include "netns/netns_finder.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "netns/scoped_netns.h"
#include "netns/test_namespaces.h"
#include "testing/privilege.h"

namespace bpftune {

std::ostream& operator<<(std::ostream& out, NetnsId id) { return out << id.value; }

namespace {

using testing::CountOpenDescriptors;
using testing::Know;
using testing::KnownNetns;
using testing::MakeNetns;
using testing::MountDir;
using testing::ProcessIn;
using testing::ThreadInNew;

constexpr std::chrono::seconds kDeadline(10);

// Tries until it succeeds or the deadline is over: namespaces die a little after their holder.
template <typename Condition>
bool Eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

int CodeOf(const Result<UniqueFd>& found) { return found ? 0 : found.error().code(); }

struct Way {
  const char* name;
  NetnsIdKind kind;
  bool handles;  // as far as this kernel has them
};

std::ostream& operator<<(std::ostream& out, const Way& way) { return out << way.name; }

class EveryWayTest : public ::testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    if (GetParam().kind == NetnsIdKind::kCookie && ProbeNetnsIdKind() != NetnsIdKind::kCookie) {
      GTEST_SKIP() << "no SO_NETNS_COOKIE";
    }
    if (GetParam().handles && ProbeNetnsHandles() == NetnsHandles::kNone) {
      GTEST_SKIP() << "no file handles of namespaces";
    }
  }

  NetnsIdKind Kind() const { return GetParam().kind; }

  NetnsFinder Finder() const {
    return {Kind(), GetParam().handles ? ProbeNetnsHandles() : NetnsHandles::kNone};
  }

  // With the inode number only where that is the point; ESRCH and the like are its code.
  Result<UniqueFd> Find(NetnsFinder& finder, const KnownNetns& netns) const {
    const NetnsId id = Kind() == NetnsIdKind::kInode ? NetnsId{netns.inode} : netns.id;
    return finder.Find(id, GetParam().handles ? netns.inode : 0);
  }

  void ExpectFound(const KnownNetns& netns) const {
    NetnsFinder finder = Finder();
    for (const char* time : {"first", "by what is remembered"}) {
      const size_t descriptors = CountOpenDescriptors();
      {
        const auto fd = Find(finder, netns);
        ASSERT_TRUE(fd) << time << ": " << fd.error().message();
        EXPECT_EQ(InodeOf(fd->get()).value(), netns.inode) << time;
        EXPECT_EQ(CountOpenDescriptors(), descriptors + 1) << time;
      }
      EXPECT_EQ(CountOpenDescriptors(), descriptors) << time;
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Ways, EveryWayTest,
                         ::testing::Values(Way{"Handle", NetnsIdKind::kCookie, true},
                                           Way{"SearchForCookie", NetnsIdKind::kCookie, false},
                                           Way{"SearchForInode", NetnsIdKind::kInode, false}),
                         ::testing::PrintToStringParamName());

// A process with a lower number is in the namespace at one moment and elsewhere at the next.
TEST_P(EveryWayTest, FindsItBehindAProcessThatComesAndGoes) {
  UniqueFd netns = MakeNetns();
  const KnownNetns known = Know(netns.get());
  const auto home = OpenCurrentNetns();
  ASSERT_TRUE(home);
  const pid_t restless = fork();
  if (restless == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
      setns(netns.get(), CLONE_NEWNET);
      setns(home->get(), CLONE_NEWNET);
    }
  }
  ASSERT_GT(restless, 0);
  const ProcessIn holder(netns.get(), "holder");
  int found = 0;
  constexpr int kTimes = 100;
  for (int i = 0; i < kTimes; ++i) {
    NetnsFinder finder = Finder();  // one that remembers nothing
    found += Find(finder, known).has_value();
  }
  kill(restless, SIGKILL);
  waitpid(restless, nullptr, 0);
  EXPECT_EQ(found, kTimes);
}

TEST_P(EveryWayTest, FindsTheNamespaceWeAreIn) {
  ExpectFound(Know(OpenCurrentNetns().value().get()));
}

TEST_P(EveryWayTest, FindsANamespaceThatOnlyAProcessHolds) {
  UniqueFd netns = MakeNetns();
  const KnownNetns known = Know(netns.get());
  const ProcessIn process(netns.get(), "holder");
  netns.reset();
  ExpectFound(known);
}

TEST_P(EveryWayTest, FindsANamespaceThatOnlyAThreadHolds) {
  const ThreadInNew thread;
  ExpectFound(thread.netns());
}

TEST_P(EveryWayTest, FindsANamespaceThatOnlyABindMountHolds) {
  const MountDir mounts;
  UniqueFd netns = MakeNetns();
  const KnownNetns known = Know(netns.get());
  mounts.Mount(netns.get(), "with a blank");
  netns.reset();
  ExpectFound(known);
}

TEST_P(EveryWayTest, FindsWhatOnlyADescriptorHoldsByHandleOrNotAtAll) {
  const UniqueFd netns = MakeNetns();
  const KnownNetns known = Know(netns.get());
  if (GetParam().handles) {
    ExpectFound(known);
  } else {
    NetnsFinder finder = Finder();
    EXPECT_EQ(CodeOf(Find(finder, known)), ESRCH);
  }
}

TEST_P(EveryWayTest, ADeadNamespaceIsAnErrorAndNotTheHost) {
  UniqueFd netns = MakeNetns();
  const KnownNetns known = Know(netns.get());
  auto process = std::make_unique<ProcessIn>(netns.get(), "holder");
  netns.reset();
  NetnsFinder finder = Finder();
  ASSERT_TRUE(Find(finder, known));
  process.reset();
  const size_t descriptors = CountOpenDescriptors();
  std::string message;
  EXPECT_TRUE(Eventually([&] {
    const auto found = Find(finder, known);
    if (!found) message = found.error().message();
    return CodeOf(found) == ESRCH;
  }));
  EXPECT_NE(message.find("No such process"), std::string::npos) << message;
  EXPECT_EQ(CountOpenDescriptors(), descriptors);
}

TEST_P(EveryWayTest, FindsEachOfManyNamespaces) {
  constexpr int kMany = 200;
  const MountDir mounts;
  std::vector<KnownNetns> all;
  for (int i = 0; i < kMany; ++i) {
    const UniqueFd netns = MakeNetns();
    all.push_back(Know(netns.get()));
    mounts.Mount(netns.get(), std::to_string(i));
  }
  NetnsFinder finder = Finder();
  const size_t descriptors = CountOpenDescriptors();
  for (const KnownNetns& netns : all) {
    const auto fd = Find(finder, netns);
    ASSERT_TRUE(fd) << fd.error().message();
    EXPECT_EQ(InodeOf(fd->get()).value(), netns.inode);
  }
  EXPECT_EQ(CountOpenDescriptors(), descriptors);
}

// Another namespace where the remembered one was: mounted at the same path, as after
// `ip netns delete` and `ip netns add`.
TEST_P(EveryWayTest, NotFooledByAnotherNamespaceInTheSamePlace) {
  const MountDir mounts;
  UniqueFd first = MakeNetns();
  const KnownNetns known = Know(first.get());
  mounts.Mount(first.get(), "blue");
  first.reset();
  NetnsFinder finder = Finder();
  ASSERT_TRUE(Find(finder, known));

  const UniqueFd second = MakeNetns();
  mounts.Unmount("blue");
  mounts.Mount(second.get(), "blue");
  EXPECT_TRUE(Eventually([&] { return CodeOf(Find(finder, known)) == ESRCH; }));
}

class ByCookieTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    if (ProbeNetnsIdKind() != NetnsIdKind::kCookie) GTEST_SKIP() << "no SO_NETNS_COOKIE";
  }
};

// The kernel gives the lowest free number to the next namespace. When it is done with a dead one
// cannot be seen, and others in /proc take numbers too; hence the pauses and the attempts.
TEST_F(ByCookieTest, NotFooledByAReusedInodeNumber) {
  const MountDir mounts;
  KnownNetns known;
  UniqueFd second;
  NetnsFinder by_any_way;
  NetnsFinder by_search(NetnsIdKind::kCookie, NetnsHandles::kNone);
  std::chrono::milliseconds pause(20);
  ASSERT_TRUE(Eventually([&] {
    second.reset();
    std::this_thread::sleep_for(pause);
    UniqueFd first = MakeNetns();
    known = Know(first.get());
    mounts.Mount(first.get(), "blue");
    first.reset();
    EXPECT_TRUE(by_any_way.Find(known.id, known.inode));
    EXPECT_TRUE(by_search.Find(known.id));
    mounts.Unmount("blue");
    std::this_thread::sleep_for(pause);
    pause += pause / 2;
    second = MakeNetns();
    return InodeOf(second.get()).value() == known.inode;
  })) << "the kernel did not use the inode number again";

  mounts.Mount(second.get(), "blue");
  EXPECT_EQ(CodeOf(by_any_way.Find(known.id, known.inode)), ESRCH);
  EXPECT_EQ(CodeOf(by_any_way.Find(known.id)), ESRCH);
  EXPECT_EQ(CodeOf(by_search.Find(known.id)), ESRCH);
  EXPECT_TRUE(by_search.Find(Know(second.get()).id));
}

TEST_F(ByCookieTest, FindingKeepsNothingAlive) {
  if (ProbeNetnsHandles() == NetnsHandles::kNone) GTEST_SKIP() << "no way to see that it is dead";
  for (const auto handles : {ProbeNetnsHandles(), NetnsHandles::kNone}) {
    UniqueFd netns = MakeNetns();
    const KnownNetns known = Know(netns.get());
    auto process = std::make_unique<ProcessIn>(netns.get(), "holder");
    netns.reset();
    NetnsFinder finder(NetnsIdKind::kCookie, handles);
    ASSERT_TRUE(finder.Find(known.id, known.inode));
    process.reset();
    NetnsFinder other;
    EXPECT_TRUE(Eventually([&] { return CodeOf(other.Find(known.id, known.inode)) == ESRCH; }));
  }
}

TEST_F(ByCookieTest, RemembersTheInodeNumberThatHandlesNeed) {
  if (ProbeNetnsHandles() == NetnsHandles::kNone) GTEST_SKIP() << "no file handles of namespaces";
  const MountDir mounts;
  const UniqueFd netns = MakeNetns();
  const KnownNetns known = Know(netns.get());
  mounts.Mount(netns.get(), "blue");
  NetnsFinder finder;
  ASSERT_TRUE(finder.Find(known.id));
  mounts.Unmount("blue");  // now our descriptor alone holds it, which no search would see
  EXPECT_TRUE(finder.Find(known.id));
}

TEST_F(ByCookieTest, SearchesAgainForWhatCouldNotBeFoundBefore) {
  const MountDir mounts;
  const UniqueFd netns = MakeNetns();
  const NetnsId id = Know(netns.get()).id;
  NetnsFinder finder(NetnsIdKind::kCookie, NetnsHandles::kNone);
  ASSERT_EQ(CodeOf(finder.Find(id)), ESRCH);
  mounts.Mount(netns.get(), "blue");
  // Not at once: a search in vain must not be repeated for every event of that namespace.
  EXPECT_EQ(CodeOf(finder.Find(id)), ESRCH);
  EXPECT_TRUE(Eventually([&] { return finder.Find(id).has_value(); }));
}

}  // namespace
}  // namespace bpftune
