// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "netns/netns_id.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "controller/capabilities.h"
#include "netns/scoped_netns.h"

namespace bpftune {
namespace {

// Of the namespaces the machine boots with: enum init_ns_ino in <linux/nsfs.h>. That of the network
// namespace is fixed since 6.17, that of the process namespace since 3.8.
constexpr uint64_t kInitialNetnsInode = 0xEFFFFFF9;
constexpr uint64_t kInitialPidnsInode = 0xEFFFFFFC;

constexpr char kOwnNetns[] = "/proc/thread-self/ns/net";
constexpr char kNetnsOfProcess1[] = "/proc/1/ns/net";
constexpr char kPidnsOfProcess1[] = "/proc/1/ns/pid";

Result<UniqueFd> Open(const char* path) {
  const InForce may_look({CAP_SYS_PTRACE});
  UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::FromErrno(std::string("opening '") + path + "'");
  return fd;
}

// The cookie of the namespace that the calling thread is in.
Result<uint64_t> ReadCookie() {
  UniqueFd any_socket(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!any_socket) return Error::FromErrno("making a socket to ask for the namespace cookie");
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  if (getsockopt(any_socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0) {
    return Error::FromErrno("asking for the namespace cookie");
  }
  return cookie;
}

}  // namespace

NetnsIdKind ProbeNetnsIdKind() {
  static const NetnsIdKind kind = [] {
    const auto cookie = ReadCookie();
    return cookie && *cookie != 0 ? NetnsIdKind::kCookie : NetnsIdKind::kInode;
  }();
  return kind;
}

Result<UniqueFd> OpenCurrentNetns() { return Open(kOwnNetns); }

Result<uint64_t> InodeOf(int netns_fd) {
  // Anything that is not a namespace answers ENOTTY.
  if (ioctl(netns_fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
    return Error(EINVAL, "identifying a network namespace");
  }
  struct stat status = {};
  if (fstat(netns_fd, &status) != 0) return Error::FromErrno("identifying a network namespace");
  return status.st_ino;
}

Result<NetnsId> IdOfCurrent(NetnsIdKind kind) {
  if (kind == NetnsIdKind::kCookie) {
    const auto cookie = ReadCookie();
    if (!cookie) return cookie.error();
    return NetnsId{*cookie};
  }
  const auto own = OpenCurrentNetns();
  if (!own) return own.error();
  return IdOf(own->get(), kind);
}

Result<NetnsId> IdOf(int netns_fd, NetnsIdKind kind) {
  if (kind == NetnsIdKind::kCookie) {
    const auto inside = ScopedNetns::Enter(netns_fd);
    if (!inside) return inside.error();
    return IdOfCurrent(kind);
  }
  const auto inode = InodeOf(netns_fd);
  if (!inode) return inode.error();
  return NetnsId{*inode};
}

Result<InitialNetns> IdOfInitial(NetnsIdKind kind) {
  const auto own = OpenCurrentNetns();
  if (!own) return own.error();
  const auto own_inode = InodeOf(own->get());
  if (!own_inode) return own_inode.error();
  const auto first = Open(kNetnsOfProcess1);

  // Ours, if it is known to be the one, or if nothing better can be seen.
  if (*own_inode == kInitialNetnsInode || !first) {
    const auto id = IdOfCurrent(kind);
    if (!id) return id.error();
    return InitialNetns{*id, *own_inode == kInitialNetnsInode};
  }
  const auto id = IdOf(first->get(), kind);
  if (!id) return id.error().Within(std::string("looking at '") + kNetnsOfProcess1 + "'");
  struct stat pidns = {};
  const InForce may_look({CAP_SYS_PTRACE});
  const bool machines_own =
      stat(kPidnsOfProcess1, &pidns) == 0 && pidns.st_ino == kInitialPidnsInode;
  return InitialNetns{*id, machines_own};
}

}  // namespace bpftune
