// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What every value was before we came. The applier appends a record before each write of a sysctl;
// rollback.h goes back by it, after a crash too. One text file an instance, a record a line, each
// with its own checksum:
//
//   792df8d3766d02a8 write 4711 4026532281 net.ipv4.tcp_wmem 4096,16384,4194304 4096,16384,8388608
//
// (FNV-1a of the rest of the line, 64 bits; what; namespace id and inode; tunable; value before and
// after). It counts for the boot that its first line names, and is of no use in any other: sysctls
// do not outlive the machine. So all that has to be survived is the end of the daemon, and what
// write() has taken does: no fdatasync(), which would help after a crash of the machine only, and
// costs 0.5 ms where the directory is on a disk.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "controller/result.h"
#include "controller/sysctl_files.h"
#include "controller/unique_fd.h"
#include "controller/values.h"
#include "netns/netns_id.h"

namespace bpftune {

struct JournalRecord {
  enum class Kind {
    kWrite,     // `after` is about to be written over `before`
    kStands,    // `after` is what the kernel made of it; `before` again if it took nothing
    kReleased,  // not ours any more: `after` is somebody else's, or the namespace is gone
  };
  Kind kind = Kind::kWrite;
  SysctlPlace place;
  uint64_t inode = 0;  // of the namespace, 0 where not known
  Values before;
  Values after;
};

// What the records say of one place.
struct Standing {
  uint64_t inode = 0;
  Values baseline;         // before the first write
  Values last;             // our last write
  Values previous;         // what that was written over
  bool in_flight = false;  // nobody has recorded what became of the last write

  // The value in force is what we wrote, or, where we died in the middle of a write, what the write
  // was to replace, or what the kernel may have made of it: between the two.
  bool IsOurs(const Values& current) const;

  friend bool operator==(const Standing&, const Standing&) = default;
};

using Standings = std::map<SysctlPlace, Standing>;
void Fold(const JournalRecord& record, Standings* standings);

// The edge that the applier writes to; controller/fakes has one in memory.
class Journal {
 public:
  virtual ~Journal() = default;
  // When this returns Ok the record outlives this process, however it ends.
  virtual Status Append(const JournalRecord& record) = 0;
  // Does now what the next Append() would have to do first. Fails as that would.
  virtual Status Maintain() { return Ok(); }
};

struct ParsedJournal {
  std::string boot_id;  // empty: not a journal, or an empty one
  NetnsIdKind ids = NetnsIdKind::kCookie;
  Standings standings;
  size_t records = 0;
  bool damaged = false;  // what is behind that many records was not read
};

std::string JournalHeader(const std::string& boot_id, NetnsIdKind ids);
std::string JournalLine(const JournalRecord& record);
// The shortest lines that say the same.
std::string JournalLines(const Standings& standings);
// Never fails: reads up to the first thing that is not right.
ParsedJournal ParseJournal(std::string_view text);

class UndoJournal : public Journal {
 public:
  static constexpr char kFileName[] = "undo.journal";
  // Written anew, without what is out of date, when it has grown to this or to twice what was left
  // the last time, whichever is more.
  static constexpr size_t kCompactBytes = 256 << 10;

  enum class Missing { kCreate, kIsAnError };

  // `directory` is made if need be, readable by us alone; whoever opens it has locked the instance
  // (instance.h). One of another boot is started afresh. Fails: ENOENT (kIsAnError), and whatever
  // else keeps it from being safe or written; the message says what to do.
  static Result<UndoJournal> Open(const std::string& directory, Missing missing);

  UndoJournal(UndoJournal&&) noexcept = default;
  UndoJournal& operator=(UndoJournal&&) noexcept = default;

  // A failed append leaves the file as it was.
  Status Append(const JournalRecord& record) override;
  // Writes the file anew where that is due, or somebody has removed it.
  Status Maintain() override;

  const Standings& standings() const { return standings_; }
  NetnsIdKind ids() const { return ids_; }
  bool was_damaged() const { return was_damaged_; }
  const std::string& path() const { return path_; }

  // Asked before the file is written anew: places that it names are dropped.
  void set_is_gone(std::function<bool(const SysctlPlace&, uint64_t inode)> is_gone) {
    is_gone_ = std::move(is_gone);
  }

  // After a complete rollback.
  Status Remove();

 private:
  UndoJournal(std::string directory, UniqueFd directory_fd);

  Status Load(std::string boot_id);
  Status Rewrite();

  UniqueFd directory_;
  UniqueFd file_;
  std::string path_;
  std::string boot_id_;
  NetnsIdKind ids_ = NetnsIdKind::kCookie;
  bool was_damaged_ = false;
  Standings standings_;
  size_t bytes_ = 0;
  size_t compact_at_ = kCompactBytes;
  std::function<bool(const SysctlPlace&, uint64_t inode)> is_gone_;
};

}  // namespace bpftune
