// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// verified_instructions OBJECTS < what `bpftune -S` printed: how many instructions this kernel's
// verifier looks at for each program in use, a line "tuner program instructions" each. An object is
// loaded as the daemon loads it, with just these programs and the same facts, and nothing attached.

#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "controller/bpf_handles.h"
#include "controller/description.h"
#include "controller/log.h"
#include "controller/result.h"

namespace bpftune {
namespace {

constexpr uint32_t kStatistics = 4;  // BPF_LOG_STATS
constexpr size_t kLogBytes = 65536;  // a few lines, and some for each function of its own

struct InUse {
  std::map<std::string, std::vector<std::string>> programs;  // by tuner
  bool netns_by_inode = false;
};

InUse ReadSupport(std::istream& in) {
  InUse out;
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("bpftune does not support per-netns")) out.netns_by_inode = true;
    std::istringstream words(line);
    std::string tuner;
    std::string hook;
    std::string program;
    if (words >> tuner >> hook >> program && program.starts_with(hook + "__")) {
      out.programs[tuner].push_back(program);
    }
  }
  return out;
}

// As Tuner::Load tells it.
Status Tell(bpf_object* object, const Description& description,
            const std::vector<std::string>& programs, bool netns_by_inode) {
  uint32_t hooks = 0;
  for (size_t row = 0; row < description.hooks.size(); ++row) {
    const bool preferred =
        std::ranges::find(programs, description.hooks[row].programs.front()) != programs.end();
    if (preferred) hooks |= 1U << row;
  }
  uint16_t set_rows[TUNER_MAX_TUNABLES] = {};
  for (size_t row = 0; row < description.tunables.size(); ++row) {
    set_rows[row] = description.tunables[row].set_row;
  }
  const auto page_bytes = static_cast<uint32_t>(getpagesize());
  for (const Status& step :
       {SetRodata(object, "tuner_page_bytes", &page_bytes, sizeof(page_bytes)),
        SetRodata(object, "tuner_set_row", set_rows, sizeof(set_rows)),
        SetRodata(object, "tuner_hooks", &hooks, sizeof(hooks)),
        SetRodata(object, "tuner_netns_by_inode", &netns_by_inode, sizeof(bool))}) {
    if (!step) return step.error();
  }
  return Ok();
}

// Of "processed 123 insns (limit 1000000) ..."; 0 where the log has no such line.
unsigned long Processed(const std::string& log) {
  const std::string before = "processed ";
  const size_t at = log.find(before);
  return at == log.npos ? 0 : std::strtoul(log.c_str() + at + before.size(), nullptr, 10);
}

Status Print(const std::string& folder, const std::string& tuner,
             const std::vector<std::string>& names, bool netns_by_inode) {
  auto object = OpenObject(folder + "/" + tuner + ".bpf.o");
  if (!object) return object.error();
  auto description = ReadDescription(object->get());
  if (!description) return description.error();
  const Status told = Tell(object->get(), *description, names, netns_by_inode);
  if (!told) return told.error();
  std::map<std::string, std::string> logs;
  for (const std::string& name : names) {
    bpf_program* program = bpf_object__find_program_by_name(object->get(), name.c_str());
    if (!program) return Error("there is no program '" + name + "'");
    std::string& log = logs[name];
    log.resize(kLogBytes);
    bpf_program__set_autoload(program, true);
    bpf_program__set_log_level(program, kStatistics);
    bpf_program__set_log_buf(program, log.data(), log.size());
  }
  const int err = bpf_object__load(object->get());
  if (err) return Error(err, "loading '" + tuner + "'");
  for (const auto& [name, log] : logs) {
    const unsigned long instructions = Processed(log);
    if (instructions == 0) return Error("the verifier did not say what '" + name + "' took");
    std::printf("%-14s%-36s%8lu\n", tuner.c_str(), name.c_str(), instructions);
  }
  return Ok();
}

}  // namespace
}  // namespace bpftune

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: verified_instructions OBJECTS < what bpftune -S printed\n", stderr);
    return 2;
  }
  bpftune::CaptureLibbpfMessages();
  const bpftune::InUse in_use = bpftune::ReadSupport(std::cin);
  int result = in_use.programs.empty() ? 1 : 0;
  for (const auto& [tuner, programs] : in_use.programs) {
    const bpftune::Status printed = bpftune::Print(argv[1], tuner, programs, in_use.netns_by_inode);
    if (printed) continue;
    std::fprintf(stderr, "%s: %s\n", tuner.c_str(), printed.error().message().c_str());
    result = 1;
  }
  return result;
}
