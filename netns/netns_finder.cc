// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "netns/netns_finder.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <unordered_set>
#include <utility>

#include "controller/capabilities.h"

namespace bpftune {
namespace {

// From <linux/fcntl.h>, <linux/exportfs.h> and <linux/nsfs.h> of 6.18, newer than the headers that
// we build with.
constexpr int kNsfsRoot = -10003;      // FD_NSFS_ROOT
constexpr int kNsfsHandleType = 0xf1;  // FILEID_NSFS
struct NsfsHandle {                    // struct nsfs_file_handle
  uint64_t id;                         // the cookie
  uint32_t type;                       // CLONE_NEW...
  uint32_t inode;                      // later kernels take 0 in this and in type for "any"
};

constexpr int kQuietFactor = 100;  // a search may take 1 % of the time

Result<UniqueFd> OpenHandle(NetnsId id, uint64_t inode) {
  const uint32_t type = inode == 0 ? 0 : CLONE_NEWNET;
  const NsfsHandle handle = {id.value, type, static_cast<uint32_t>(inode)};
  alignas(file_handle) char buffer[sizeof(file_handle) + sizeof(handle)];
  auto* header = new (buffer) file_handle;
  header->handle_bytes = sizeof(handle);
  header->handle_type = kNsfsHandleType;
  std::memcpy(buffer + sizeof(file_handle), &handle, sizeof(handle));
  const InForce may_open({CAP_SYS_ADMIN});
  UniqueFd fd(open_by_handle_at(kNsfsRoot, header, O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::FromErrno("opening a network namespace by its file handle");
  return fd;
}

std::string Describe(NetnsId id) {
  return "finding the network namespace with id " + std::to_string(id.value);
}

}  // namespace

NetnsHandles ProbeNetnsHandles(NetnsIdKind kind) {
  if (kind != NetnsIdKind::kCookie) return NetnsHandles::kNone;
  const auto own = OpenCurrentNetns();
  const auto id = IdOfCurrent(kind);
  if (!own || !id) return NetnsHandles::kNone;
  const auto inode = InodeOf(own->get());
  if (!inode) return NetnsHandles::kNone;

  const auto is_own = [&](const Result<UniqueFd>& fd) {
    if (!fd) return false;
    const auto found = InodeOf(fd->get());
    return found && *found == *inode;
  };
  if (is_own(OpenHandle(*id, 0))) return NetnsHandles::kCookieAlone;
  if (is_own(OpenHandle(*id, *inode))) return NetnsHandles::kWithInode;
  return NetnsHandles::kNone;
}

Result<UniqueFd> NetnsFinder::Find(NetnsId id, uint64_t inode) {
  if (id == kNoNetns) return Error(EINVAL, Describe(id));

  const auto known = hints_.find(id);
  const Hint hint = known == hints_.end() ? Hint{} : known->second;
  if (inode == 0) inode = hint.place.inode;

  if (handles_ == NetnsHandles::kCookieAlone ||
      (handles_ == NetnsHandles::kWithInode && inode != 0)) {
    auto found = FindByHandle(id, inode);
    // EPERM: handles are for the machine's own process namespace; search like older kernels do.
    if (found || found.error().code() != EPERM) return found;
  }
  if (!hint.place.path.empty()) {
    auto found = OpenIfItIs(id, hint.place);
    if (found) return found;
  }
  if (Clock::now() < hint.search_after) {
    return Error(ESRCH, Describe(id) + ": a moment ago nothing in sight held it");
  }
  return FindBySearch(id);
}

Result<UniqueFd> NetnsFinder::FindByHandle(NetnsId id, uint64_t inode) {
  auto fd = OpenHandle(id, handles_ == NetnsHandles::kCookieAlone ? 0 : inode);
  if (!fd) {
    if (fd.error().code() != ESTALE) return fd.error().Within(Describe(id));
    hints_.erase(id);
    return Error(ESRCH, Describe(id));
  }
  const auto found = IdOf(fd->get(), kind_);
  if (!found) return found.error().Within(Describe(id));
  if (*found != id) return Error(ESRCH, Describe(id));
  if (inode != 0) Remember(id, {{inode, "", 0}, {}});
  return fd;
}

Result<UniqueFd> NetnsFinder::OpenIfItIs(NetnsId id, const NetnsPlace& place) {
  auto fd = OpenPlace(place);
  if (!fd) return fd;
  const auto found = IdOf(fd->get(), kind_);
  if (!found) return found.error();
  Remember(*found, {place, {}});
  if (*found != id) return Error(ESRCH, "'" + place.path + "' is another namespace");
  return fd;
}

Result<UniqueFd> NetnsFinder::FindBySearch(NetnsId id) {
  const auto begin = Clock::now();
  size_t not_read = 0;
  std::unordered_set<uint64_t> looked_at;
  // Cheap and likely first. Threads that left the namespace of their process are rare, and all
  // threads must be looked at to see them.
  for (const auto list : {PlacesAtProcesses, PlacesAtMounts, PlacesAtThreads}) {
    const auto places = list();
    if (!places) return places.error().Within(Describe(id));
    not_read += places->not_read;
    for (const NetnsPlace& place : places->found) {
      if (kind_ == NetnsIdKind::kInode && place.inode != id.value) continue;
      if (looked_at.contains(place.inode)) continue;
      auto fd = OpenIfItIs(id, place);
      if (fd) return fd;
      switch (fd.error().code()) {
        case ESRCH:
          looked_at.insert(place.inode);
          break;
        case ENOENT:  // the place has gone; the namespace may have others
          break;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
          return fd.error().Within(Describe(id));
        default:
          ++not_read;
      }
    }
  }
  const auto end = Clock::now();
  Remember(id, {{}, end + kQuietFactor * (end - begin)});
  std::string message = Describe(id) + ": nothing in sight holds it";
  if (not_read != 0) message += " (" + std::to_string(not_read) + " places could not be read)";
  return Error(ESRCH, message);
}

void NetnsFinder::Remember(NetnsId id, Hint hint) {
  if (hints_.size() >= kMaxHints && !hints_.contains(id)) hints_.clear();
  hints_[id] = std::move(hint);
}

}  // namespace bpftune
