// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// An undo journal whose file is a string.

#include <string>

#include "controller/undo/undo_journal.h"

namespace bpftune {

class FakeJournal : public Journal {
 public:
  Status Append(const JournalRecord& record) override {
    if (error != 0) return Error(error, "writing 'undo.journal'");
    text += JournalLine(record);
    return Ok();
  }

  Standings Read() const { return ParseJournal(text).standings; }

  std::string text = JournalHeader("this-boot", NetnsIdKind::kCookie);
  int error = 0;
};

}  // namespace bpftune
