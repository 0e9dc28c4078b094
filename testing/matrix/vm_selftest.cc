// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Checks that a guest of tools/vm is the machine our tests expect: run by vm_test on
// each kernel before anything of the daemon is blamed. The process ends with its tests, and
// the machine with the process, so nothing is closed.

#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace bpftune {
namespace {

long FileSystemType(const char* path) {
  struct statfs about = {};
  return statfs(path, &about) == 0 ? about.f_type : 0;
}

TEST(VmTest, RunsAsRoot) { EXPECT_EQ(geteuid(), 0U); }

TEST(VmTest, HasTheFileSystemsThatBpfNeeds) {
  EXPECT_EQ(FileSystemType("/sys/fs/cgroup"), CGROUP2_SUPER_MAGIC);
  EXPECT_EQ(FileSystemType("/sys/fs/bpf"), BPF_FS_MAGIC);
  EXPECT_EQ(FileSystemType("/sys/kernel/tracing"), TRACEFS_MAGIC);
  EXPECT_EQ(FileSystemType("/sys/kernel/debug"), DEBUGFS_MAGIC);
  EXPECT_EQ(FileSystemType("/tmp"), TMPFS_MAGIC);
  EXPECT_TRUE(std::filesystem::exists("/sys/kernel/btf/vmlinux"));
}

TEST(VmTest, MakesARingBuffer) {
  EXPECT_GE(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "selftest", 0, 0, 4096, nullptr), 0)
      << "errno " << errno;
}

TEST(VmTest, HasItsLoopbackUp) {
  const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = {};
  std::string("lo").copy(request.ifr_name, IFNAMSIZ - 1);
  ASSERT_EQ(ioctl(socket_fd, SIOCGIFFLAGS, &request), 0);
  EXPECT_TRUE(request.ifr_flags & IFF_UP);
}

TEST(VmTest, HasATunDevice) {
  EXPECT_GE(open("/dev/net/tun", O_RDWR | O_CLOEXEC), 0) << "errno " << errno;
}

TEST(VmTest, KnowsBbr) {
  const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const std::string bbr = "bbr";
  EXPECT_EQ(setsockopt(socket_fd, IPPROTO_TCP, TCP_CONGESTION, bbr.data(),
                       static_cast<socklen_t>(bbr.size())),
            0)
      << "errno " << errno;
}

TEST(VmTest, EntersANetworkNamespace) { EXPECT_EQ(unshare(CLONE_NEWNET), 0) << "errno " << errno; }

TEST(VmTest, StandsWhereBazelWouldPutIt) {
  const char* tree = std::getenv("TEST_SRCDIR");
  ASSERT_NE(tree, nullptr);
  EXPECT_EQ(std::filesystem::current_path().parent_path(), tree);
  EXPECT_TRUE(std::filesystem::exists("testing/matrix/selftest"));
  EXPECT_TRUE(std::filesystem::is_directory(std::getenv("TEST_TMPDIR")));
}

}  // namespace
}  // namespace bpftune
