// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "netns/test_namespaces.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iterator>

#include "netns/scoped_netns.h"

namespace bpftune::testing {
namespace {

void Must(bool done, const char* what) {
  if (done) return;
  std::perror(what);
  std::abort();
}

}  // namespace

UniqueFd MakeNetns() {
  const auto home = OpenCurrentNetns();
  Must(home.has_value(), "open own netns");
  Must(unshare(CLONE_NEWNET) == 0, "unshare netns");
  auto made = OpenCurrentNetns();
  Must(made.has_value(), "open new netns");
  Must(setns(home->get(), CLONE_NEWNET) == 0, "setns");
  return std::move(*made);
}

KnownNetns Know(int netns_fd, NetnsIdKind kind) {
  return {IdOf(netns_fd, kind).value(), InodeOf(netns_fd).value()};
}

ProcessIn::ProcessIn(int netns_fd, const std::string& name) {
  int pipe_ends[2];
  Must(pipe2(pipe_ends, O_CLOEXEC) == 0, "pipe");
  UniqueFd reading(pipe_ends[0]);
  UniqueFd writing(pipe_ends[1]);
  pid_ = fork();
  Must(pid_ >= 0, "fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, name.c_str());
    if (setns(netns_fd, CLONE_NEWNET) != 0) _exit(1);
    // The pipe is closed last: it tells the parent that nothing of it is left here.
    const int last = writing.release();
    for (int fd = 3; fd < static_cast<int>(sysconf(_SC_OPEN_MAX)) && fd < 4096; ++fd) {
      if (fd != last) close(fd);
    }
    close(last);
    for (;;) pause();
  }
  writing.reset();
  char byte;
  Must(read(reading.get(), &byte, 1) == 0, "waiting for the child");
}

ProcessIn::~ProcessIn() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

ThreadInNew::ThreadInNew() : stop_(eventfd(0, EFD_CLOEXEC)) {
  std::promise<KnownNetns> made;
  auto known = made.get_future();
  thread_ = std::thread([&made, stop = stop_.get()] {
    Must(unshare(CLONE_NEWNET) == 0, "unshare netns");
    // Complete, with no descriptor open any more, before the other thread goes on.
    const KnownNetns netns = {IdOfCurrent().value(),
                              IdOfCurrent(NetnsIdKind::kInode).value().value};
    made.set_value(netns);
    uint64_t count;
    Must(read(stop, &count, sizeof(count)) == sizeof(count), "read eventfd");
  });
  netns_ = known.get();
}

ThreadInNew::~ThreadInNew() {
  const uint64_t one = 1;
  Must(write(stop_.get(), &one, sizeof(one)) == sizeof(one), "write eventfd");
  thread_.join();
}

MountDir::MountDir() : path_(::testing::TempDir() + "netns_XXXXXX") {
  Must(unshare(CLONE_NEWNS) == 0, "unshare mounts");
  Must(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
  Must(mkdtemp(path_.data()) != nullptr, "mkdtemp");
  Must(mount("none", path_.c_str(), "tmpfs", 0, nullptr) == 0, "mount tmpfs");
}

MountDir::~MountDir() {
  Must(umount2(path_.c_str(), MNT_DETACH) == 0, "umount");
  Must(rmdir(path_.c_str()) == 0, "rmdir");
}

std::string MountDir::Mount(int netns_fd, const std::string& name) const {
  std::string where = path_ + "/" + name;
  UniqueFd file(open(where.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0400));
  Must(file.get() >= 0, "create mount point");
  const std::string what = "/proc/self/fd/" + std::to_string(netns_fd);
  Must(mount(what.c_str(), where.c_str(), nullptr, MS_BIND, nullptr) == 0, "bind mount");
  return where;
}

void MountDir::Unmount(const std::string& name) const {
  const std::string where = path_ + "/" + name;
  Must(umount2(where.c_str(), MNT_DETACH) == 0, "umount");
}

size_t CountOpenDescriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

}  // namespace bpftune::testing
