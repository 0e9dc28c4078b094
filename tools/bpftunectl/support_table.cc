// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/support_table.h"

#include <algorithm>
#include <string_view>

namespace bpftune::ctl {
namespace {

constexpr std::string_view kHead = "tuner ";
constexpr std::string_view kColumn = " runs as";
constexpr std::string_view kNotLoaded = "not loaded: ";
constexpr std::string_view kStandsDown = "stands down: ";
constexpr std::string_view kNeverRuns = "the kernel never runs it";

// Takes the first word off, and the blanks behind it.
std::string TakeWord(std::string_view* text) {
  const size_t end = std::min(text->find(' '), text->size());
  std::string out(text->substr(0, end));
  const size_t next = text->find_first_not_of(' ', end);
  *text = next == text->npos ? std::string_view() : text->substr(next);
  return out;
}

// Whether the kernel runs it, at the end of the line of what runs; takes it off.
std::string TakeFiring(std::string_view* text) {
  for (const std::string_view words :
       {"fires", kSilent, "could not tell", "not tried", "run by bpftune"}) {
    if (!text->ends_with(words)) continue;
    text->remove_suffix(words.size());
    text->remove_suffix(text->size() - (text->find_last_not_of(' ') + 1));
    return std::string(words);
  }
  return "";
}

// What is in the bracket at the end; takes it off.
std::string TakeBracket(std::string_view* text) {
  if (!text->ends_with(')')) return "";
  int open = 0;
  for (size_t at = text->size(); at-- > 0;) {
    open += (*text)[at] == ')' ? 1 : (*text)[at] == '(' ? -1 : 0;
    if (open != 0) continue;
    std::string out(text->substr(at + 1, text->size() - at - 2));
    *text = text->substr(0, at == 0 ? 0 : at - 1);
    return out;
  }
  return "";
}

bool Says(const SupportRow& row, std::string_view part) {
  return row.why.find(part) != row.why.npos;
}

SupportRow RowOf(std::string_view line) {
  SupportRow row;
  if (line.starts_with(kNotLoaded)) {
    row.kind = SupportRow::Kind::kNotLoaded;
    line.remove_prefix(kNotLoaded.size());
    const size_t colon = std::min(line.find(": "), line.size());
    row.tuner = line.substr(0, colon);
    row.why = line.substr(std::min(colon + 2, line.size()));
    return row;
  }
  row.tuner = TakeWord(&line);
  row.hook = TakeWord(&line);
  if (line.starts_with(kStandsDown)) {
    row.kind = SupportRow::Kind::kStandsDown;
    row.why = line.substr(kStandsDown.size());
    return row;
  }
  const bool is_lost = line.starts_with("- ");
  if (!is_lost) row.fires = TakeFiring(&line);
  row.why = TakeBracket(&line);
  if (is_lost && Says(row, kNeverRuns)) row.fires = kSilent;
  (is_lost ? row.loss : row.program) = is_lost ? line.substr(2) : line;
  if (row.hook != "module") return row;
  row.kind = SupportRow::Kind::kModule;
  row.hook = is_lost ? row.why.substr(0, row.why.find(':')) : row.program;
  return row;
}

}  // namespace

std::vector<SupportRow> ParseSupport(const std::vector<std::string>& lines) {
  std::vector<SupportRow> out;
  bool in_table = false;
  for (const std::string& line : lines) {
    if (in_table && !line.empty()) out.push_back(RowOf(line));
    in_table |= line.starts_with(kHead) && line.find(kColumn) != line.npos;
  }
  return out;
}

std::string AdviceFor(const SupportRow& row) {
  if (row.is_fine()) return "";
  if (Says(row, "--without-hook")) return "it was switched off with --without-hook; leave that out";
  if (row.fires == kSilent || Says(row, kNeverRuns)) {
    return "it attaches and does not fire: sysctl kernel.ftrace_enabled=1, kprobes on "
           "(/sys/kernel/debug/kprobes/enabled), bpftune inside of its control-group namespace; "
           "bpftune -S says which is off; then restart bpftune";
  }
  if (row.kind == SupportRow::Kind::kHook && !row.program.empty()) {
    return "";  // another way works: nothing is lost
  }
  if (row.kind == SupportRow::Kind::kModule) {
    return "install the modules of this kernel (linux-modules-extra or the like), then restart "
           "bpftune";
  }
  if (Says(row, "no cgroup v2")) {
    return "mount cgroup v2 (mount -t cgroup2 none /sys/fs/cgroup), then restart bpftune";
  }
  if (Says(row, "not permitted") || Says(row, "Permission denied")) {
    return "let bpftune keep CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_ADMIN; see whether "
           "the kernel is locked down (/sys/kernel/security/lockdown)";
  }
  if (Says(row, "File exists")) {
    return "another bpftune has it; only one on a machine can";
  }
  if (row.kind == SupportRow::Kind::kNotLoaded) {
    return "see bpftunectl check of that file; docs/kernel-support.md says what each kernel can";
  }
  return "this kernel cannot do it; docs/kernel-support.md says which can";
}

}  // namespace bpftune::ctl
