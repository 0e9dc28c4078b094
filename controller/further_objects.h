// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Tuner objects that somebody drops into a directory while the daemon runs. An object is code in
// the kernel; so nothing counts that anybody but root could have put or changed there. Directories
// are opened part by part from / on, files relative to them; no symbolic link is followed, what was
// opened is what is checked, and what was read once is what is loaded.

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "controller/bpf_handles.h"
#include "controller/result.h"
#include "controller/unique_fd.h"

namespace bpftune {

// A directory that, like all above it, belongs to root and that nobody else may write. Fails naming
// the part that does not. `path` is absolute.
Result<UniqueFd> OpenTrustedDirectory(const std::string& path);

// A regular file in it that belongs to root, that nobody else may write, of at most 16 MiB.
Result<ObjectFile> ReadTrustedObject(int directory, const std::string& directory_path,
                                     const std::string& name);

class FurtherObjects {
 public:
  FurtherObjects() = default;  // none

  // Fails if one of the directories is not to be trusted.
  static Result<FurtherObjects> Watch(const std::vector<std::string>& directories);

  // Readable when something in the directories has changed; negative if there is none. Not yet when
  // a file is made: it is still being written. (So a hard link is found with the next change.)
  int fd() const { return inotify_.get(); }

  struct Change {
    std::string path;
    bool is_there;            // appeared (or is another file now); else it is gone
    Result<ObjectFile> file;  // if it is there: what was read, or why it is refused
  };
  // What has changed since the last call; all that is there, at the first. A file that is another
  // now is gone first. Names *.bpf.o without a leading dot. A directory that is not to be trusted
  // any more is refused itself, and what was in it is gone.
  std::vector<Change> Look();

 private:
  // Device, inode, size, and when it was last changed (its mode and owner too).
  using Identity = std::tuple<uint64_t, uint64_t, int64_t, int64_t, int64_t>;
  using Files = std::map<std::string, Identity>;  // by name
  struct Folder {
    Files files;  // that were there
    bool trusted = true;
  };

  void LookInto(const std::string& path, Folder* folder, std::vector<Change>* changes);

  UniqueFd inotify_;
  std::map<std::string, Folder> directories_;  // by path
};

}  // namespace bpftune
